"""Leases that a system outside takes back: a queue for each system, so that none holds up another.

What is due and has such a system moves from the expiry index to the system's queue; from then on it
cannot be renewed. A few at a time are taken from each queue. A system that does not answer is left alone
behind a breaker (:mod:`strongroom.breaker`) while the others go on. The queue and the breaker are rows,
so a restart forgets neither; what is in memory is who is at work.

The engine acts without a transaction being open. Only when it has succeeded is its result committed,
together with the end of the lease. A crash in between has it act again, and what is gone already is fine.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import msgspec
from msgspec.structs import replace

from strongroom.breaker import PATIENCE, Breaker
from strongroom.errors import Conflict, Sealed, StrongroomError, UpstreamFailed
from strongroom.logical import SECOND, home_of
from strongroom.storage.deferred import DeferredTransaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.core import Core
    from strongroom.lease import Lease
    from strongroom.logical import Namespace, Request
    from strongroom.mount import Mount

LIMIT = 8
"""Revocations under way at one system, at most."""

TOTAL = 512
"""Revocations under way at all systems together, at most."""

DEADLINE = 30.0
"""Seconds a revocation may take before the system counts as silent."""

REST = 1
"""Seconds nobody new is put to work on a queue after somebody lost a race or failed there."""

FORGOTTEN = 3600
"""Seconds after which a breaker behind which nothing waits any more is dropped."""

STINT = 1_000
"""Leases that one worker takes from a queue before another may be put in its place."""

_PAGE = 64
_RACES = 4
_log = logging.getLogger("expiration")


def lost(error: Exception) -> bool:
    """Whether an error means that a system did not answer, not that it refused."""
    return isinstance(error, UpstreamFailed | OSError)  # a timeout is an OSError


class System:
    """A system outside, as the process at work knows it. ``name`` is a segment of the rows' keys."""

    __slots__ = ("breaker", "busy", "cursor", "lock", "name", "page", "rest", "slots", "workers")

    def __init__(self, name: str, breaker: Breaker) -> None:
        self.name = name
        self.breaker = breaker
        self.busy: set[str] = set()
        self.page: deque[str] = deque()
        self.cursor = ""
        self.rest = 0
        self.workers = 0
        self.slots = asyncio.Semaphore(LIMIT)
        self.lock = asyncio.Lock()

    @property
    def mount_uuid(self) -> str:
        """The mount it belongs to."""
        return self.name.partition(".")[0]

    @property
    def target(self) -> str:
        """What the engine calls it."""
        return unquote(self.name.partition(".")[2])


