"""What only LMDB has: one writer, many reader processes, a map that grows, full disks, millions of rows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from strongroom.errors import Conflict, StorageFailed
from strongroom.storage import lmdb_rows
from strongroom.storage.lmdb import LMDB
from strongroom.storage.physical import Batch
from strongroom.storage.store import Store

MEGABYTE = 1 << 20


async def get(physical: LMDB, key: str) -> bytes | None:
    with contextlib.closing(physical.snapshot()) as snapshot:
        return await snapshot.get(key)


def run_apart(body: str, *arguments: str) -> str:
    """Standard output of a process of its own."""
    program = "import asyncio, sys\n" + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    async def main() -> None:
        writer = LMDB(tmp_path)
        await writer.commit(Batch({"a": b"1"}))
        apart = """
            from strongroom.errors import StorageFailed
            from strongroom.storage.lmdb import LMDB
            try:
                LMDB(sys.argv[1])
            except StorageFailed as error:
                print(error.public)
            reader = LMDB(sys.argv[1], readonly=True)
            print(asyncio.run(reader.snapshot().get("a")))
        """
        refused, value = run_apart(apart, str(tmp_path)).splitlines()
        assert "another process already writes to the storage" in refused
        assert value == "b'1'"
        with pytest.raises(StorageFailed, match="another process already writes"):
            LMDB(tmp_path)
        await writer.close()
        await writer.close()
        await LMDB(tmp_path).close()

    asyncio.run(main())


def test_opening_nothing_to_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot open the storage"):
        LMDB(tmp_path / "none", readonly=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot create the storage directory"):
        LMDB(tmp_path / "file" / "x")


def test_files_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        asyncio.run(LMDB(tmp_path / "deep" / "data").close())
    finally:
        os.umask(old)
    for found in (tmp_path / "deep").rglob("*"):
        assert stat.S_IMODE(found.stat().st_mode) == (0o700 if found.is_dir() else 0o600), found


def test_the_map_grows_under_open_snapshots(tmp_path: Path) -> None:
    async def main() -> None:
        physical = LMDB(tmp_path, map_size=MEGABYTE)
        await physical.commit(Batch({"a": b"1"}))
        newest = physical.snapshot()
        await physical.commit(Batch({"big/1": bytes(9 * MEGABYTE)}))
        assert await newest.get("a") == b"1"
        assert await newest.scan("") == ["a"]
        newest.close()
        for number in range(30):
            await physical.commit(Batch({f"more/{number}": bytes(MEGABYTE)}))
        assert await get(physical, "more/29") == bytes(MEGABYTE)
        await physical.close()

    asyncio.run(main())


def test_growth_waits_for_old_readers_and_then_asks_them_to_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        physical = LMDB(tmp_path, map_size=MEGABYTE)
        await physical.commit(Batch({"a": b"1"}))
        finishing, lingering = physical.snapshot(), physical.snapshot()
        await physical.commit(Batch({"a": b"2"}))
        monkeypatch.setattr("strongroom.storage.lmdb.GRACE", 0.2)
        commit = asyncio.create_task(physical.commit(Batch({"big": bytes(4 * MEGABYTE)})))
        await asyncio.sleep(0.05)
        assert await finishing.get("a") == b"1"
        finishing.close()
        await commit
        for read in (lingering.get("a"), lingering.list(""), lingering.scan("")):
            with pytest.raises(Conflict):
                await read
        lingering.close()
        assert await get(physical, "a") == b"2"
        await physical.close()

    asyncio.run(main())


def test_reader_processes_follow_a_grown_map(tmp_path: Path) -> None:
    async def main() -> None:
        writer = LMDB(tmp_path, map_size=MEGABYTE)
        await writer.commit(Batch({"a": b"1"}))
        apart = """
            import contextlib
            from strongroom.storage.lmdb import LMDB
            async def main():
                reader = LMDB(sys.argv[1], readonly=True, map_size=1 << 20)
                old = reader.snapshot()
                print(await old.get("a"), flush=True)
                sys.stdin.readline()
                with contextlib.closing(reader.snapshot()) as snapshot:
                    print(await snapshot.get("a"), len(await snapshot.get("big")))
                await reader.close()
            asyncio.run(main())
        """
        program = "import asyncio, sys\n" + textwrap.dedent(apart)
        with subprocess.Popen(  # noqa: ASYNC220  # the loop has nothing else to do
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            assert reader.stdout.readline() == "b'1'\n"
            await writer.commit(Batch({"a": b"2", "big": bytes(8 * MEGABYTE)}))
            reader.stdin.write("\n")
            reader.stdin.flush()
            assert reader.stdout.readline() == f"b'2' {8 * MEGABYTE}\n"
        await writer.close()

    asyncio.run(main())


def test_a_full_disk_refuses_writes_whole_and_goes_on_reading(tmp_path: Path) -> None:
    # A limit on the size of files gives the same errors from write() as a full disk.
    apart = """
        import resource
        from strongroom.errors import StorageFailed
        from strongroom.storage.lmdb import LMDB
        from strongroom.storage.store import Store
        async def write(store, **rows):
            tx = store.begin(write=True)
            for key, value in rows.items():
                tx.put(key, value)
            return await store.commit(tx)
        async def read(store, key):
            tx = store.begin(write=False)
            value = await tx.get(key)
            tx.close()
            return value
        async def main():
            physical = LMDB(sys.argv[1])
            store = Store(physical)
            await store.open()
            await write(store, a=b"1", b=b"1")
            limit = 2 << 20
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            for size in (4 << 20, 3_000_000, 5 << 20):
                try:
                    await write(store, a=b"2", big=bytes(size))
                except StorageFailed as error:
                    print("refused", error.public)
                assert await read(store, "a") == b"1"
                assert await read(store, "big") is None
            await write(store, small=b"1")
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await write(store, a=b"3", big=bytes(4 << 20))
            assert await read(store, "a") == b"3"
            await store.close()
            again = Store(LMDB(sys.argv[1]))
            await again.open()
            assert await read(again, "a") == b"3"
            assert await read(again, "small") == b"1"
            await again.close()
        asyncio.run(main())
    """
    lines = run_apart(apart, str(tmp_path)).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("refused the storage ") for line in lines)


def test_listing_does_not_depend_on_what_lies_below(tmp_path: Path) -> None:
    async def seconds(physical: LMDB) -> float:
        best = 1.0
        for _ in range(20):
            with contextlib.closing(physical.snapshot()) as snapshot:
                started = time.perf_counter()
                assert await snapshot.list("") == ["few/", "many/"]
                best = min(best, time.perf_counter() - started)
        return best

    async def main() -> None:
        physical = LMDB(tmp_path)
        await physical.commit(Batch({"few/1": b"", "many/1": b""}))
        before = await seconds(physical)
        await physical.commit(Batch({f"many/{number}": b"" for number in range(50_000)}))
        assert await seconds(physical) < before * 20 + 0.001
        await physical.close()

    asyncio.run(main())


@pytest.mark.parametrize("prefix", ("", "k", "k" * 400, "k" * 401, "k" * 600))
def test_ranges_of_long_keys(tmp_path: Path, prefix: str) -> None:
    async def main() -> None:
        keys = [
            "j",
            *("k" * length for length in (1, 399, 400, 401, 402, 599, 600, 700)),
            "k" * 400 + "l",
            "l",
        ]
        physical = LMDB(tmp_path)
        await physical.commit(Batch({key: key.encode() for key in keys}))
        await physical.commit(Batch(ranges=[prefix]))
        left = sorted(key for key in keys if not key.startswith(prefix))
        with contextlib.closing(physical.snapshot()) as snapshot:
            assert await snapshot.scan("") == left
            assert [await snapshot.get(key) for key in keys] == [
                key.encode() if key in left else None for key in keys
            ]
        await physical.close()

    asyncio.run(main())


def test_row_keys_stay_within_what_lmdb_takes() -> None:
    for length in (1, 400, 401, 32_768):
        assert len(lmdb_rows.row_key(b"k" * length)) <= 511


def anonymous_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))


@pytest.mark.slow
def test_a_million_rows_cost_neither_time_nor_memory_to_open(tmp_path: Path) -> None:
    async def main() -> None:
        store = Store(LMDB(tmp_path))
        await store.open()
        for block in range(20):
            tx = store.begin(write=True)
            for number in range(block * 50_000, (block + 1) * 50_000):
                tx.put(f"lease/{number:012}", b"x" * 100)
            await store.commit(tx)
        await store.close()
        memory, started = anonymous_kilobytes(), time.perf_counter()
        store = Store(LMDB(tmp_path))
        await store.open()
        reading = store.begin(write=False)
        assert await reading.scan("lease/", f"{999_998:012}", 10) == [f"{999_999:012}"]
        assert len(await reading.scan("lease/", "", 1_000)) == 1_000
        reading.close()
        assert time.perf_counter() - started < 0.5
        assert anonymous_kilobytes() - memory < 20_000
        tx = store.begin(write=True)
        tx.delete_prefix("lease/")
        await store.commit(tx)
        reading = store.begin(write=False)
        assert await reading.scan("lease/") == []
        await store.close()

    asyncio.run(main())
