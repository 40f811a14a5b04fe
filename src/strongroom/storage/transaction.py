"""One request's view of the storage: consistent reads, buffered writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.errors import Conflict, Internal
from strongroom.storage.overlay import Overlay
from strongroom.storage.physical import Names, Snapshot, encode_key

if TYPE_CHECKING:
    from strongroom.storage.store import Store

Writes = dict[str, bytes | None]
Savepoint = tuple[Writes, Names, set[str]]


class Transaction:
    """Reads see one state, and this transaction's own writes on top of it.

    For a read-only transaction that state is durable. For a writing one it includes the batches
    accepted but not yet durable; then ``clean`` is False, and the commit waits for them.
    What it read is remembered, and checked at the commit.
    """

    __slots__ = (
        "_base",
        "_closed",
        "_domains",
        "_durable",
        "_epoch",
        "_keys",
        "_own",
        "_prefixes",
        "_seen",
        "_snapshot",
        "_store",
        "_write",
    )

    def __init__(self, store: Store, *, write: bool) -> None:
        self._store = store
        self._write = write
        self._closed = False
        self._snapshot: Snapshot | None = None
        self._own: Overlay | None = None
        self._domains: set[str] | None = None
        self._keys: set[str] | None = None
        self._prefixes: set[str] | None = None
        self._base = self._durable = self._seen = self._epoch = 0

    @property
    def writable(self) -> bool:
        """Whether this transaction may write."""
        return self._write

    @property
    def dirty(self) -> bool:
        """Whether there is anything to write."""
        return self._own is not None or self._domains is not None

    @property
    def clean(self) -> bool:
        """Whether all that was read is durable."""
        return self._seen <= self._store.index and (self._seen == 0 or self._epoch == self._store.epoch)

    @property
    def index(self) -> int:
        """The storage index of the state that is read; the newest one before the first read."""
        return self._durable if self._snapshot is not None else self._store.index

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``, or None."""
        own = self._own
        if own is not None and own.hides(key):
            return own.writes.get(key)
        snapshot = self._snapshot or self._start()
        if self._write:
            if self._keys is None:
                self._keys = set()
            self._keys.add(key)
            history = self._store.history
            if history:
                self._check_floor()
                batch = history.find(key, self._base)
                if batch is not None:
                    self._saw(batch.index)
                    return batch.writes.get(key)
        return await snapshot.get(key)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """Names directly under ``prefix``; see :meth:`strongroom.storage.physical.Snapshot.list`."""
        snapshot = self._snapshot or self._start()
        overlay = self._overlay(prefix)
        if overlay is None:
            return await snapshot.list(prefix, after, limit)
        return await overlay.list(snapshot, prefix, after, limit)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """All keys under ``prefix``; see :meth:`strongroom.storage.physical.Snapshot.scan`."""
        snapshot = self._snapshot or self._start()
        overlay = self._overlay(prefix)
        if overlay is None:
            return await snapshot.scan(prefix, after, limit)
        return await overlay.scan(snapshot, prefix, after, limit)

    def put(self, key: str, value: bytes) -> None:
        """Write ``key`` at the commit. Raises InvalidKey or KeyTooLong at once."""
        encode_key(key)
        self._writable().writes[key] = value

    def delete(self, key: str) -> None:
        """Delete ``key`` at the commit; it need not exist."""
        encode_key(key)
        self._writable().writes[key] = None

    def delete_prefix(self, prefix: str) -> None:
        """Delete every key that starts with ``prefix``, also those written here before."""
        self._writable().delete_prefix(prefix)

    def touch(self, domain: str) -> None:
        """Move the generation of ``domain``: caches of what belongs to it are stale from the commit on."""
        if not self._write:
            raise Internal(cause="touch in a read-only transaction")
        if self._domains is None:
            self._domains = set()
        self._domains.add(domain)

    def savepoint(self) -> Savepoint:
        """What is buffered now, for :meth:`rollback`."""
        own = self._own
        if own is None:
            return {}, [], set(self._domains or ())
        return dict(own.writes), list(own.ranges), set(self._domains or ())

    def rollback(self, savepoint: Savepoint) -> None:
        """Drop the writes and touches made since ``savepoint``; what was read stays remembered."""
        writes, ranges, domains = savepoint
        self._own = Overlay(dict(writes), list(ranges)) if writes or ranges else None
        self._domains = set(domains) or None

    def close(self) -> None:
        """Let go of the state and of what is buffered; harmless after a commit."""
        self._closed = True
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None
            if self._write:
                self._store.left(self)

    # What follows is for the store.

    @property
    def durable(self) -> int:
        """The durable index at the first read; what came after it must stay in the history."""
        return self._durable

    @property
    def closed(self) -> bool:
        """Whether the transaction is over."""
        return self._closed

    @property
    def seen(self) -> int:
        """The newest batch that was read before it was durable, or 0."""
        return self._seen

    def take(self) -> tuple[Writes, Names, set[str] | None]:
        """The buffered changes: writes, ranges, touched domains."""
        own = self._own
        return ({}, [], self._domains) if own is None else (own.writes, own.ranges, self._domains)

    def check(self) -> None:
        """Raises Conflict when something that was read has changed since, or never happened."""
        if self._snapshot is None:
            return
        if self._seen and self._epoch != self._store.epoch:
            raise Conflict(cause="read a batch that could not be stored")
        self._check_floor()
        if self._base != self._store.accepted and self._store.history.changed(
            self._keys or set(), tuple(self._prefixes or ()), self._base
        ):
            raise Conflict(cause="what the request read has changed")

    def _start(self) -> Snapshot:
        if self._closed:
            raise Internal(cause="read in a transaction that is over")
        store = self._store
        self._snapshot = store.physical.snapshot()
        self._durable = store.index
        self._base = store.accepted
        self._epoch = store.epoch
        if self._write:
            store.joined(self)
        return self._snapshot

    def _overlay(self, prefix: str) -> Overlay | None:
        """What lies above the snapshot under ``prefix``, if anything; notes the read."""
        if not self._write:
            return None
        if self._prefixes is None:
            self._prefixes = set()
        self._prefixes.add(prefix)
        if not self._store.history:
            return self._own
        self._check_floor()
        overlay, newest = self._store.history.overlay(prefix, self._base)
        self._saw(newest)
        if self._own is not None:
            overlay.add(self._own.writes, self._own.ranges)
        return overlay

    def _saw(self, index: int) -> None:
        if index > self._store.index:
            self._seen = max(self._seen, index)

    def _check_floor(self) -> None:
        if self._durable < self._store.history.floor:
            raise Conflict(cause="the transaction took so long that its state is forgotten")

    def _writable(self) -> Overlay:
        if not self._write or self._closed:
            raise Internal(cause="write in a transaction that is read-only or over")
        if self._own is None:
            self._own = Overlay()
        return self._own
