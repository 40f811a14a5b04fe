"""A transaction for work that waits for systems outside: it holds no state open meanwhile.

Each read looks at the newest state and is remembered with its answer, writes are kept. :meth:`replay` puts
all of it into an ordinary transaction, provided that every read still gives what it gave: so what is
committed is as if it had been done in that moment. An ordinary transaction that waited for minutes would
pin old pages of the storage, and the history of all that others commit in the meantime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.errors import Conflict, Internal
from strongroom.storage.overlay import Overlay
from strongroom.storage.physical import Names, encode_key
from strongroom.storage.transaction import Hook, Savepoint, Step, Transaction

if TYPE_CHECKING:
    from strongroom.storage.store import Store

_Listing = tuple[str, str, str, int]


class DeferredTransaction(Transaction):
    """Reads and writes as a transaction does; it cannot be committed itself."""

    __slots__ = ("_domains", "_got", "_hooks", "_listed", "_own", "_watched")

    writable = True
    clean = False

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._own = Overlay()
        self._domains: set[str] = set()
        self._watched: set[str] = set()
        self._hooks: list[Hook] = []
        self._got: dict[str, bytes | None] = {}
        self._listed: dict[_Listing, Names] = {}

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``, or None."""
        if self._own.hides(key):
            return self._own.writes.get(key)
        tx = self._store.begin(write=True)
        try:
            value = await tx.get(key)
        finally:
            tx.close()
        return self._got.setdefault(key, value)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """All keys under ``prefix``."""
        return await self._names("scan", prefix, after, limit)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """Names directly under ``prefix``."""
        return await self._names("list", prefix, after, limit)

    async def _names(self, kind: str, prefix: str, after: str, limit: int) -> Names:
        tx = self._store.begin(write=True)
        try:
            self._listed[kind, prefix, after, limit] = await _listing(tx, kind, prefix, after, limit)
            read = self._own.scan if kind == "scan" else self._own.list
            return await read(tx, prefix, after, limit)
        finally:
            tx.close()

    def watch(self, key: str) -> None:
        """Have the replay's commit fail when ``key`` changes."""
        self._watched.add(key)

    def put(self, key: str, value: bytes) -> None:
        """Write ``key`` at the replay."""
        encode_key(key)
        self._open().writes[key] = value

    def delete(self, key: str) -> None:
        """Delete ``key`` at the replay; it need not exist."""
        encode_key(key)
        self._open().writes[key] = None

    def delete_prefix(self, prefix: str) -> None:
        """Delete every key that starts with ``prefix``, also those written here before."""
        self._open().delete_prefix(prefix)

    def touch(self, domain: str) -> None:
        """Move the generation of ``domain`` with the replay."""
        self._domains.add(domain)

    def on_accept(self, note: Step | None = None, check: Step | None = None) -> None:
        """Call these at the replay's commit."""
        self._hooks.append((check, note))

    def savepoint(self) -> Savepoint:
        """What is buffered now, for :meth:`rollback`."""
        own = self._own
        return Savepoint(dict(own.writes), list(own.ranges), set(self._domains), len(self._hooks))

    def rollback(self, savepoint: Savepoint) -> None:
        """Drop the writes and touches made since ``savepoint``."""
        writes, ranges, domains, hooks = savepoint
        del self._hooks[hooks:]
        self._own, self._domains = Overlay(dict(writes), list(ranges)), set(domains)

    async def replay(self, tx: Transaction) -> None:
        """Do in ``tx`` all that was done here. Raises Conflict when a read gives something else now."""
        await self._read_again(tx)
        self._apply(tx)

    async def require_fresh(self) -> None:
        """Raise Conflict when something that was read has changed since."""
        tx = self._store.begin(write=True)
        try:
            await self._read_again(tx)
        finally:
            tx.close()

    async def _read_again(self, tx: Transaction) -> None:
        for key, value in self._got.items():
            if await tx.get(key) != value:
                raise Conflict(cause="what was read has changed")
        for listing, names in self._listed.items():
            if await _listing(tx, *listing) != names:
                raise Conflict(cause="what was listed has changed")

    def _apply(self, tx: Transaction) -> None:
        for prefix in self._own.ranges:
            tx.delete_prefix(prefix)
        for key, value in self._own.writes.items():
            if value is None:
                tx.delete(key)
            else:
                tx.put(key, value)
        for key in self._watched:
            tx.watch(key)
        for domain in self._domains:
            tx.touch(domain)
        for check, note in self._hooks:
            tx.on_accept(note, check)

    def _open(self) -> Overlay:
        if self._closed:
            raise Internal(cause="write in a transaction that is over")
        return self._own


async def _listing(tx: Transaction, kind: str, prefix: str, after: str, limit: int) -> Names:
    read = tx.scan if kind == "scan" else tx.list
    return await read(prefix, after, limit)
