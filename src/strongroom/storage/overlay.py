"""Changes laid over a state: what a reader sees when a batch is not yet part of the snapshot.

Used where reads must show more than the snapshot (a transaction's own writes, batches on their
way to the disk) or less (a snapshot older than what a store without versions now holds).
"""

from __future__ import annotations

from strongroom.storage.physical import Names, Snapshot

PAGE = 256


class Overlay:
    """Deleted prefixes, then writes; ``None`` deletes. Reads go to ``base`` for all else."""

    __slots__ = ("ranges", "writes")

    def __init__(
        self, writes: dict[str, bytes | None] | None = None, ranges: list[str] | None = None
    ) -> None:
        self.writes: dict[str, bytes | None] = {} if writes is None else writes
        self.ranges: list[str] = [] if ranges is None else ranges

    def add(self, writes: dict[str, bytes | None], ranges: list[str]) -> None:
        """Lay a later batch on top: its ranges also drop earlier writes."""
        for prefix in ranges:
            self.delete_prefix(prefix)
        self.writes.update(writes)

    def delete_prefix(self, prefix: str) -> None:
        """Hide every key under ``prefix``, whether written here or below."""
        for key in [key for key in self.writes if key.startswith(prefix)]:
            del self.writes[key]
        self.ranges.append(prefix)

    def hides(self, key: str) -> bool:
        """Whether what the base holds under ``key`` does not count."""
        return key in self.writes or any(map(key.startswith, self.ranges))

    def touches(self, prefix: str) -> bool:
        """Whether any key under ``prefix`` may read differently from the base."""
        return any(key.startswith(prefix) for key in self.writes) or any(
            ranged.startswith(prefix) or prefix.startswith(ranged) for ranged in self.ranges
        )

    async def get(self, base: Snapshot, key: str) -> bytes | None:
        """The value of ``key`` as seen through the overlay."""
        if self.hides(key):
            return self.writes.get(key)
        return await base.get(key)

    async def list(self, base: Snapshot, prefix: str, after: str, limit: int) -> Names:
        """As :meth:`Snapshot.list`, through the overlay."""
        if not self.touches(prefix):
            return await base.list(prefix, after, limit)
        names = {
            key[len(prefix) :].partition("/")[0] + ("/" if "/" in key[len(prefix) :] else "")
            for key, value in self.writes.items()
            if value is not None and key.startswith(prefix)
        }
        found = {name for name in names if name > after}
        position, wanted = after, limit
        while page := await base.list(prefix, position, max(wanted, PAGE) if limit > 0 else -1):
            kept = [name for name in page if await self._shows(base, prefix, name)]
            found.update(kept)
            position, wanted = page[-1], wanted - len(kept)
            if limit <= 0 or wanted <= 0:
                break
        return _first(found, limit)

    async def scan(self, base: Snapshot, prefix: str, after: str, limit: int) -> Names:
        """As :meth:`Snapshot.scan`, through the overlay."""
        if not self.touches(prefix):
            return await base.scan(prefix, after, limit)
        start = len(prefix)
        found = {
            key[start:]
            for key, value in self.writes.items()
            if value is not None and key.startswith(prefix) and key[start:] > after
        }
        position, wanted = after, limit
        while page := await base.scan(prefix, position, max(wanted, PAGE) if limit > 0 else -1):
            kept = [name for name in page if not self.hides(prefix + name)]
            found.update(kept)
            position, wanted = page[-1], wanted - len(kept)
            if limit <= 0 or wanted <= 0:
                break
        return _first(found, limit)

    async def _shows(self, base: Snapshot, prefix: str, name: str) -> bool:
        """Whether a name of the base is still there: a folder is while one key under it is."""
        path = prefix + name
        if not name.endswith("/"):
            return not self.hides(path)
        if any(map(path.startswith, self.ranges)):
            return False
        if not self.touches(path):
            return True
        position = ""
        while page := await base.scan(path, position, PAGE):
            if not all(self.hides(path + rest) for rest in page):
                return True
            position = page[-1]
        # A key that is the folder's own path ("a/") keeps it too, though no scan under it shows it.
        return not self.hides(path) and await base.get(path) is not None


def _first(names: set[str], limit: int) -> Names:
    # Code points sort like their UTF-8 bytes.
    ordered = sorted(names)
    return ordered[:limit] if limit > 0 else ordered
