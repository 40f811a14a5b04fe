"""The batches accepted of late: what is on its way to the disk, and what open transactions must not miss."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from strongroom.storage.overlay import Overlay


@dataclass(slots=True, eq=False)
class Accepted:
    """One transaction's changes with their place in the order; ``waiters`` learn how it ended."""

    index: int
    writes: dict[str, bytes | None]
    ranges: list[str]
    domains: set[str] | None = None
    waiters: list[asyncio.Future[int]] = field(default_factory=list)

    def decides(self, key: str) -> bool:
        """Whether this batch says what ``key`` holds."""
        return key in self.writes or any(map(key.startswith, self.ranges))


class History:
    """Accepted batches, oldest first, and for every key those that wrote it."""

    __slots__ = ("_by_key", "_ranged", "batches", "floor")

    def __init__(self) -> None:
        self.batches: deque[Accepted] = deque()
        self._by_key: dict[str, list[Accepted]] = {}
        self._ranged = 0
        self.floor = 0  # batches up to this index are forgotten

    def add(self, batch: Accepted) -> None:
        """Append the newest batch."""
        self.batches.append(batch)
        self._ranged += bool(batch.ranges)
        for key in batch.writes:
            self._by_key.setdefault(key, []).append(batch)

    def find(self, key: str, upto: int) -> Accepted | None:
        """The newest batch not after ``upto`` that decides ``key``."""
        if self._ranged:
            batches = (batch for batch in reversed(self.batches) if batch.decides(key))
        else:
            batches = reversed(self._by_key.get(key, ()))  # type: ignore[assignment]  # both iterate
        return next((batch for batch in batches if batch.index <= upto), None)

    def pending(self, index: int) -> Accepted | None:
        """The batch with that index."""
        return next((batch for batch in reversed(self.batches) if batch.index == index), None)

    def overlay(self, prefix: str, upto: int) -> tuple[Overlay, int]:
        """What batches up to ``upto`` say of keys under ``prefix``, and the newest that does (0: none)."""
        overlay, newest = Overlay(), 0
        for batch in self.batches:
            if batch.index > upto:
                break
            writes = {key: value for key, value in batch.writes.items() if key.startswith(prefix)}
            ranges = [at for at in batch.ranges if at.startswith(prefix) or prefix.startswith(at)]
            if writes or ranges:
                overlay.add(writes, ranges)
                newest = batch.index
        return overlay, newest

    def changed(self, keys: set[str], prefixes: tuple[str, ...], since: int) -> bool:
        """Whether a batch after ``since`` touched one of ``keys``, or any key under one of ``prefixes``."""
        for batch in reversed(self.batches):
            if batch.index <= since:
                return False
            if not keys.isdisjoint(batch.writes) or (
                prefixes and any(key.startswith(prefixes) for key in batch.writes)
            ):
                return True
            for at in batch.ranges:
                if any(key.startswith(at) for key in keys):
                    return True
                if any(prefix.startswith(at) or at.startswith(prefix) for prefix in prefixes):
                    return True
        return False

    def forget(self, upto: int) -> None:
        """Drop the batches that nobody can miss any more."""
        while self.batches and self.batches[0].index <= upto:
            batch = self.batches.popleft()
            self.floor = batch.index
            self._ranged -= bool(batch.ranges)
            for key in batch.writes:
                self._unlink(key, 0)

    def drop(self, after: int) -> list[Accepted]:
        """Take back the batches after ``after``: they never happened."""
        dropped: list[Accepted] = []
        while self.batches and self.batches[-1].index > after:
            batch = self.batches.pop()
            dropped.append(batch)
            self._ranged -= bool(batch.ranges)
            for key in batch.writes:
                self._unlink(key, -1)
        return dropped

    def _unlink(self, key: str, end: int) -> None:
        versions = self._by_key[key]
        del versions[end]
        if not versions:
            del self._by_key[key]
