"""Storage in memory: for tests, for embedding, and for a development server."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from strongroom.storage.overlay import Overlay
from strongroom.storage.physical import Batch, CompareFailed, Names, Snapshot, encode_key


class InMem:
    """A dictionary with its keys in order. A commit notes, for every open snapshot, what it replaces."""

    def __init__(self) -> None:
        self._rows = _Rows()
        self._open: set[_Snapshot] = set()

    def snapshot(self) -> Snapshot:
        """The newest state."""
        snapshot = _Snapshot(self._rows, self._open)
        self._open.add(snapshot)
        return snapshot

    async def commit(self, batch: Batch) -> None:
        """Apply ``batch``; nothing is awaited, so nobody sees it in part."""
        for key in batch.writes:
            encode_key(key)
        for key, expected in batch.compare.items():
            if self._rows.values.get(key) != expected:
                raise CompareFailed(cause=f"{key} was changed by another process")
        for prefix in batch.ranges:
            for key in self._rows.under(prefix):
                self._change(key, None)
        for key, value in batch.writes.items():
            self._change(key, value)

    async def close(self) -> None:
        """Nothing to release."""

    def _change(self, key: str, value: bytes | None) -> None:
        before = self._rows.values.get(key)
        for snapshot in self._open:
            snapshot.before.writes.setdefault(key, before)
        self._rows.set(key, value)


class _Rows:
    """The current state, itself readable as a snapshot. Strings sort as their UTF-8 bytes do."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.keys: list[str] = []

    def set(self, key: str, value: bytes | None) -> None:
        if value is None:
            if self.values.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
            return
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def under(self, prefix: str) -> list[str]:
        start = stop = bisect_left(self.keys, prefix)
        while stop < len(self.keys) and self.keys[stop].startswith(prefix):
            stop += 1
        return self.keys[start:stop]

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        names: list[str] = []
        keys, position = self.keys, bisect_right(self.keys, prefix + after)
        while position < len(keys) and keys[position].startswith(prefix) and len(names) != limit:
            head, slash, _ = keys[position][len(prefix) :].partition("/")
            if head + slash > after:
                names.append(head + slash)
            if not slash:
                position += 1
                continue
            # "0" follows "/": the first key that is not below this folder
            position = bisect_left(keys, prefix + head + "0", lo=position + 1)
        return names

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        names: list[str] = []
        position = bisect_right(self.keys, prefix + after)
        while position < len(self.keys) and self.keys[position].startswith(prefix) and len(names) != limit:
            names.append(self.keys[position][len(prefix) :])
            position += 1
        return names

    def close(self) -> None:
        return


class _Snapshot:
    """The rows, seen through what has been replaced since."""

    __slots__ = ("_open", "_rows", "before")

    def __init__(self, rows: _Rows, opened: set[_Snapshot]) -> None:
        self._rows = rows
        self._open = opened
        self.before = Overlay()

    async def get(self, key: str) -> bytes | None:
        return await self.before.get(self._rows, key)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        return await self.before.list(self._rows, prefix, after, limit if limit > 0 else -1)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        return await self.before.scan(self._rows, prefix, after, limit if limit > 0 else -1)

    def close(self) -> None:
        self._open.discard(self)