class Outside:
    """The queues of all systems, and those who work on them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._systems: dict[str, System] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._decoder = msgspec.json.Decoder(Breaker)
        self.ended = asyncio.Event()

    @staticmethod
    def name(mount: Mount, target: str) -> str:
        """The name of an engine's system among those of all mounts; empty for none."""
        return f"{mount.entry.uuid}.{quote(target, safe='')}" if target else ""

    async def down(self, request: Request, system: str) -> int:
        """For how many seconds a system has been silent."""
        blob = await self._core.leases.view(request.tx).get("target/" + system)
        return 0 if blob is None else self._decoder.decode(blob).down

    # -- the queues --------------------------------------------------------------------------------

    async def serve(self) -> int:
        """Put somebody to work on every queue that may be worked on; gives how many started."""
        started, view = 0, self._core.leases.view(tx := self._core.store.begin(write=False))
        try:
            waiting = [name.rstrip("/") for name in await view.list("wait/")]
            known = set(await view.list("target/"))
            for name in waiting:
                system = await self._system(name)
                rows = await view.scan(f"wait/{name}/", "", LIMIT)
                started += self._staff(system, len(rows))
        finally:
            tx.close()
        for name in known - set(waiting):
            system = await self._system(name)
            if self._core.clock() - system.breaker.last > FORGOTTEN * SECOND:
                await self._close_breaker(system)
        return started

    def _staff(self, system: System, waiting: int) -> int:
        breaker, started = system.breaker, 0
        now = self._core.clock()
        while (
            now >= system.rest
            and system.workers < waiting
            and len(self._workers) < TOTAL
            and breaker.admits(now, system.workers, LIMIT)
        ):
            system.workers += 1
            task = asyncio.get_running_loop().create_task(self._work(system))
            self._workers.add(task)
            task.add_done_callback(self._done)
            started += 1
        return started

    def _done(self, task: asyncio.Task[None]) -> None:
        self._workers.discard(task)
        self.ended.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("revocations have to wait", exc_info=error)

    async def settle(self) -> None:
        """Wait until nobody is at work."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def stop(self) -> None:
        """Interrupt all work; what was under way is taken up again at the next unseal."""
        for task in self._workers:
            task.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=5)
        self._systems.clear()

    async def _system(self, name: str) -> System:
        if name not in self._systems:
            tx = self._core.store.begin(write=False)
            try:
                blob = await self._core.leases.view(tx).get("target/" + name)
            finally:
                tx.close()
            breaker = Breaker() if blob is None else self._decoder.decode(blob)
            breaker.probe_at = 0  # who has just come looks at once
            self._systems.setdefault(name, System(name, breaker))
        return self._systems[name]

    async def _work(self, system: System) -> None:
        """Take leases from a queue until it is empty, its system silent, or enough is done for one stint.

        What comes back though it was dealt with is a race or a defect: then the queue rests.
        """
        dealt: set[str] = set()
        try:
            while len(dealt) < STINT and (row := await self._next(system)):
                if row in dealt:
                    self._rest(system)
                    return
                dealt.add(row)
                system.busy.add(row)
                try:
                    if not await self._attempt(system, row):
                        return
                finally:
                    system.busy.discard(row)
            system.rest = 0
        except Sealed:
            return
        except BaseException as error:
            self._rest(system)
            if not isinstance(error, Conflict):
                raise
        finally:
            system.workers -= 1

    def _rest(self, system: System) -> None:
        system.rest = self._core.clock() + REST * SECOND

    async def _next(self, system: System) -> str:
        """The next row of a queue that nobody is at; behind the last one it begins again."""
        async with system.lock:
            if not system.page:
                system.page.extend(await self._page(system))
            return system.page.popleft() if system.page else ""

    async def _page(self, system: System) -> Sequence[str]:
        tx = self._core.store.begin(write=False)
        try:
            view = self._core.leases.view(tx)
            rows = await view.scan(f"wait/{system.name}/", system.cursor, _PAGE)
            if not rows and system.cursor:
                rows = await view.scan(f"wait/{system.name}/", "", _PAGE)
            system.cursor = rows[-1] if rows else ""
            return [row for row in rows if row not in system.busy]
        finally:
            tx.close()

    async def _attempt(self, system: System, row: str) -> bool:
        """Try to take back what waits in a row; gives whether to go on with the queue."""
        down, due, lease_id = row.split("/", 2)
        lease = await self._read(lease_id)
        if lease is None or lease.queue != f"{system.name}/{down}" or lease.due != int(due, 16):
            await self._sweep_row(system, row)
            return True
        was_open = system.breaker.open
        error = await self._try(system, lease)
        if error is not None and not (was_open and lost(error)):
            await self._note(system, lease, error)
        return not system.breaker.open

    async def _try(self, system: System, lease: Lease) -> Exception | None:
        """Have the engine act, and keep the breaker; gives what went wrong."""
        async with system.slots:
            try:
                await self._act(lease)
            except (Conflict, Sealed):
                raise
            except Exception as error:  # noqa: BLE001  an engine may fail in any way
                if lost(error):
                    await self._missed(system, error)
                else:
                    await self._close_breaker(system)
                return error
        await self._close_breaker(system)
        return None

    async def _act(self, lease: Lease) -> None:
        core = self._core
        deferred = DeferredTransaction(core.store)
        namespace = await self._namespace(lease.id)
        mount = None if namespace is None else await core.leases.mount_of(namespace, lease)
        if namespace is not None and mount is not None:
            request = core.internal_request(namespace)
            request.tx.close()
            request.tx = deferred
            inner = core.inner_request(request, mount, lease.path)
            async with asyncio.timeout(DEADLINE):
                await mount.backend.revoke(inner, lease.secret())
        await self._finish(lease.id, deferred)
        if namespace is not None:
            core.measures.expired(namespace, core.clock() - lease.due)

    async def _namespace(self, lease_id: str) -> Namespace | None:
        """The namespace of a lease, also one that is being cleared."""
        tx = self._core.store.begin(write=False)
        try:
            return await self._core.namespaces.whatever_is_left_of(tx, home_of(lease_id))
        finally:
            tx.close()

    async def _finish(self, lease_id: str, deferred: DeferredTransaction) -> None:
        """Commit what the engine wrote, and the end of the lease. Raises Conflict: it has to act again."""
        for attempt in range(1, _RACES + 1):
            request = self._core.internal_request()
            try:
                await deferred.replay(request.tx)
                lease = await self._core.leases.find(request.tx, lease_id)
                if lease is not None:
                    self._core.leases.forget(request, lease)
                await self._core.store.commit(request.tx)
            except Conflict:
                if attempt == _RACES:
                    raise
            else:
                return
            finally:
                request.tx.close()

    # -- the breakers ------------------------------------------------------------------------------

    async def _missed(self, system: System, error: Exception) -> None:
        reason = error.public if isinstance(error, StrongroomError) else type(error).__name__
        breaker = system.breaker
        if not breaker.open:
            _log.warning("a system outside does not answer, its leases wait: %s", reason)
        breaker.missed(self._core.clock(), reason, self._core.leases.chance())
        request = self._core.internal_request()
        try:
            row = msgspec.json.encode(breaker)
            self._core.leases.view(request.tx).put("target/" + system.name, row)
            await self._core.store.commit(request.tx)
        finally:
            request.tx.close()
        while breaker.down >= PATIENCE and await self._give_up(system):
            pass

    async def _close_breaker(self, system: System) -> None:
        if not system.breaker.open:
            return
        _log.info("a system outside answers again after %d s", system.breaker.down)
        system.breaker.answered()
        request = self._core.internal_request()
        try:
            self._core.leases.view(request.tx).delete("target/" + system.name)
            await self._core.store.commit(request.tx)
        finally:
            request.tx.close()

    async def _give_up(self, system: System) -> bool:
        """Mark a page of what has waited too long as irrevocable; gives whether there was any."""
        leases, request = self._core.leases, self._core.internal_request()
        try:
            view = leases.view(request.tx)
            tired = [
                row
                for row in await view.scan(f"wait/{system.name}/", "", _PAGE)
                if int(row.partition("/")[0], 16) + PATIENCE <= system.breaker.down
            ]
            for row in tired:
                lease = await leases.find(request.tx, row.split("/", 2)[2])
                if lease is None or not lease.queue:
                    view.delete(f"wait/{system.name}/{row}")
                else:
                    leases.give_up(request, lease, system.breaker.error, attempts=lease.attempts)
            await self._core.store.commit(request.tx)
        finally:
            request.tx.close()
        return bool(tired)

    async def _note(self, system: System, lease: Lease, error: Exception) -> None:
        """A lease failed that nobody else's silence explains: it goes back into the index for a while."""
        _log.warning("revocation failed, to be tried again: %s", type(error).__name__)
        request = self._core.internal_request()
        try:
            await self._core.leases.note_failure(request, lease.due, lease.id, error)
            await self._core.store.commit(request.tx)
        finally:
            request.tx.close()

    async def _sweep_row(self, system: System, row: str) -> None:
        request = self._core.internal_request()
        try:
            self._core.leases.view(request.tx).delete(f"wait/{system.name}/{row}")
            await self._core.store.commit(request.tx)
        finally:
            request.tx.close()

    async def _read(self, lease_id: str) -> Lease | None:
        tx = self._core.store.begin(write=False)
        try:
            return await self._core.leases.find(tx, lease_id)
        finally:
            tx.close()

    def describe(self) -> list[tuple[System, int]]:
        """The systems that were worked with of late, and how many revocations are under way at each."""
        return [(system, len(system.busy)) for system in self._systems.values()]

    # -- at the wish of a request ------------------------------------------------------------------

    async def revoke(self, namespace: Namespace, lease: Lease) -> None:
        """Take one lease back now. Raises what stands against it, and then it is as it was."""
        [error] = await self.revoke_all(namespace, [lease])
        if error is not None:
            raise error

    async def revoke_all(self, namespace: Namespace, leases: list[Lease]) -> list[Exception | None]:
        """Take leases back now, side by side; gives for each what stood against it."""
        await self._claim(leases, ending=True)
        failures = await asyncio.gather(*(self._now(namespace, lease) for lease in leases))
        failed = [lease for lease, error in zip(leases, failures, strict=True) if error is not None]
        await self._claim(failed, ending=False)
        return failures

    async def _now(self, namespace: Namespace, lease: Lease) -> Exception | None:
        system = await self._system(await self._core.leases.system_of(namespace, lease))
        if system.breaker.open and not system.breaker.admits(self._core.clock(), system.workers, LIMIT):
            return UpstreamFailed(system.breaker.error)
        try:
            return await self._try(system, lease)
        except (Conflict, Sealed) as error:
            return error

    async def _claim(self, leases: list[Lease], *, ending: bool) -> None:
        """From here on nobody renews these, or they may again, as they might before."""
        wanted = [lease for lease in leases if not lease.ending]
        if not wanted:
            return
        request = self._core.internal_request()
        try:
            for lease in wanted:
                stored = await self._core.leases.find(request.tx, lease.id)
                if stored is not None and stored.due == lease.due and not stored.queue:
                    self._core.leases.store(request, stored, replace(stored, ending=ending))
            await self._core.store.commit(request.tx)
        finally:
            request.tx.close()

    async def drop(self, lease: Lease) -> None:
        """Forget a lease without its engine."""
        await self._finish(lease.id, DeferredTransaction(self._core.store))
