"""The journal: a crash at any step leaves the old state or the new one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import StorageFailed
from strongroom.storage.journal import DATA, INTENT, Journal, pack, unpack
from strongroom.storage.physical import Batch, Names

T = TypeVar("T")


class Crash(Exception):  # an event, not an error the code may handle
    """The power is gone."""


class Keys:
    """Single keys in a dictionary; the change number ``step`` fails before or after it happens."""

    def __init__(self, rows: dict[str, bytes]) -> None:
        self.rows = rows
        self.step = -1
        self.after = False
        self.error: Exception = Crash()
        self.steps = 0

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.rows.get(key)

    async def put(self, key: str, value: bytes) -> None:
        await self._change(key, value)

    async def delete(self, key: str) -> None:
        await self._change(key, None)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        await asyncio.sleep(0)
        below = (key[len(prefix) :] for key in self.rows if key.startswith(prefix))
        folded = {head + slash for head, slash, _ in (name.partition("/") for name in below)}
        names = sorted(name for name in folded if name > after)
        return names[:limit] if limit > 0 else names

    async def close(self) -> None:
        return

    async def _change(self, key: str, value: bytes | None) -> None:
        await asyncio.sleep(0)
        self.steps += 1
        if self.steps == self.step and not self.after:
            raise self.error
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value
        if self.steps == self.step and self.after:
            raise self.error


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


async def state(journal: Journal) -> dict[str, bytes | None]:
    snapshot = journal.snapshot()
    rows = {key: await snapshot.get(key) for key in await snapshot.scan("")}
    snapshot.close()
    return rows


OLD: dict[str, bytes | None] = {"a": b"1", "d/x": b"1", "d/y": b"1", "e": b"1"}
BATCH = Batch({"a": b"2", "b/c": b"2", "d/y": b"2", "e": None}, ranges=["d/"])
NEW: dict[str, bytes | None] = {"a": b"2", "b/c": b"2", "d/y": b"2"}


async def prepared() -> Keys:
    keys = Keys({})
    await Journal(keys).commit(Batch(dict(OLD)))
    keys.steps = 0
    return keys


async def crash_at(keys: Keys, step: int, *, after: bool) -> bool:
    """Commit up to the crash; whether it came that far."""
    keys.steps, keys.step, keys.after = 0, step, after
    try:
        await Journal(keys).commit(BATCH)
    except Crash:
        return True
    return False


@pytest.mark.parametrize("after", (False, True))
def test_a_crash_at_any_step_leaves_old_or_new(after: bool) -> None:
    async def main() -> list[bool]:
        outcomes: list[bool] = []
        for step in range(1, 100):
            keys = await prepared()
            if not await crash_at(keys, step, after=after):
                break
            keys.step = -1
            found = await state(Journal(keys))
            assert found in (OLD, NEW)
            assert INTENT not in keys.rows
            outcomes.append(found == NEW)
        return outcomes

    outcomes = run(main())
    assert len(outcomes) == 8  # the intent, one deletion of a range, two of keys, three writes, the clearing
    assert outcomes == sorted(outcomes)  # once new, always new
    assert outcomes[0] is after


def test_a_crash_during_replay_is_replayed() -> None:
    async def main() -> None:
        for first in range(2, 8):
            for second in range(1, 100):
                keys = await prepared()
                assert await crash_at(keys, first, after=True)
                keys.steps, keys.step = 0, second
                try:
                    await state(Journal(keys))
                except Crash:
                    keys.step = -1
                    assert await state(Journal(keys)) == NEW
                else:
                    break

    run(main())


def test_a_torn_intent_never_counted() -> None:
    async def main() -> None:
        whole = pack(BATCH)
        for length in range(0, len(whole), 7):
            keys = await prepared()
            keys.rows[INTENT] = whole[:length]
            assert await state(Journal(keys)) == OLD
            assert INTENT not in keys.rows

    run(main())


def test_an_intent_that_cannot_be_written_changes_nothing() -> None:
    async def main() -> None:
        for after in (False, True):
            keys = await prepared()
            journal = Journal(keys)
            keys.steps, keys.step, keys.after, keys.error = 0, 1, after, StorageFailed("full")
            with pytest.raises(StorageFailed, match="full"):
                await journal.commit(BATCH)
            assert await state(journal) == OLD
            assert await state(Journal(keys)) == OLD

    run(main())


def test_a_batch_that_cannot_be_applied_yet_has_happened_all_the_same() -> None:
    async def main() -> None:
        for step in range(2, 9):
            keys = await prepared()
            journal = Journal(keys)
            before = journal.snapshot()
            keys.step, keys.error = step, StorageFailed("full")
            await journal.commit(BATCH)
            assert await state(journal) == NEW
            assert await before.scan("") == list(OLD)
            assert await state(Journal(Keys(dict(keys.rows)))) == NEW
            await journal.commit(Batch({"z": b"3"}))
            assert await state(journal) == NEW | {"z": b"3"}
            assert await before.scan("") == list(OLD)
            assert {key for key in keys.rows if not key.startswith(DATA)} == set()

    run(main())


def test_while_the_store_is_out_the_next_batch_is_refused_whole() -> None:
    async def main() -> None:
        keys = await prepared()
        journal = Journal(keys)
        keys.step, keys.error = 3, StorageFailed("full")
        await journal.commit(BATCH)
        keys.step = keys.steps + 1
        with pytest.raises(StorageFailed):
            await journal.commit(Batch({"z": b"3"}))
        assert await state(journal) == NEW

    run(main())


def test_readers_during_the_application_see_one_state() -> None:
    async def main() -> None:
        keys = await prepared()
        journal = Journal(keys)
        commit = asyncio.create_task(journal.commit(BATCH))
        while not commit.done():
            assert await state(journal) in (OLD, NEW)
        assert await state(journal) == NEW

    run(main())


@given(
    st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.none(), st.binary(max_size=9)), max_size=5),
    st.lists(st.text(max_size=5), max_size=3),
)
def test_an_intent_comes_back_as_it_was(writes: dict[str, bytes | None], ranges: list[str]) -> None:
    assert unpack(pack(Batch(writes, ranges))) == Batch(writes, ranges)
