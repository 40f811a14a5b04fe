"""Atomic batches for stores that only know single keys.

A batch is first written whole under one key, the intent; from then on it counts. Then it is
applied key by key, and the intent is cleared. Applying is idempotent, so an intent found when the
store is opened is simply applied again. Snapshots stay right meanwhile: they carry what
the batch has not reached yet, or has already replaced.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from typing import Protocol

from strongroom.errors import StorageFailed
from strongroom.storage.overlay import Overlay
from strongroom.storage.physical import Batch, CompareFailed, Names, Snapshot, encode_key

INTENT = "journal"
DATA = "data/"
NONE = 0xFFFFFFFF  # the length that stands for "delete"

log = logging.getLogger(__name__)


class SingleKey(Protocol):
    """A store of single keys. Each change is atomic and durable when it returns, and idempotent."""

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``, or None."""

    async def put(self, key: str, value: bytes) -> None:
        """Write one key; raises StorageFailed."""

    async def delete(self, key: str) -> None:
        """Delete one key, which need not exist; raises StorageFailed."""

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """As :meth:`strongroom.storage.physical.Snapshot.list`."""

    async def close(self) -> None:
        """Release what the store holds; calling again is harmless."""


class Journal:
    """Makes a :class:`~strongroom.storage.physical.Physical` of a :class:`SingleKey` store."""

    def __init__(self, plain: SingleKey) -> None:
        self.rows = _Rows(plain)
        self._plain = plain
        self._open: set[_Snapshot] = set()
        self._applying: Overlay | None = None
        self._replayed = False
        self._replaying = asyncio.Lock()

    def snapshot(self) -> Snapshot:
        """The newest durable state."""
        snapshot = _Snapshot(self, self._open, self._applying)
        self._open.add(snapshot)
        return snapshot

    async def commit(self, batch: Batch) -> None:
        """Apply ``batch``. Once the intent is written it has happened, even if applying it must wait."""
        await self.replay()
        for key in batch.writes:
            encode_key(key)
        await self._finish()
        for key, expected in batch.compare.items():
            if await self.rows.get(key) != expected:
                raise CompareFailed(cause=f"{key} was changed by another process")
        await self._declare(batch)
        self._applying = Overlay(dict(batch.writes), list(batch.ranges))
        try:
            await self._finish()
        except StorageFailed as error:
            log.warning("a batch is safe in the journal, and is applied with the next one: %s", error.cause)

    async def close(self) -> None:
        """Close the store below; an intent that could not be applied waits for the next opening."""
        await self._plain.close()

    async def replay(self) -> None:
        """Apply what a crash left behind. Happens before the first read or commit."""
        if not self._replayed:
            async with self._replaying:
                await self._replay_once()

    async def _replay_once(self) -> None:
        if self._replayed:
            return
        intent = await self._plain.get(INTENT)
        batch = None if intent is None else unpack(intent)
        if batch is not None:
            self._applying = Overlay(batch.writes, batch.ranges)
            for snapshot in self._open:
                snapshot.born = self._applying  # it waits for the replay, and reads what that leaves
            await self._finish()
        elif intent is not None:
            await self._plain.delete(INTENT)  # torn: it was never complete, so it never counted
        self._replayed = True

    async def _declare(self, batch: Batch) -> None:
        try:
            await self._plain.put(INTENT, pack(batch))
        except StorageFailed:
            await self._plain.delete(INTENT)  # should it be there all the same, it must not count
            raise

    async def _finish(self) -> None:
        """Apply the batch under way, if there is one."""
        batch = self._applying
        if batch is None:
            return
        doomed = [key for prefix in batch.ranges for key in await self._under(prefix)]
        await self._preserve(batch, [*doomed, *batch.writes])
        for key in doomed:
            if batch.writes.get(key) is None:
                await self._plain.delete(DATA + key)
        for key, value in batch.writes.items():
            if value is None:
                await self._plain.delete(DATA + key)
            else:
                await self._plain.put(DATA + key, value)
        await self._plain.delete(INTENT)
        self._applying = None

    async def _under(self, prefix: str) -> Names:
        keys = [prefix + rest for rest in await self.rows.scan(prefix)]
        return [prefix, *keys] if prefix else keys

    async def _preserve(self, batch: Overlay, keys: Names) -> None:
        """Give the snapshots older than ``batch`` the values it is about to replace."""
        stale = [snapshot for snapshot in self._open if snapshot.born is not batch]
        for key in keys if stale else ():
            value = await self.rows.get(key)
            for snapshot in stale:
                if not snapshot.before.hides(key):
                    snapshot.before.writes[key] = value


