"""One request's view of the storage: consistent reads, buffered writes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from strongroom.errors import Conflict, Internal
from strongroom.storage.overlay import Overlay
from strongroom.storage.physical import Names, Snapshot, encode_key

if TYPE_CHECKING:
    from strongroom.storage.store import Store

Writes = dict[str, bytes | None]
Step = Callable[[], None]
Hook = tuple[Step | None, Step | None]
"""What checks, and what takes note, when a transaction is accepted."""


class Savepoint(NamedTuple):
    """What was buffered at one moment."""

    writes: Writes
    ranges: Names
    domains: set[str]
    hooks: int = 0


class Transaction:
    """Reads see one durable state. This is the read-only one; :class:`WriteTransaction` writes.

    Either may raise :class:`~strongroom.errors.Conflict` from a read or the commit: begin again.
    """

    __slots__ = ("_closed", "_durable", "_snapshot", "_store")

    writable = False
    dirty = False
    clean = True
    seen = 0

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshot: Snapshot | None = None
        self._closed = False

    @property
    def index(self) -> int:
        """The storage index of the state that is read; the newest one before the first read."""
        return self._store.index if self._snapshot is None else self._durable

    @property
    def closed(self) -> bool:
        """Whether the transaction is over."""
        return self._closed

    # Plain functions that return the snapshot's coroutine: one frame less for every read.

    def get(self, key: str) -> Coroutine[Any, Any, bytes | None]:
        """The value of ``key``, or None."""
        return (self._snapshot or self._start()).get(key)

    def scan(self, prefix: str, after: str = "", limit: int = -1) -> Coroutine[Any, Any, Names]:
        """All keys under ``prefix``; see :meth:`strongroom.storage.physical.Snapshot.scan`."""
        return (self._snapshot or self._start()).scan(prefix, after, limit)

    def list(self, prefix: str, after: str = "", limit: int = -1) -> Coroutine[Any, Any, Names]:
        """Names directly under ``prefix``; see :meth:`strongroom.storage.physical.Snapshot.list`."""
        return (self._snapshot or self._start()).list(prefix, after, limit)

    def watch(self, key: str) -> None:
        """Only for a transaction that writes."""
        raise Internal(cause="watch in a read-only transaction")

    def put(self, key: str, value: bytes) -> None:  # the writing one uses it
        """Write ``key`` at the commit. Raises InvalidKey or KeyTooLong at once."""
        raise Internal(cause="put in a read-only transaction")

    def delete(self, key: str) -> None:  # the writing one uses it
        """Delete ``key`` at the commit; it need not exist."""
        raise Internal(cause="delete in a read-only transaction")

    def delete_prefix(self, prefix: str) -> None:  # the writing one uses it
        """Delete every key that starts with ``prefix``, also those written here before."""
        raise Internal(cause="delete_prefix in a read-only transaction")

    def touch(self, domain: str) -> None:  # the writing one uses it
        """Move the generation of ``domain``: caches of what belongs to it are stale from the commit on."""
        raise Internal(cause="touch in a read-only transaction")

    def on_accept(self, note: Step | None = None, check: Step | None = None) -> None:
        """At the commit, call ``check``, which may raise Conflict; ``note`` once the writes are accepted.

        Accepted means that their order among all others is settled; nothing gets between the two calls,
        and every check comes before the first note. Neither is called for a transaction without writes.
        """
        raise Internal(cause="on_accept in a read-only transaction")

    def savepoint(self) -> Savepoint:
        """What is buffered now, for :meth:`rollback`."""
        return Savepoint({}, [], set())

    def rollback(self, savepoint: Savepoint) -> None:
        """Drop the writes, touches and hooks made since ``savepoint``; what was read stays remembered."""

    async def require_fresh(self) -> None:
        """Raise Conflict when something that was read has changed since."""

    def close(self) -> None:
        """Let go of the state and of what is buffered; harmless after a commit."""
        self._closed = True
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    def _start(self) -> Snapshot:
        if self._closed:
            raise Internal(cause="read in a transaction that is over")
        self._durable = self._store.index
        self._snapshot = self._store.physical.snapshot()
        return self._snapshot


class WriteTransaction(Transaction):
    """Also buffers writes, which its own reads see.

    What it reads includes the batches accepted but not yet durable; then ``clean`` is False, and the
    commit waits for them. What it read is remembered, and checked at the commit.
    """

    __slots__ = ("_base", "_domains", "_epoch", "_hooks", "_keys", "_own", "_prefixes", "_seen")

    writable = True

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._own: Overlay | None = None
        self._domains: set[str] | None = None
        self._keys: set[str] | None = None
        self._prefixes: set[str] | None = None
        self._hooks: list[Hook] | None = None
        self._base = self._seen = self._epoch = 0

    @property
    def dirty(self) -> bool:  # type: ignore[override]  # a constant there
        """Whether there is anything to write."""
        return self._own is not None or self._domains is not None

    @property
    def clean(self) -> bool:  # type: ignore[override]  # a constant there
        """Whether all that was read is durable, and nothing of it may be this transaction's own."""
        if self._own is not None:
            return False
        return self._seen <= self._store.index and (self._seen == 0 or self._epoch == self._store.epoch)

    @property
    def seen(self) -> int:  # type: ignore[override]  # a constant there
        """The newest batch that was read before it was durable, or 0."""
        return self._seen

    @property
    def durable(self) -> int:
        """The durable index at the first read; what came after it must stay in the history."""
        return self._durable

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``, or None."""
        own = self._own
        if own is not None and own.hides(key):
            return own.writes.get(key)
        snapshot = self._snapshot or self._start()
        if self._keys is None:
            self._keys = set()
        self._keys.add(key)
        history = self._store.history
        if history.batches:
            self._check_floor()
            batch = history.find(key, self._base)
            if batch is not None:
                self._saw(batch.index)
                return batch.writes.get(key)
        return await snapshot.get(key)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """All keys under ``prefix``; see :meth:`strongroom.storage.physical.Snapshot.scan`."""
        snapshot = self._snapshot or self._start()
        overlay = self._overlay(prefix)
        if overlay is None:
            return await snapshot.scan(prefix, after, limit)
        return await overlay.scan(snapshot, prefix, after, limit)

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """Names directly under ``prefix``; see :meth:`strongroom.storage.physical.Snapshot.list`."""
        snapshot = self._snapshot or self._start()
        overlay = self._overlay(prefix)
        if overlay is None:
            return await snapshot.list(prefix, after, limit)
        return await overlay.list(snapshot, prefix, after, limit)

    def watch(self, key: str) -> None:
        """Have the commit fail when ``key`` changes from now on, without reading it."""
        if self._snapshot is None:
            self._start()
        if self._keys is None:
            self._keys = set()
        self._keys.add(key)

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

    def on_accept(self, note: Step | None = None, check: Step | None = None) -> None:
        """At the commit, call ``check``, which may raise Conflict; ``note`` once the writes are accepted."""
        if self._hooks is None:
            self._hooks = []
        self._hooks.append((check, note))

    def touch(self, domain: str) -> None:
        """Move the generation of ``domain``: caches of what belongs to it are stale from the commit on."""
        if self._domains is None:
            self._domains = set()
        self._domains.add(domain)

    def savepoint(self) -> Savepoint:
        """What is buffered now, for :meth:`rollback`."""
        own, domains, hooks = self._own, set(self._domains or ()), len(self._hooks or ())
        if own is None:
            return Savepoint({}, [], domains, hooks)
        return Savepoint(dict(own.writes), list(own.ranges), domains, hooks)

    def rollback(self, savepoint: Savepoint) -> None:
        """Drop the writes, touches and hooks made since ``savepoint``; what was read stays remembered."""
        writes, ranges, domains, hooks = savepoint
        self._own = Overlay(dict(writes), list(ranges)) if writes or ranges else None
        self._domains = set(domains) or None
        if self._hooks is not None:
            del self._hooks[hooks:]

    def close(self) -> None:
        """Let go of the state and of what is buffered; harmless after a commit."""
        if self._snapshot is not None:
            self._store.left(self)
        super().close()

    def take(self) -> tuple[Writes, Names, set[str] | None]:
        """The buffered changes: writes, ranges, touched domains."""
        own = self._own
        return ({}, [], self._domains) if own is None else (own.writes, own.ranges, self._domains)

    def check(self) -> None:
        """Raises Conflict when something that was read has changed since, or a hook objects."""
        if self._snapshot is not None:
            self._check_floor()
            if self._base != self._store.accepted and self._store.history.changed(
                self._keys or set(), tuple(self._prefixes or ()), self._base
            ):
                raise Conflict(cause="what the request read has changed")
        for check, _ in self._hooks or ():
            if check is not None:
                check()

    async def require_fresh(self) -> None:
        """Raise Conflict when something that was read has changed since."""
        self.check()

    def accepted(self) -> None:
        """Tell the hooks that the writes have their place among all others."""
        for _, note in self._hooks or ():
            if note is not None:
                note()

    def check_seen(self) -> None:
        """Raises Conflict when something that was read before it was durable never became so."""
        if self._seen and self._epoch != self._store.epoch:
            raise Conflict(cause="read a batch that could not be stored")

    def _start(self) -> Snapshot:
        snapshot = super()._start()
        store = self._store
        self._base = store.accepted
        self._epoch = store.epoch
        store.joined(self)
        return snapshot

    def _overlay(self, prefix: str) -> Overlay | None:
        """What lies above the snapshot under ``prefix``, if anything; notes the read."""
        if self._prefixes is None:
            self._prefixes = set()
        self._prefixes.add(prefix)
        if not self._store.history.batches:
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
        if self._closed:
            raise Internal(cause="write in a transaction that is over")
        if self._own is None:
            self._own = Overlay()
        return self._own
