"""A transaction's view, against a dictionary: durable rows, pending batches and own writes in one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.storage import overlay
from strongroom.storage.store import INDEX_ROW, Store
from strongroom.storage.transaction import Transaction
from tests.storage.test_store import Gate, settle

KEYS = st.lists(st.sampled_from(["a", "b", "a-", "c"]), min_size=1, max_size=3).map(
    lambda names: "/".join(["t", *names])
)
PREFIXES = st.one_of(KEYS, KEYS.map(lambda key: key + "/"))


@dataclass(frozen=True)
class Step:
    """A write, a deletion or the deletion of a prefix."""

    kind: str
    key: str


STEPS = st.lists(
    st.one_of(
        st.builds(Step, st.sampled_from(["put", "delete"]), KEYS),
        st.builds(Step, st.just("delete_prefix"), PREFIXES),
    ),
    max_size=6,
)


def apply(tx: Transaction, state: dict[str, bytes], steps: list[Step], mark: bytes) -> None:
    """Do ``steps`` to both."""
    for step in steps:
        if step.kind == "put":
            tx.put(step.key, mark)
            state[step.key] = mark
        elif step.kind == "delete":
            tx.delete(step.key)
            state.pop(step.key, None)
        else:
            tx.delete_prefix(step.key)
            for key in [key for key in state if key.startswith(step.key)]:
                del state[key]


async def check(tx: Transaction, state: dict[str, bytes], prefix: str, *, after: str, limit: int) -> None:
    folder = prefix[: prefix.rfind("/") + 1]
    stop = limit if limit > 0 else None
    below = [key[len(folder) :] for key in state if key.startswith(folder)]
    names = sorted({name[: name.index("/") + 1] if "/" in name else name for name in below} - {""})
    assert await tx.list(folder, after, limit) == [name for name in names if name > after][:stop]
    rest = sorted(key[len(prefix) :] for key in state if key.startswith(prefix) and key != prefix)
    assert await tx.scan(prefix, after, limit) == [name for name in rest if name > after][:stop]
    for key in (*state, prefix):
        assert await tx.get(key) == state.get(key)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    durable=STEPS,
    pending=st.lists(STEPS.filter(bool), max_size=3),
    own=STEPS,
    prefix=PREFIXES,
    after=st.one_of(st.just(""), PREFIXES.map(lambda path: path[2:])),
    limit=st.sampled_from([-1, 1, 2, 9]),
)
def test_views_match_a_dictionary(  # noqa: PLR0917  # each an axis of the cases
    durable: list[Step], pending: list[list[Step]], own: list[Step], prefix: str, after: str, limit: int
) -> None:
    async def main() -> None:
        gate = Gate()
        store = Store(gate)
        state: dict[str, bytes] = {}
        first = store.begin(write=True)
        apply(first, state, durable, b"durable")
        await store.commit(first)
        landed = dict(state)
        gate.open.clear()
        commits = []
        for number, steps in enumerate(pending):
            tx = store.begin(write=True)
            apply(tx, state, steps, b"pending%d" % number)
            commits.append(asyncio.create_task(store.commit(tx)))
            await settle()
        tx = store.begin(write=True)
        apply(tx, state, own, b"own")
        await check(tx, state, prefix, after=after, limit=limit)
        reading = store.begin(write=False)
        await check(reading, landed, prefix, after=after, limit=limit)
        gate.open.set()
        await asyncio.gather(*commits)
        await check(tx, state, prefix, after=after, limit=limit)
        await check(reading, landed, prefix, after=after, limit=limit)
        reading.close()
        await store.commit(tx)
        reading = store.begin(write=False)
        await check(reading, state, prefix, after=after, limit=limit)
        assert set(await reading.scan("")) - {INDEX_ROW} == set(state)
        reading.close()
        assert len(store.history.batches) == 0
        await store.close()

    asyncio.run(main())


def test_pages_of_the_base_are_read_until_enough_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "PAGE", 3)

    async def main() -> None:
        store = Store(Gate())
        tx = store.begin(write=True)
        for number in range(40):
            tx.put(f"f/{number:02}/x", b"")
            tx.put(f"k/{number:02}", b"")
        await store.commit(tx)
        tx = store.begin(write=True)
        for number in range(30):
            tx.delete(f"f/{number:02}/x")
            tx.delete(f"k/{number:02}")
        tx.put("k/05a", b"")
        assert await tx.list("k/", "", 2) == ["05a", "30"]
        assert await tx.scan("k/", "05a", 2) == ["30", "31"]
        assert await tx.list("f/", "", 1) == ["30/"]
        assert await tx.list("") == ["core/", "f/", "k/"]
        tx.close()
        await store.close()

    asyncio.run(main())
