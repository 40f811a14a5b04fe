"""Transactions over a physical store: conflict detection, group commit, the storage index.

Every accepted batch gets the next index. Batches that wait while a commit is under way go
together into the next one: many requests, one fsync. The row ``core/index`` is written with
every commit and holds the newest index and the generation of each domain: the index at which it was
last touched. All of this runs on one event loop and needs no locks.
"""

from __future__ import annotations

import asyncio
import contextlib

import orjson

from strongroom.errors import Internal, StorageFailed
from strongroom.storage.history import Accepted, History
from strongroom.storage.overlay import Overlay
from strongroom.storage.physical import Batch, Physical
from strongroom.storage.transaction import Transaction, WriteTransaction

INDEX_ROW = "core/index"
QUIET_TURNS, GATHER_TURNS = 2, 64  # of the event loop: without a new batch, and in all
MAX_HISTORY = 100_000  # batches; a transaction older than all of them has to begin again


class Store:
    """The storage as requests see it."""

    def __init__(self, physical: Physical) -> None:
        self.physical = physical
        self.index = 0  # the newest durable one
        self.accepted = 0  # the newest one given out; those of failed batches are never given out again
        self.epoch = 0  # counts failed commits
        self.history = History()
        self.fence: dict[str, bytes | None] = {}
        self._generations: dict[str, int] = {}
        self._waiting: list[Accepted] = []
        self._readers: dict[WriteTransaction, None] = {}  # writing transactions that have read, oldest first
        self._flush: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def open(self) -> None:
        """Read the index row; its cost does not depend on what is stored."""
        await self.refresh()
        self.accepted = self.index

    async def refresh(self) -> None:
        """Read the index row again: in a reader process another one moves it."""
        snapshot = self.physical.snapshot()
        try:
            row = await snapshot.get(INDEX_ROW)
        finally:
            snapshot.close()
        if row is not None:
            content = orjson.loads(row)
            self.index = content["index"]
            self._generations = content["generations"]

    def generation(self, domain: str) -> int:
        """The durable index at which ``domain`` was last touched; 0 if never."""
        return self._generations.get(domain, 0)

    def begin(self, *, write: bool) -> Transaction:
        """A transaction; close it, or commit it, which closes it too."""
        return WriteTransaction(self) if write else Transaction(self)

    async def commit(self, tx: Transaction) -> int:
        """Make the transaction durable and return the storage index at which it is.

        Raises :class:`~strongroom.errors.Conflict` when what it read has changed since (nothing is
        written, the operation may run again), StorageFailed when the storage refuses. A caller
        that is cancelled while it waits does not stop the commit.
        """
        if not isinstance(tx, WriteTransaction) or not (tx.dirty or tx.seen):
            index = tx.index
            tx.close()
            return index
        if tx.closed:
            raise Internal(cause="commit of a transaction that is over")
        try:
            tx.check_seen()
            if tx.dirty:
                tx.check()
            waiter = self._accept(tx) if tx.dirty else self._join(tx)
        finally:
            tx.close()
        return self.index if waiter is None else await waiter

    async def settled(self) -> None:
        """Wait until what has been accepted so far is durable, or has failed.

        Who lost a race reads again after that: what caches hold follows the durable state.
        """
        if self.accepted <= self.index:
            return
        batch = self.history.pending(self.accepted)
        if batch is None:
            return  # it failed
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        batch.waiters.append(waiter)
        with contextlib.suppress(StorageFailed):
            await waiter

    async def close(self) -> None:
        """Wait until all accepted batches are durable, then close the physical store."""
        self._closed = True
        if self._flush is not None:
            await self._flush
        await self.physical.close()

    def pending(self, domain: str) -> bool:
        """Whether a batch that is not yet durable touches ``domain``."""
        for batch in reversed(self.history.batches):
            if batch.index <= self.index:
                return False
            if batch.domains and domain in batch.domains:
                return True
        return False

    def joined(self, tx: WriteTransaction) -> None:
        """``tx`` has begun to read: keep what is accepted from now on."""
        self._readers[tx] = None

    def left(self, tx: WriteTransaction) -> None:
        """``tx`` is over."""
        self._readers.pop(tx, None)
        if tx.durable < self.index:  # only then may it have held something back
            self._forget()

    def _join(self, tx: WriteTransaction) -> asyncio.Future[int] | None:
        """A place among those who wait for what ``tx`` has read, unless it is durable already."""
        batch = self.history.pending(tx.seen) if tx.seen > self.index else None
        if batch is None:
            return None
        batch.waiters.append(waiter := asyncio.get_running_loop().create_future())
        return waiter

    def _accept(self, tx: WriteTransaction) -> asyncio.Future[int]:
        if self._closed:
            raise StorageFailed(cause="the storage is closed")
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()  # asks the system each time, so once is enough
        self.accepted += 1
        writes, ranges, domains = tx.take()
        batch = Accepted(self.accepted, writes, ranges, domains)
        waiter: asyncio.Future[int] = loop.create_future()
        batch.waiters.append(waiter)
        self.history.add(batch)
        self._waiting.append(batch)
        tx.accepted()
        if self._flush is None:
            self._flush = loop.create_task(self._write())
        return waiter

    async def _write(self) -> None:
        """Commit what waits, group by group, until nothing does."""
        group: list[Accepted] = []
        while self._waiting:
            if len(group) + len(self._waiting) > 1:
                await self._gather()
            group, self._waiting = self._waiting, []
            batch, generations = self._merge(group)
            try:
                await self.physical.commit(batch)
            except StorageFailed as error:
                self._fail(error)
            except BaseException as error:
                self._fail(StorageFailed(cause=repr(error)))
                self._flush = None
                raise
            else:
                self._generations = generations
                self._settle(group)
        self._flush = None

    async def _gather(self) -> None:
        """Let come what is about to: whom the last commit released may write again at once.

        Without that, clients fall into two halves that wait for each other's commits, and every
        commit costs the disk and the processor the same. It ends as soon as the event loop has
        nothing more to bring, which takes no time when the loop is idle.
        """
        quiet = 0
        for _ in range(GATHER_TURNS):
            before = self.accepted
            await asyncio.sleep(0)
            quiet = quiet + 1 if self.accepted == before else 0
            if quiet == QUIET_TURNS:
                return

    def _merge(self, group: list[Accepted]) -> tuple[Batch, dict[str, int]]:
        """One batch that does what those of the group do in order, and the generations after it."""
        overlay = Overlay(dict(group[0].writes), list(group[0].ranges))
        for accepted in group[1:]:
            overlay.add(accepted.writes, accepted.ranges)
        generations = self._generations
        for accepted in group:
            if accepted.domains:
                generations = generations | dict.fromkeys(accepted.domains, accepted.index)
        row = {"index": group[-1].index, "generations": generations}
        overlay.writes[INDEX_ROW] = orjson.dumps(row)
        return Batch(overlay.writes, overlay.ranges, dict(self.fence)), generations

    def _settle(self, group: list[Accepted]) -> None:
        self.index = group[-1].index
        self._forget()
        for batch in group:
            for waiter in batch.waiters:
                if not waiter.done():
                    waiter.set_result(batch.index)

    def _fail(self, error: StorageFailed) -> None:
        """Fail whatever is not durable: later batches may have read what is now lost."""
        self.epoch += 1
        self._waiting = []
        for batch in self.history.drop(self.index):
            for waiter in batch.waiters:
                if not waiter.done():
                    waiter.set_exception(_copy(error))

    def _forget(self) -> None:
        oldest = next(iter(self._readers), None)
        self.history.forget(self.index if oldest is None else min(oldest.durable, self.index))
        if len(self.history.batches) > MAX_HISTORY:
            self.history.forget(self.index)


def _copy(error: StorageFailed) -> StorageFailed:
    """Each waiter raises its own: a shared exception would collect the tracebacks of all."""
    copy = type(error)(error.public, cause=error.cause)
    copy.__cause__ = error
    return copy