class _Snapshot:
    """The rows, seen through what has changed since, or is still to change."""

    __slots__ = ("_journal", "_open", "before", "born")

    def __init__(self, journal: Journal, opened: set[_Snapshot], applying: Overlay | None) -> None:
        self._journal = journal
        self._open = opened
        self.born = applying
        self.before = Overlay() if applying is None else Overlay(dict(applying.writes), list(applying.ranges))

    async def get(self, key: str) -> bytes | None:
        await self._journal.replay()
        value = await self.before.get(self._journal.rows, key)
        # A batch may have come in while the row was on its way.
        return self.before.writes.get(key) if self.before.hides(key) else value

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        await self._journal.replay()
        while True:
            mark = len(self.before.writes)
            names = await self.before.list(self._journal.rows, prefix, after, limit)
            if len(self.before.writes) == mark:
                return names

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        await self._journal.replay()
        while True:
            mark = len(self.before.writes)
            names = await self.before.scan(self._journal.rows, prefix, after, limit)
            if len(self.before.writes) == mark:
                return names

    def close(self) -> None:
        self._open.discard(self)


class _Rows:
    """What the store below holds now, readable like a snapshot."""

    def __init__(self, plain: SingleKey) -> None:
        self._plain = plain

    async def get(self, key: str) -> bytes | None:
        return await self._plain.get(DATA + key) if key else None

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        return await self._plain.list(DATA + prefix, after, limit)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """Depth first: listing order within each folder is key order overall."""
        top, _, stem = prefix.rpartition("/")
        top = f"{top}/" if "/" in prefix else ""
        found: Names = []
        position = prefix + after
        stack = [iter([name for name in await self._names(top, position) if name.startswith(top + stem)])]
        while stack and (limit <= 0 or len(found) < limit):
            path = next(stack[-1], None)
            if path is None:
                stack.pop()
            elif path.endswith("/"):
                if path > position and await self.get(path) is not None:
                    found.append(path[len(prefix) :])
                stack.append(iter(await self._names(path, position)))
            elif path > position:
                found.append(path[len(prefix) :])
        return found

    def close(self) -> None:
        return

    async def _names(self, folder: str, position: str) -> Names:
        """Paths directly in ``folder`` that are, or may hold, keys greater than ``position``."""
        after = position[len(folder) :] if position.startswith(folder) else ""
        names = await self.list(folder, after.partition("/")[0])
        return [folder + name for name in names]


def pack(batch: Batch) -> bytes:
    """The intent: a digest, then length-prefixed ranges, a separator, and writes."""
    parts: list[bytes] = [len(batch.ranges).to_bytes(4, "big")]
    for prefix in batch.ranges:
        parts += _framed(prefix.encode())
    for key, value in batch.writes.items():
        parts += _framed(key.encode())
        parts += [NONE.to_bytes(4, "big")] if value is None else _framed(value)
    body = b"".join(parts)
    return hashlib.sha256(body).digest() + body


def unpack(intent: bytes) -> Batch | None:
    """The batch of an intent, or None if it was not written whole."""
    digest, body = intent[:32], intent[32:]
    if hashlib.sha256(body).digest() != digest:
        return None
    batch = Batch()
    frames = _frames(body[4:])
    for _ in range(int.from_bytes(body[:4], "big")):
        batch.ranges.append((next(frames) or b"").decode())
    for key in frames:
        batch.writes[(key or b"").decode()] = next(frames)
    return batch


def _framed(content: bytes) -> list[bytes]:
    return [len(content).to_bytes(4, "big"), content]


def _frames(body: bytes) -> Iterator[bytes | None]:
    position = 0
    while position < len(body):
        length = int.from_bytes(body[position : position + 4], "big")
        position += 4
        if length == NONE:
            yield None
            continue
        yield body[position : position + length]
        position += length
