"""A transaction over a dict: what views and seals need of storage, without storage."""

from __future__ import annotations


class MemoryTransaction:
    """Reads see writes at once, as they do inside one request."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self.rows.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.rows[key] = value

    def delete(self, key: str) -> None:
        self.rows.pop(key, None)

    def delete_prefix(self, prefix: str) -> None:
        self.rows = {key: value for key, value in self.rows.items() if not key.startswith(prefix)}

    def touch(self, domain: str) -> None:
        """There are no caches to tell."""

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> list[str]:
        names = sorted(key.removeprefix(prefix) for key in self.rows if key.startswith(prefix))
        return _page(names, after, limit)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> list[str]:
        names = set()
        for key in await self.scan(prefix):
            head, slash, _ = key.partition("/")
            names.add(head + slash)
        return _page(sorted(names), after, limit)


def _page(names: list[str], after: str, limit: int) -> list[str]:
    later = [name for name in names if name > after]
    return later[:limit] if limit > 0 else later
