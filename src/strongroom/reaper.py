"""The reaper: ends what has expired, earliest first, from the ordered index.

Most of it is done many at a time, in one transaction. What may wait for something else runs beside, a
few of each kind, and what has a system outside goes to that system's queue (:mod:`strongroom.outside`):
the look at the index never waits for the slowest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from strongroom.errors import Conflict, Internal, Sealed, StrongroomError
from strongroom.lease import Leases
from strongroom.logical import SECOND, Request, home_of

if TYPE_CHECKING:
    from strongroom.core import Core

PAUSE = 1.0
"""Seconds between two looks at the index when nothing is due."""
BATCH = 2048
"""How many ends are looked up at once."""
TOGETHER = 512
"""How many of them share a transaction."""
AT_ONCE = 32
"""How many steps of one kind are under way beside."""
DEADLINE = 60.0
"""Seconds a step that waits for a system outside may take."""

_PAGES = 32
_log = logging.getLogger("expiration")

Step = Callable[[Leases, Request, int, str], Awaitable[None]]
Together = Callable[[Leases, Request, list[tuple[int, str]]], Awaitable[None]]
End = tuple[int, str, str]
"""When something is due, its kind, and what it is."""

_STEPS: dict[str, Step] = {
    "d": Leases.purge,
    "i": Leases.forget_mount,
    "k": Leases.end_of_token,
    "l": Leases.end_lease,
    "n": Leases.end_namespace,
    "p": Leases.end_prefix,
    "t": Leases.end_token,
    "u": Leases.settle_intent,
    "w": Leases.wake,
}
"""What ends each kind of row in the index, each in a transaction of its own."""

_TOGETHER: dict[str, Together] = {"l": Leases.end_leases, "t": Leases.end_tokens}
"""The kinds of which many end in one transaction; when that fails, each ends alone."""

_WAITING = frozenset({"u"})
"""The kinds whose step has a deadline. An engine that is woken bounds its own waits."""


async def run(core: Core) -> None:
    """Revoke what is due, for as long as the server is unsealed."""
    await core.reaper.run()


async def sweep(core: Core) -> int:
    """Take one step with what is due now, and wait until it is done; gives how much there was."""
    found = await core.reaper.look()
    await core.reaper.settle()
    return found


class Reaper:
    """Knows what is under way."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._beside: dict[End, asyncio.Task[None]] = {}
        self._at_once: Counter[str] = Counter()

    async def run(self) -> None:
        """Look, until cancelled or sealed."""
        try:
            while await self._round():
                pass
        finally:
            await self._stop()

    async def _round(self) -> bool:
        core, found = self._core, 0
        core.leases.outside.ended.clear()
        try:
            found = await self.look()
            await core.keep_keyring()
        except Sealed:
            return False
        except StrongroomError as error:
            _log.error("expiry has to wait: %s", error.cause or error.public)
        except Exception:  # noqa: BLE001  a defect in one place must not end all expiry
            _log.exception("expiry has to wait")
        if not found:
            await self._pause()
        return True

    async def _pause(self) -> None:
        """Wait for the next end, or for something under way to be done; never long."""
        core, ahead = self._core, PAUSE
        tx = core.store.begin(write=False)
        try:
            with suppress(StrongroomError):  # told by the next look
                ahead = (await core.leases.first(tx) - core.clock()) / SECOND
        finally:
            tx.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(ahead if 0 < ahead < PAUSE else PAUSE):
                await core.leases.outside.ended.wait()

    async def _stop(self) -> None:
        tasks = list(self._beside.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await self._core.leases.outside.stop()

    async def settle(self) -> None:
        """Wait for all that is under way."""
        while self._beside:
            await asyncio.wait(list(self._beside.values()))
        await self._core.leases.outside.settle()

    async def look(self) -> int:
        """Take up what is due and not under way; gives how much that was."""
        due = await self._due()
        for one in due:
            if one[1] not in _TOGETHER:
                self._start(one)
        for kind in _TOGETHER:
            await self._end_many(kind, [one for one in due if one[1] == kind])
        return len(due) + await self._core.leases.outside.serve()

    async def _due(self) -> list[End]:
        """The first that are due, without those under way and those whose kind is at its limit."""
        core, after = self._core, ""
        found: list[End] = []
        room = {kind: AT_ONCE - self._at_once[kind] for kind in _STEPS if kind not in _TOGETHER}
        tx = core.store.begin(write=False)
        try:
            for _ in range(_PAGES):
                page = await core.leases.due(tx, core.clock(), BATCH, after)
                for one in page:
                    kind = one[1][0]
                    if one in self._beside or room.get(kind, 1) <= 0:
                        continue
                    if kind in room:
                        room[kind] -= 1
                    found.append(one)
                if len(page) < BATCH or len(found) >= BATCH:
                    break
                when, kind, reference = page[-1]
                after = f"{when:016x}/{kind}/{reference}"
        finally:
            tx.close()
        return found

    def _start(self, one: End) -> None:
        """Take a step beside everything else."""
        self._at_once[one[1][0]] += 1
        task = asyncio.get_running_loop().create_task(self._end(one))
        self._beside[one] = task
        task.add_done_callback(lambda done: self._done(one, done))

    def _done(self, one: End, task: asyncio.Task[None]) -> None:
        del self._beside[one]
        self._at_once[one[1][0]] -= 1
        self._core.leases.outside.ended.set()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Sealed):
            _log.error("expiry has to wait", exc_info=error)

    async def _end_many(self, kind: str, ends: list[End]) -> None:
        """End what shares a kind, those of a namespace in common transactions."""
        homes: dict[str, list[End]] = {}
        for one in ends:
            homes.setdefault(home_of(one[2]), []).append(one)
        for home, those in homes.items():
            for start in range(0, len(those), TOGETHER):
                await self._end_some(kind, home, those[start : start + TOGETHER])

    async def _end_some(self, kind: str, home: str, ends: list[End]) -> None:
        request = self._core.internal_request()
        try:
            namespace = await self._core.namespaces.whatever_is_left_of(request.tx, home)
            if namespace is None:
                self._clear(request, ends)
            else:
                request.namespace = namespace
                await _TOGETHER[kind](self._core.leases, request, [(when, name) for when, _, name in ends])
            await self._core.store.commit(request.tx)
        except Sealed:
            raise
        except Exception:  # noqa: BLE001  one of them spoils it for all, or was changed meanwhile
            request.tx.close()
            for start in range(0, len(ends), AT_ONCE):
                await asyncio.gather(*(self._end(one) for one in ends[start : start + AT_ONCE]))
        finally:
            request.tx.close()

    def _clear(self, request: Request, ends: list[End]) -> None:
        """Drop rows about a namespace that is cleared already."""
        for when, kind, reference in ends:
            self._core.leases.unschedule(request.tx, when, kind, reference)

    async def _end(self, one: End) -> None:
        """Take one thing back, or do the next step of a job.

        A failure is noted with the lease; what is not even readable is put off. What lost a race stays
        where it is, for the next look.
        """
        kind = one[1]
        try:
            async with asyncio.timeout(DEADLINE if kind[0] in _WAITING else None):
                await self._in_transaction(_STEPS[kind[0]], one)
        except Conflict:
            return
        except Sealed:
            raise
        except Exception as error:  # noqa: BLE001  an engine may fail in any way
            _log.warning("revocation failed, to be tried again: %s", type(error).__name__)
            with suppress(Conflict):
                await self._in_transaction(_noting(kind, error), one)

    async def _in_transaction(self, step: Step, one: End) -> None:
        core, (when, kind, reference) = self._core, one
        request = core.internal_request()
        try:
            namespace = await core.namespaces.whatever_is_left_of(request.tx, _home(kind, reference))
            if namespace is None:
                self._clear(request, [one])
            else:
                request.namespace = namespace
                await step(core.leases, request, when, reference)
            await core.store.commit(request.tx)
        finally:
            request.tx.close()


def _home(kind: str, reference: str) -> str:
    """ID of the namespace that an entry of the index is about."""
    if kind in _TOLD_BY_END:
        return home_of(reference)
    return reference if kind == "n" else home_of(kind)


_TOLD_BY_END = frozenset("klt")
"""The kinds whose references end as tokens and leases do."""


def _noting(kind: str, failure: Exception) -> Step:
    """The step that notes a failure."""

    async def note(leases: Leases, request: Request, when: int, reference: str) -> None:
        if kind == "l":
            try:
                await leases.note_failure(request, when, reference, failure)
            except Internal as error:
                _log.error("lease %s cannot be read: %s", reference, error.cause or error.public)
            else:
                return
        leases.postpone(request, when, kind, reference)

    return note
