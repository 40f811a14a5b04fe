"""Transactions: what they read, when they conflict, how they share a commit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import orjson
import pytest

from strongroom.errors import Conflict, Internal, StorageFailed
from strongroom.storage.inmem import InMem
from strongroom.storage.physical import Batch, CompareFailed, InvalidKey, Physical, Snapshot
from strongroom.storage.store import INDEX_ROW, Store
from tests.storage.conftest import Opener


class Gate:
    """Storage whose commits wait for ``open``, are counted, and fail on demand."""

    def __init__(self) -> None:
        self.inner = InMem()
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[Batch] = []
        self.error: Exception | None = None

    def snapshot(self) -> Snapshot:
        return self.inner.snapshot()

    async def commit(self, batch: Batch) -> None:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        await self.inner.commit(batch)
        self.batches.append(batch)

    async def close(self) -> None:
        await self.inner.close()


def using(body: Callable[[Store, Gate], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        gate = Gate()
        store = Store(gate)
        await store.open()
        await body(store, gate)
        gate.open.set()
        await store.close()

    asyncio.run(main())


async def write(store: Store, **rows: bytes) -> int:
    tx = store.begin(write=True)
    for key, value in rows.items():
        tx.put(key, value)
    return await store.commit(tx)


async def read(store: Store, key: str) -> bytes | None:
    tx = store.begin(write=False)
    value = await tx.get(key)
    await store.commit(tx)
    return value


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_transaction_sees_its_own_writes() -> None:
    async def body(store: Store, gate: Gate) -> None:
        await write(store, **{"f/a": b"1", "f/b": b"2", "g": b"3"})
        tx = store.begin(write=True)
        before = tx.dirty
        tx.put("f/c/d", b"4")
        tx.delete("f/a")
        assert (before, tx.dirty) == (False, True)
        assert await tx.list("f/") == ["b", "c/"]
        assert await tx.scan("") == [INDEX_ROW, "f/b", "f/c/d", "g"]
        tx.delete_prefix("f/")
        tx.put("f/z", b"5")
        assert [await tx.get(key) for key in ("f/a", "f/b", "f/c/d", "f/z", "g")] == [
            None,
            None,
            None,
            b"5",
            b"3",
        ]
        assert await tx.list("f/") == ["z"]
        assert await read(store, "f/b") == b"2"
        await store.commit(tx)
        assert await read(store, "f/b") is None
        assert await read(store, "f/z") == b"5"

    using(body)


def test_indexes_count_batches_and_survive() -> None:
    async def body(store: Store, gate: Gate) -> None:
        assert store.index == 0
        assert [await write(store, a=b"1"), await write(store, a=b"2")] == [1, 2]
        assert store.index == 2
        reading = store.begin(write=False)
        assert await reading.get("a") == b"2"
        await write(store, a=b"3")
        assert await store.commit(reading) == 2
        again = Store(gate)
        await again.open()
        assert again.index == 3
        assert await write(again, a=b"4") == 4

    using(body)


def test_generations_move_with_touches_and_reach_other_processes() -> None:
    async def body(store: Store, gate: Gate) -> None:
        reader = Store(gate)
        await reader.open()
        tx = store.begin(write=True)
        tx.touch("mounts")
        gate.open.clear()
        commit = asyncio.create_task(store.commit(tx))
        await settle()
        assert store.generation("mounts") == 0
        gate.open.set()
        assert await commit == 1
        await write(store, a=b"1")
        assert store.generation("mounts") == 1
        assert store.generation("policies") == 0
        assert reader.generation("mounts") == 0
        await reader.refresh()
        assert (reader.index, reader.generation("mounts")) == (2, 1)
        row = await read(store, INDEX_ROW)
        assert row is not None
        assert orjson.loads(row) == {"index": 2, "generations": {"mounts": 1}}

    using(body)


def test_hooks_are_called_when_the_writes_are_accepted() -> None:
    async def body(store: Store, gate: Gate) -> None:
        said: list[str] = []
        tx = store.begin(write=True)
        tx.on_accept(partial(said.append, "first note"), partial(said.append, "first check"))
        point = tx.savepoint()
        tx.on_accept(partial(said.append, "dropped"))
        tx.rollback(point)
        tx.on_accept(check=partial(said.append, "second check"))
        tx.put("a", b"1")
        gate.open.clear()
        commit = asyncio.create_task(store.commit(tx))
        await asyncio.sleep(0)
        assert said == ["first check", "second check", "first note"]
        gate.open.set()
        await commit

    using(body)


def test_a_check_that_objects_leaves_nothing_behind() -> None:
    async def body(store: Store, gate: Gate) -> None:
        said: list[str] = []

        def object_() -> None:
            raise Conflict

        tx = store.begin(write=True)
        tx.on_accept(partial(said.append, "note"))
        tx.on_accept(check=object_)
        tx.put("a", b"1")
        with pytest.raises(Conflict):
            await store.commit(tx)
        assert said == []
        assert await read(store, "a") is None
        nothing = store.begin(write=True)
        nothing.on_accept(partial(said.append, "note"))
        await store.commit(nothing)
        assert said == []

    using(body)


def test_rollback_drops_only_what_came_after_the_savepoint() -> None:
    async def body(store: Store, gate: Gate) -> None:
        await write(store, **{"p/old": b"0"})
        tx = store.begin(write=True)
        empty = tx.savepoint()
        tx.put("p/kept", b"1")
        tx.touch("kept")
        point = tx.savepoint()
        tx.delete_prefix("p/")
        tx.put("p/dropped", b"2")
        tx.touch("dropped")
        tx.rollback(point)
        assert await tx.scan("p/") == ["kept", "old"]
        tx.put("p/more", b"3")
        tx.rollback(point)
        index = await store.commit(tx)
        assert (store.generation("kept"), store.generation("dropped")) == (index, 0)
        assert await read(store, "p/kept") == b"1"
        assert await read(store, "p/more") is None
        other = store.begin(write=True)
        other.put("x", b"")
        other.rollback(empty)
        assert not other.dirty
        other.close()

    using(body)


Read = Callable[[Any], Coroutine[Any, Any, Any]]
Change = Callable[[Any], None]


@pytest.mark.parametrize(
    ("look", "change", "conflict"),
    (
        (lambda tx: tx.get("a/b"), lambda tx: tx.put("a/b", b"2"), True),
        (lambda tx: tx.get("a/b"), lambda tx: tx.delete("a/b"), True),
        (lambda tx: tx.get("a/b"), lambda tx: tx.delete_prefix("a"), True),
        (lambda tx: tx.get("a/b"), lambda tx: tx.put("a/c", b"2"), False),
        (lambda tx: tx.get("a/b"), lambda tx: tx.delete_prefix("a/c"), False),
        (lambda tx: tx.get("absent"), lambda tx: tx.put("absent", b"2"), True),
        (lambda tx: tx.list("a/"), lambda tx: tx.put("a/c/d", b"2"), True),
        (lambda tx: tx.list("a/"), lambda tx: tx.delete_prefix("a/b"), True),
        (lambda tx: tx.list("a/"), lambda tx: tx.delete_prefix(""), True),
        (lambda tx: tx.scan("a"), lambda tx: tx.put("ab", b"2"), True),
        (lambda tx: tx.list("a/"), lambda tx: tx.put("b", b"2"), False),
    ),
)
def test_a_commit_conflicts_with_changes_to_what_was_read(look: Read, change: Change, conflict: bool) -> None:
    async def body(store: Store, gate: Gate) -> None:
        await write(store, **{"a/b": b"1"})
        tx = store.begin(write=True)
        await look(tx)
        tx.put("mine", b"1")
        other = store.begin(write=True)
        change(other)
        await store.commit(other)
        if conflict:
            with pytest.raises(Conflict):
                await store.commit(tx)
            assert await read(store, "mine") is None
        else:
            await store.commit(tx)
            assert await read(store, "mine") == b"1"
        assert len(store.history.batches) == 0

    using(body)


def test_an_accepted_but_pending_change_conflicts_too() -> None:
    async def body(store: Store, gate: Gate) -> None:
        gate.open.clear()
        tx = store.begin(write=True)
        await tx.get("a")
        tx.put("a", b"mine")
        commit = asyncio.create_task(write(store, a=b"theirs"))
        await settle()
        with pytest.raises(Conflict):
            await store.commit(tx)
        gate.open.set()
        await commit
        assert await read(store, "a") == b"theirs"

    using(body)


def test_what_waits_goes_together() -> None:
    async def body(store: Store, gate: Gate) -> None:
        gate.open.clear()
        first = asyncio.create_task(write(store, first=b"1"))
        await settle()
        rest = [asyncio.create_task(write(store, **{f"k{number}": b"x"})) for number in range(20)]
        await settle()
        assert store.accepted == 21
        assert store.index == 0
        gate.open.set()
        assert await first == 1
        assert await asyncio.gather(*rest) == list(range(2, 22))
        assert len(gate.batches) == 2
        assert store.index == 21
        assert len(store.history.batches) == 0

    using(body)


def test_clients_that_write_again_at_once_share_every_commit() -> None:
    class Slow(Gate):
        async def commit(self, batch: Batch) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            await super().commit(batch)

    async def client(store: Store, name: str) -> None:
        for number in range(10):
            await write(store, **{f"{name}/{number}": b"x"})

    async def main() -> int:
        store = Store(gate := Slow())
        await store.open()
        clients = [asyncio.create_task(client(store, name)) for name in "abcd"]
        await settle()  # these are in the first commit, the others come too late for it
        await asyncio.gather(*clients, *(client(store, name) for name in "efgh"))
        await store.close()
        return len(gate.batches)

    assert asyncio.run(main()) <= 12  # two halves that take turns would need 20


def test_who_writes_alone_waits_for_nobody() -> None:
    async def body(store: Store, gate: Gate) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await write(store, a=b"1")
        alone = turns
        counting.cancel()
        assert alone <= 3

    using(body)


def test_a_merged_group_does_what_its_batches_do_in_order() -> None:
    async def body(store: Store, gate: Gate) -> None:
        await write(store, **{"r/old": b"0"})
        gate.open.clear()
        block = asyncio.create_task(write(store, block=b""))
        await settle()
        tasks = []
        for step in range(4):
            tx = store.begin(write=True)
            if step == 2:
                tx.delete_prefix("r/")
            tx.put(f"r/{step}", str(step).encode())
            tx.put("r/last", str(step).encode())
            tasks.append(asyncio.create_task(store.commit(tx)))
            await settle()
        tx = store.begin(write=True)
        assert await tx.scan("r/") == ["2", "3", "last"]
        assert await tx.list("r/", "2", 1) == ["3"]
        assert [await tx.get(f"r/{name}") for name in ("old", "1", "2", "last")] == [None, None, b"2", b"3"]
        assert not tx.clean
        tx.close()
        assert await read(store, "r/old") == b"0"
        gate.open.set()
        await asyncio.gather(block, *tasks)
        reading = store.begin(write=False)
        assert await reading.scan("r/") == ["2", "3", "last"]
        reading.close()

    using(body)


def test_readers_see_only_what_is_durable_and_never_wait() -> None:
    async def body(store: Store, gate: Gate) -> None:
        gate.open.clear()
        commit = asyncio.create_task(write(store, a=b"1"))
        await settle()
        reading = store.begin(write=False)
        assert await reading.get("a") is None
        assert reading.clean
        assert await store.commit(reading) == 0
        gate.open.set()
        await commit
        assert await read(store, "a") == b"1"

    using(body)


@pytest.mark.parametrize("fails", (False, True))
def test_who_read_a_pending_batch_waits_for_it(fails: bool) -> None:
    async def body(store: Store, gate: Gate) -> None:
        gate.open.clear()
        commit = asyncio.create_task(write(store, a=b"1"))
        await settle()
        tx = store.begin(write=True)
        assert await tx.get("a") == b"1"
        assert not tx.clean
        waiting = asyncio.create_task(store.commit(tx))
        await settle()
        assert not waiting.done()
        if fails:
            gate.error = StorageFailed("full")
        gate.open.set()
        results = await asyncio.gather(commit, waiting, return_exceptions=True)
        if fails:
            assert [type(result) for result in results] == [StorageFailed, StorageFailed]
        else:
            assert list(results) == [1, 1]

    using(body)


def test_a_state_once_read_does_not_shift_when_pending_batches_land() -> None:
    async def body(store: Store, gate: Gate) -> None:
        gate.open.clear()
        commit = asyncio.create_task(write(store, a=b"1", b=b"1"))
        await settle()
        tx = store.begin(write=True)
        assert await tx.get("a") == b"1"
        gate.open.set()
        await commit
        assert await tx.get("b") == b"1"
        assert await tx.list("") == ["a", "b"]
        assert tx.clean
        tx.put("c", b"1")
        assert await store.commit(tx) == 2

    using(body)


def test_a_failed_commit_fails_all_that_wait_and_leaves_no_trace() -> None:
    async def body(store: Store, gate: Gate) -> None:
        await write(store, a=b"0")
        gate.open.clear()
        tasks = [asyncio.create_task(write(store, a=b"1")), asyncio.create_task(write(store, b=b"1"))]
        await settle()
        tasks.append(asyncio.create_task(write(store, c=b"1")))
        await settle()
        reader = store.begin(write=True)
        assert await reader.get("b") == b"1"
        reader.put("d", b"1")
        gate.error = StorageFailed("the storage is full")
        gate.open.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(result) for result in results] == ["the storage is full"] * 3
        assert len({id(result) for result in results}) == 3
        gate.error = None
        with pytest.raises(Conflict):
            await store.commit(reader)
        fresh = store.begin(write=True)
        assert [await fresh.get(key) for key in "abcd"] == [b"0", None, None, None]
        fresh.put("a", b"2")
        assert await store.commit(fresh) > 4
        assert await read(store, "a") == b"2"
        assert len(store.history.batches) == 0

    using(body)


def test_a_surprise_below_fails_the_waiting_and_is_not_hidden() -> None:
    async def main() -> None:
        gate = Gate()
        store = Store(gate)
        gate.error = ZeroDivisionError("bug")
        with pytest.raises(StorageFailed) as caught:
            await write(store, a=b"1")
        assert "bug" in caught.value.cause

    async def quietly() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        await main()

    asyncio.run(quietly())


def test_a_lost_fence_refuses_every_write() -> None:
    async def body(store: Store, gate: Gate) -> None:
        await write(store, **{"core/fence": b"me"})
        store.fence["core/fence"] = b"me"
        await write(store, a=b"1")
        await gate.inner.commit(Batch({"core/fence": b"another"}))
        with pytest.raises(CompareFailed):
            await write(store, a=b"2")
        assert await read(store, "a") == b"1"

    using(body)


def test_a_caller_that_goes_away_does_not_stop_the_commit() -> None:
    async def body(store: Store, gate: Gate) -> None:
        gate.open.clear()
        tasks = [asyncio.create_task(write(store, a=b"1")), asyncio.create_task(write(store, b=b"1"))]
        await settle()
        tasks[0].cancel()
        await settle()
        gate.open.set()
        assert await tasks[1] == 2
        assert await read(store, "a") == b"1"

    using(body)


def test_invalid_keys_fail_where_they_are_written_and_spoil_no_group() -> None:
    async def body(store: Store, gate: Gate) -> None:
        tx = store.begin(write=True)
        with pytest.raises(InvalidKey):
            tx.put("", b"")
        with pytest.raises(InvalidKey):
            tx.delete("\ud800")
        assert not tx.dirty
        tx.close()

    using(body)


def test_read_only_and_finished_transactions_refuse() -> None:
    async def body(store: Store, gate: Gate) -> None:
        reading = store.begin(write=False)
        with pytest.raises(Internal):
            reading.put("a", b"")
        with pytest.raises(Internal):
            reading.delete("a")
        with pytest.raises(Internal):
            reading.delete_prefix("a")
        with pytest.raises(Internal):
            reading.touch("a")
        tx = store.begin(write=True)
        tx.put("a", b"1")
        await store.commit(tx)
        with pytest.raises(Internal):
            tx.put("a", b"2")
        with pytest.raises(Internal):
            await tx.get("b")
        with pytest.raises(Internal):
            await store.commit(tx)
        assert await read(store, "a") == b"1"

    using(body)


def test_close_waits_for_what_was_accepted_and_takes_nothing_more() -> None:
    async def main() -> None:
        gate = Gate()
        store = Store(gate)
        commit = asyncio.create_task(write(store, a=b"1"))
        await asyncio.sleep(0)
        await store.close()
        assert await commit == 1
        with pytest.raises(StorageFailed):
            await write(store, a=b"2")
        assert len(gate.batches) == 1

    asyncio.run(main())


def test_history_ends_when_nobody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(store: Store, gate: Gate) -> None:
        old = store.begin(write=True)
        await old.get("x")
        for _ in range(10):
            await write(store, a=b"1")
        assert len(store.history.batches) == 10
        old.close()
        assert len(store.history.batches) == 0
        monkeypatch.setattr("strongroom.storage.store.MAX_HISTORY", 5)
        old = store.begin(write=True)
        await old.get("x")
        for _ in range(10):
            await write(store, a=b"1")
        assert len(store.history.batches) <= 5
        with pytest.raises(Conflict):
            await old.get("x")
        old.put("y", b"")
        with pytest.raises(Conflict):
            await store.commit(old)

    using(body)


def test_counters_are_exact_under_contention(opener: Opener) -> None:
    """Read, think, write, run again on a conflict: no increment is lost, none is doubled."""

    async def main() -> None:
        physical: Physical = opener()
        store = Store(physical)
        await store.open()
        chance = random.Random(7)

        async def increment(key: str) -> None:
            while True:
                tx = store.begin(write=True)
                value = int(await tx.get(key) or b"0")
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                tx.put(key, str(value + 1).encode())
                try:
                    await store.commit(tx)
                except Conflict:
                    continue
                return

        await asyncio.gather(*(increment(f"count/{number % 3}") for number in range(60)))
        assert [await read(store, f"count/{number}") for number in range(3)] == [b"20", b"20", b"20"]
        assert store.index == 60
        await store.close()

    asyncio.run(main())
