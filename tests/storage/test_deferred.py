"""Transactions that hold nothing open: replayed as if done in one moment, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from strongroom.errors import Conflict, Internal
from strongroom.storage.deferred import DeferredTransaction
from strongroom.storage.inmem import InMem
from strongroom.storage.physical import InvalidKey
from strongroom.storage.store import Store


def with_store(scenario: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = Store(InMem())
        await store.open()
        await put(store, a=b"1", b=b"2")
        await scenario(store)
        await store.close()

    asyncio.run(run())


async def put(store: Store, **values: bytes) -> None:
    tx = store.begin(write=True)
    for key, value in values.items():
        tx.put(f"k/{key}", value)
    await store.commit(tx)


async def replayed(store: Store, deferred: DeferredTransaction) -> None:
    tx = store.begin(write=True)
    try:
        await deferred.replay(tx)
        await store.commit(tx)
    finally:
        tx.close()


async def names(store: Store) -> list[str]:
    tx = store.begin(write=False)
    try:
        return await tx.scan("k/")
    finally:
        tx.close()


def test_its_own_writes_are_seen_and_nobody_elses_sees_them_before_the_replay() -> None:
    async def scenario(store: Store) -> None:
        deferred = DeferredTransaction(store)
        deferred.put("k/c", b"3")
        deferred.delete("k/a")
        assert (await deferred.get("k/c"), await deferred.get("k/a")) == (b"3", None)
        assert await deferred.scan("k/") == await deferred.list("k/") == ["b", "c"]
        assert await names(store) == ["a", "b"]
        await replayed(store, deferred)
        assert await names(store) == ["b", "c"]

    with_store(scenario)


@pytest.mark.parametrize("read", ("get", "scan", "list"))
def test_a_read_that_gives_something_else_is_a_conflict(read: str) -> None:
    async def scenario(store: Store) -> None:
        deferred = DeferredTransaction(store)
        await getattr(deferred, read)("k/a" if read == "get" else "k/")
        deferred.put("k/mine", b"x")
        await deferred.require_fresh()
        await put(store, a=b"other", new=b"other")
        with pytest.raises(Conflict):
            await deferred.require_fresh()
        with pytest.raises(Conflict):
            await replayed(store, deferred)
        assert "mine" not in await names(store)

    with_store(scenario)


def test_it_holds_nothing_open() -> None:
    async def scenario(store: Store) -> None:
        deferred = DeferredTransaction(store)
        await deferred.get("k/a")
        for number in range(20):
            await put(store, other=b"%d" % number)
        assert not store.history.batches, "nothing is remembered for its sake"
        await replayed(store, deferred)

    with_store(scenario)


def test_ranges_domains_and_savepoints() -> None:
    async def scenario(store: Store) -> None:
        deferred = DeferredTransaction(store)
        deferred.put("k/c", b"3")
        before = deferred.savepoint()
        deferred.delete_prefix("k/")
        deferred.touch("undone")
        assert await deferred.scan("k/") == []
        deferred.rollback(before)
        assert await deferred.scan("k/") == ["a", "b", "c"]
        deferred.delete_prefix("k/a")
        deferred.touch("done")
        deferred.watch("k/b")
        await replayed(store, deferred)
        assert await names(store) == ["b", "c"]
        assert store.generation("done") > 0
        assert store.generation("undone") == 0

    with_store(scenario)


def test_what_no_store_can_hold_is_refused_at_once() -> None:
    async def scenario(store: Store) -> None:
        deferred = DeferredTransaction(store)
        with pytest.raises(InvalidKey):
            deferred.put("", b"x")
        with pytest.raises(InvalidKey):
            deferred.delete("\ud800")
        deferred.close()
        with pytest.raises(Internal):
            deferred.put("k/x", b"x")

    with_store(scenario)
