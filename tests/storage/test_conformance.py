"""What every store must do. A store that passes can carry the rest of the system."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from strongroom.errors import StorageFailed
from strongroom.storage.physical import (
    MAX_KEY_BYTES,
    Batch,
    CompareFailed,
    InvalidKey,
    KeyTooLong,
    Names,
    Physical,
    Snapshot,
)
from strongroom.storage.registry import open_storage
from tests.storage.conftest import DURABLE, Opener

LONG = "long/" + "x" * 500


def using(opener: Opener, body: Callable[[Physical], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        physical = opener()
        try:
            await body(physical)
        finally:
            await physical.close()

    asyncio.run(main())


async def put(physical: Physical, **rows: bytes | None) -> None:
    await physical.commit(Batch(dict(rows)))


async def fill(physical: Physical, *keys: str) -> None:
    await physical.commit(Batch({key: key.encode() for key in keys}))


class Fresh:
    """Each read from a snapshot of its own."""

    def __init__(self, physical: Physical) -> None:
        self.physical = physical

    async def get(self, key: str) -> bytes | None:
        with contextlib.closing(self.physical.snapshot()) as snapshot:
            return await snapshot.get(key)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        with contextlib.closing(self.physical.snapshot()) as snapshot:
            return await snapshot.scan(prefix, after, limit)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        with contextlib.closing(self.physical.snapshot()) as snapshot:
            return await snapshot.list(prefix, after, limit)


def test_values_come_back(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        rows: dict[str, bytes | None] = {"a": b"", "a/b": b"1", "A/b": b"2", "big": bytes(3_000_000)}
        await physical.commit(Batch(rows))
        for key, value in rows.items():
            assert await Fresh(physical).get(key) == value
        await put(physical, a=None, big=b"small", absent=None)
        assert await Fresh(physical).get("a") is None
        assert await Fresh(physical).get("big") == b"small"
        assert await Fresh(physical).scan("") == ["A/b", "a/b", "big"]

    using(opener, body)


@pytest.mark.parametrize("kind", DURABLE, indirect=True)
def test_committed_rows_survive_a_new_opening(opener: Opener) -> None:
    async def write(physical: Physical) -> None:
        await fill(physical, "a/b", LONG, "ü/%2e")

    async def read(physical: Physical) -> None:
        assert await Fresh(physical).scan("") == ["a/b", LONG, "ü/%2e"]
        assert await Fresh(physical).get(LONG) == LONG.encode()

    using(opener, write)
    using(opener, read)


def test_list_folds_folders_and_keeps_byte_order(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        await fill(
            physical, "f/a", "f/a/b", "f/a/c/d", "f/a-b", "f/a0", "f/B", "f/é", "f/\U0001f511/x", "g", "f"
        )
        assert await Fresh(physical).list("f/") == [
            "B",
            "a",
            "a-b",
            "a/",
            "a0",
            "é",
            "\U0001f511/",
        ]
        assert await Fresh(physical).list("") == ["f", "f/", "g"]
        assert await Fresh(physical).list("f/a/") == ["b", "c/"]
        assert await Fresh(physical).list("none/") == []
        assert await Fresh(physical).scan("f/a") == ["-b", "/b", "/c/d", "0"]

    using(opener, body)


@pytest.mark.parametrize("limit", (1, 2, 3, 100))
def test_pages_join_to_the_whole(opener: Opener, limit: int) -> None:
    keys = [
        "p/a",
        "p/a/1",
        "p/a/2",
        "p/a-b",
        "p/b/1",
        "p/c",
        f"p/{'l' * 450}",
        f"p/{'l' * 450}/x",
        f"p/{'l' * 460}",
    ]

    async def body(physical: Physical) -> None:
        await fill(physical, *keys)
        fresh = Fresh(physical)
        for read, count in ((fresh.list, 8), (fresh.scan, 9)):
            whole = await read("p/")
            assert len(whole) == count
            paged: Names = []
            while page := await read("p/", paged[-1] if paged else "", limit):
                assert len(page) <= limit
                paged += page
            assert paged == whole

    using(opener, body)


def test_after_need_not_be_a_name(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        await fill(physical, "a/b/c", "a/b/d", "a/e", "b")
        assert await Fresh(physical).list("", "a/b") == ["b"]
        assert await Fresh(physical).list("", "a") == ["a/", "b"]
        assert await Fresh(physical).scan("", "a/b/c5") == ["a/b/d", "a/e", "b"]
        assert await Fresh(physical).scan("a/", "b/d") == ["e"]

    using(opener, body)


def test_long_keys_sort_among_the_others(opener: Opener, kind: str) -> None:
    stem = "k" * 399
    keys = [
        stem,
        stem + "a",
        stem + "ab",
        stem + "ab/c",
        stem + "b" * 3_000,
        stem + "b" * 2_999 + "c",
        stem + "é",
        "l",
    ]
    # A folder for each slash would be the worst a file system can be asked for; it is still right.
    deepest = "/".join(["d" * 10] * 90)

    async def body(physical: Physical) -> None:
        await fill(physical, *keys, deepest, "m" * MAX_KEY_BYTES)
        assert await Fresh(physical).scan("k") == [key[1:] for key in keys[:-1]]
        assert await Fresh(physical).get("m" * MAX_KEY_BYTES) == b"m" * MAX_KEY_BYTES
        assert await Fresh(physical).scan("d" * 10 + "/") == [deepest[11:]]
        assert await Fresh(physical).list("", stem + "a") == [
            stem + "ab", stem + "ab/", *keys[4:], "m" * MAX_KEY_BYTES,
        ]  # fmt: skip
        await physical.commit(Batch(ranges=[stem + "b" * 1_000]))
        assert await Fresh(physical).scan(stem) == ["a", "ab", "ab/c", "é"]
        assert await Fresh(physical).get(keys[4]) is None

    using(opener, body)


def test_keys_no_store_can_hold_are_refused_and_change_nothing(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        for key, error in (("", InvalidKey), ("\ud800", InvalidKey), ("x" * (MAX_KEY_BYTES + 1), KeyTooLong)):
            with pytest.raises(error) as caught:
                await physical.commit(Batch({"fine": b"1", key: b"2"}))
            assert caught.value.status == 400
        assert await Fresh(physical).scan("") == []
        assert await Fresh(physical).get("") is None

    using(opener, body)


@pytest.mark.parametrize(
    "key",
    (
        "..",
        ".",
        "../../etc/x",
        "a//b",
        "a/",
        "/",
        "%2e",
        "nul\0",
        "a\nb",
        "CON",
        "A",
        "e\u0301",
        "\uffff",
        "a\\b",
    ),
)
def test_odd_names_are_just_names(opener: Opener, key: str) -> None:
    async def body(physical: Physical) -> None:
        await fill(physical, key, "a0")
        assert await Fresh(physical).get(key) == key.encode()
        assert key in await Fresh(physical).scan("")
        head, slash, _ = key.partition("/")
        assert head + slash in await Fresh(physical).list("")
        await physical.commit(Batch({key: None}))
        assert await Fresh(physical).list("") == ["a0"]

    using(opener, body)


def test_a_snapshot_stays_as_it_was(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        await fill(physical, "a/1", "a/2", "b/1", "c")
        old = physical.snapshot()
        await physical.commit(
            Batch({"a/3": b"3", "c": b"new", "d/e": b"x", "a/1": b"back"}, ranges=["a/", "b/"])
        )
        newer = physical.snapshot()
        await physical.commit(Batch({"d/f": b"y"}, ranges=["d/e", "c"]))
        assert await old.scan("") == ["a/1", "a/2", "b/1", "c"]
        assert await old.list("") == ["a/", "b/", "c"]
        assert [await old.get(key) for key in ("a/1", "a/2", "a/3", "c", "d/e")] == [
            b"a/1", b"a/2", None, b"c", None,
        ]  # fmt: skip
        assert await newer.scan("") == ["a/1", "a/3", "c", "d/e"]
        assert await newer.get("c") == b"new"
        assert await Fresh(physical).scan("") == ["a/1", "a/3", "d/f"]
        old.close()
        old.close()
        newer.close()

    using(opener, body)


def test_a_batch_deletes_ranges_before_it_writes(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        await fill(physical, "r/a", "r/b/c", "r", "r2", "s")
        await physical.commit(Batch({"r/b/d": b"1", "r/a": b"2"}, ranges=["r/"]))
        assert await Fresh(physical).scan("") == ["r", "r/a", "r/b/d", "r2", "s"]
        await physical.commit(Batch(ranges=["r"]))
        assert await Fresh(physical).scan("") == ["s"]
        await physical.commit(Batch({"t": b""}, ranges=[""]))
        assert await Fresh(physical).scan("") == ["t"]

    using(opener, body)


def test_compare_guards_the_whole_batch(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        await put(physical, fence=b"1", x=b"old")
        for wrong in (b"2", None):
            with pytest.raises(CompareFailed):
                await physical.commit(Batch({"x": b"new"}, ranges=["x"], compare={"fence": wrong}))
        with pytest.raises(CompareFailed):
            await physical.commit(Batch({"x": b"new"}, compare={"fence": b"1", "absent": b""}))
        assert await Fresh(physical).get("x") == b"old"
        await physical.commit(Batch({"fence": b"2"}, compare={"fence": b"1", "absent": None}))
        assert await Fresh(physical).get("fence") == b"2"

    using(opener, body)


def test_readers_never_see_half_a_batch(opener: Opener) -> None:
    async def body(physical: Physical) -> None:
        keys = [f"k/{number}" for number in range(8)]
        await physical.commit(Batch(dict.fromkeys(keys, b"0")))
        done = asyncio.Event()

        async def write() -> None:
            for round_ in range(15):
                await physical.commit(Batch(dict.fromkeys(keys, str(round_).encode())))
            done.set()

        async def read() -> None:
            while not done.is_set():
                snapshot = physical.snapshot()
                seen = set()
                for key in keys:
                    seen.add(await snapshot.get(key))
                    await asyncio.sleep(0)
                snapshot.close()
                assert len(seen) == 1

        await asyncio.gather(write(), read(), read())

    using(opener, body)


def test_unknown_kinds_and_missing_options_are_named() -> None:
    with pytest.raises(StorageFailed, match="unknown storage type 'tape'"):
        open_storage("tape", {})
    with pytest.raises(StorageFailed, match="needs the option path"):
        open_storage("lmdb", {})


SEGMENTS = st.sampled_from(["a", "b", "A", "a-b", "0", "é", "\U0001f511", "x" * 250, "y" * 401, "", ".."])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join).filter(bool)
PREFIXES = st.one_of(KEYS, KEYS.map(lambda key: key[:-1]), KEYS.map(lambda key: key + "/"))
WRITES = st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=8)), max_size=5)


def names_of(state: dict[str, bytes], prefix: str) -> list[str]:
    """Listing, as plainly as it can be said."""
    below = [key[len(prefix) :] for key in state if key.startswith(prefix)]
    folded = {name[: name.index("/") + 1] if "/" in name else name for name in below}
    return sorted(folded - {""}, key=str.encode)


def keys_of(state: dict[str, bytes], prefix: str) -> list[str]:
    return sorted(
        (key[len(prefix) :] for key in state if key.startswith(prefix) and key != prefix), key=str.encode
    )


class StoreMachine(RuleBasedStateMachine):
    """Random batches and reads against a dictionary, with old snapshots kept open."""

    kind = ""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.runner = asyncio.Runner()
        self.physical = open_storage(self.kind, {"path": self.folder})
        self.state: dict[str, bytes] = {}
        self.snapshots: list[tuple[Snapshot, dict[str, bytes]]] = []

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.physical.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    @rule(writes=WRITES, ranges=st.lists(PREFIXES, max_size=2))
    def commit(self, writes: dict[str, bytes | None], ranges: list[str]) -> None:
        self.runner.run(self.physical.commit(Batch(writes, ranges)))
        state = {key: value for key, value in self.state.items() if not key.startswith(tuple(ranges))}
        state |= {key: value for key, value in writes.items() if value is not None}
        self.state = {
            key: value for key, value in state.items() if key not in writes or writes[key] is not None
        }

    @rule()
    def keep_a_snapshot(self) -> None:
        self.snapshots.append((self.physical.snapshot(), self.state))

    @rule()
    def close_a_snapshot(self) -> None:
        if self.snapshots:
            self.snapshots.pop(0)[0].close()

    @rule(prefix=PREFIXES, after=st.one_of(st.just(""), PREFIXES), limit=st.sampled_from([-1, 0, 1, 2, 5]))
    def read(self, prefix: str, after: str, limit: int) -> None:
        folder = prefix[: prefix.rfind("/") + 1]
        fresh = self.physical.snapshot()
        for snapshot, state in [*self.snapshots, (fresh, self.state)]:
            stop = limit if limit > 0 else None
            listed = [name for name in names_of(state, folder) if name.encode() > after.encode()][:stop]
            assert self.runner.run(snapshot.list(folder, after, limit)) == listed
            scanned = [name for name in keys_of(state, prefix) if name.encode() > after.encode()][:stop]
            assert self.runner.run(snapshot.scan(prefix, after, limit)) == scanned
            assert self.runner.run(snapshot.get(prefix)) == state.get(prefix)
        fresh.close()

    @invariant()
    def all_states_hold(self) -> None:
        if not hasattr(self, "physical"):
            return
        for snapshot, state in self.snapshots:
            assert self.runner.run(snapshot.scan("")) == keys_of(state, "")
            for key, value in state.items():
                assert self.runner.run(snapshot.get(key)) == value


@pytest.mark.parametrize("examples", (25,))
def test_any_sequence_of_batches(kind: str, examples: int) -> None:
    machine = type(f"{kind}Machine", (StoreMachine,), {"kind": kind})
    steps = settings(
        max_examples=examples,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=steps)
