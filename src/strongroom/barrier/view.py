"""A view: one prefix of the storage, seen in clear, through one request's transaction."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Protocol

import orjson

from strongroom.barrier.barrier import Barrier


class Transaction(Protocol):
    """What a view needs of storage: reads of one state, writes that are kept until the commit."""

    async def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...

    def delete(self, key: str) -> None: ...

    def delete_prefix(self, prefix: str) -> None: ...

    def touch(self, domain: str) -> None: ...

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> list[str]: ...

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> list[str]: ...


class View:
    """Keys here are relative to ``prefix``; what is outside cannot be named.

    The barrier binds each entry to its full storage key, prefix included.
    """

    __slots__ = ("barrier", "prefix", "tx")

    def __init__(self, tx: Transaction, barrier: Barrier, prefix: str) -> None:
        self.tx = tx
        self.barrier = barrier
        self.prefix = prefix

    def sub(self, prefix: str) -> View:
        """The view of what lies under ``prefix`` here."""
        return View(self.tx, self.barrier, self.prefix + prefix)

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises Sealed, or Internal when the entry is damaged."""
        started = perf_counter()
        full, barrier = self.prefix + key, self.barrier
        blob = await self.tx.get(full)
        if blob:
            blob = barrier.decrypt(full, blob)
        barrier.got((perf_counter() - started) * 1000)
        return blob

    def put(self, key: str, value: bytes) -> None:
        """Set the value; it is stored when the request commits."""
        started = perf_counter()
        full, barrier = self.prefix + key, self.barrier
        self.tx.put(full, barrier.encrypt(full, value))
        barrier.put((perf_counter() - started) * 1000)

    def mark(self, key: str) -> None:
        """Write a row of an index, which says all it has to say by its key."""
        started = perf_counter()
        self.tx.put(self.prefix + key, b"")
        self.barrier.put((perf_counter() - started) * 1000)

    def delete(self, key: str) -> None:
        """Remove the key, if it is there."""
        started = perf_counter()
        self.tx.delete(self.prefix + key)
        self.barrier.deleted((perf_counter() - started) * 1000)

    def delete_prefix(self, prefix: str = "") -> None:
        """Remove every key that starts with ``prefix``, however many."""
        started = perf_counter()
        self.tx.delete_prefix(self.prefix + prefix)
        self.barrier.deleted((perf_counter() - started) * 1000)

    async def scan(self, prefix: str = "", after: str = "", limit: int = -1) -> list[str]:
        """All keys that start with ``prefix``, at any depth, relative to it."""
        started = perf_counter()
        found = await self.tx.scan(self.prefix + prefix, after, limit)
        self.barrier.listed((perf_counter() - started) * 1000)
        return found

    async def get_json(self, key: str) -> Any:
        """The decoded value, or None when the key is absent."""
        value = await self.get(key)
        return None if value is None else orjson.loads(value)

    def put_json(self, key: str, value: Any) -> None:
        """Set the value, as JSON. Dataclasses are written as objects."""
        self.put(key, orjson.dumps(value))

    async def list(self, prefix: str = "", after: str = "", limit: int = -1) -> list[str]:
        """Names directly under ``prefix`` (empty or ending in ``/``), folders with a trailing ``/``."""
        started = perf_counter()
        found = await self.tx.list(self.prefix + prefix, after, limit)
        self.barrier.listed((perf_counter() - started) * 1000)
        return found
