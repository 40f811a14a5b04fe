from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.barrier.barrier import Barrier
from strongroom.barrier.keyring import Keyring
from strongroom.barrier.view import Transaction, View
from strongroom.errors import Internal
from tests.barrier.memory import MemoryTransaction


def view(prefix: str = "logical/uuid/") -> tuple[View, MemoryTransaction]:
    barrier = Barrier()
    barrier.adopt(Keyring.create(bytes(range(32)), now=0))
    tx = MemoryTransaction()
    checked: Transaction = tx
    return View(checked, barrier, prefix), tx


def test_values_are_stored_encrypted_under_the_prefix() -> None:
    async def run() -> None:
        mount, tx = view()
        mount.put("a/b", b"hunter2")
        assert list(tx.rows) == ["logical/uuid/a/b"]
        assert b"hunter2" not in tx.rows["logical/uuid/a/b"]
        assert await mount.get("a/b") == b"hunter2"
        assert await mount.get("a") is None

    asyncio.run(run())


def test_an_entry_moved_within_the_storage_does_not_open() -> None:
    async def run() -> None:
        mount, tx = view()
        mount.put("mine", b"v")
        tx.rows["logical/uuid/yours"] = tx.rows["logical/uuid/mine"]
        with pytest.raises(Internal):
            await mount.get("yours")

    asyncio.run(run())


def test_an_entry_moved_to_another_mount_does_not_open() -> None:
    async def run() -> None:
        mount, tx = view()
        mount.put("k", b"v")
        tx.rows["logical/other/k"] = tx.rows["logical/uuid/k"]
        with pytest.raises(Internal):
            await View(tx, mount.barrier, "logical/other/").get("k")

    asyncio.run(run())


def test_sub_views_see_the_same_entries() -> None:
    async def run() -> None:
        mount, _ = view()
        mount.sub("role/").put("web", b"v")
        assert await mount.get("role/web") == b"v"
        assert await mount.sub("role/").list() == ["web"]

    asyncio.run(run())


def test_listing_scanning_and_deleting() -> None:
    async def run() -> None:
        mount, tx = view()
        View(tx, mount.barrier, "logical/other/").put("x", b"")
        for key in ("a", "a/1", "a/2/3", "b"):
            mount.put(key, b"")
        assert await mount.list() == ["a", "a/", "b"]
        assert await mount.list("a/") == ["1", "2/"]
        assert await mount.list(after="a", limit=1) == ["a/"]
        assert await mount.scan("a/") == ["1", "2/3"]
        assert await mount.scan(after="a", limit=1) == ["a/1"]
        mount.delete("b")
        mount.delete("absent")
        mount.delete_prefix("a/")
        assert await mount.scan() == ["a"]
        mount.delete_prefix()
        assert list(tx.rows) == ["logical/other/x"]

    asyncio.run(run())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(value=JSON)
def test_json_round_trip(value: Any) -> None:
    async def run() -> None:
        mount, _ = view()
        mount.put_json("k", value)
        assert await mount.get_json("k") == value
        assert await mount.get_json("absent") is None

    asyncio.run(run())
