"""A turn: waited for, kept alive while it lasts, given back. Whoever has none does not restart.

While the server is away nothing happens: whoever waits goes on waiting, the service runs on with what it has;
whoever holds a turn finishes, since nobody else can take one meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

from strongroom.agent.config import Cycle
from strongroom.agent.cycle.ledger import Ledger
from strongroom.agent.cycle.slots import Slots, Watch
from strongroom.agent.program import CommandFailed, environment, run
from strongroom.agent.state import CycleState
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Unreachable, Upstream, backoff
from strongroom.errors import StrongroomError

_log = logging.getLogger("agent.cycle")
FENCE = "STRONGROOM_CYCLE_FENCE"
RECLAIM = 3.0
"""Seconds that the start of a process may wait for the turns to be read."""
Restart = Callable[[], Awaitable[None]]


class TurnLost(StrongroomError):
    """Somebody else has this member's turn: it was believed dead."""


class Group:
    """One member's part in a group that restarts calmly."""

    def __init__(self, stanza: Cycle, upstream: Upstream, holder: TokenHolder, state: CycleState) -> None:
        self._stanza = stanza
        self._upstream = upstream
        self._ledger = Ledger(stanza.path, stanza.group, upstream, holder)
        self._state = state
        self._watch = Watch()
        state.group = stanza.group
        self.member = stanza.member or f"{socket.gethostname()}-{os.getpid()}"
        self._pause = min(max(stanza.turn / 10, 0.05), 2.0)

    async def restart(self, act: Restart) -> None:
        """Wait for a turn, drain, ``act``, wait for health and grace, give the turn back.

        A turn that was lost before the service was touched is waited for again.
        """
        while True:
            fence = await self._acquire()
            try:
                async with self._kept(fence):
                    await self._in_turn(fence, act)
            except TurnLost as lost:
                self._state.last_error = lost.public
                _log.warning(
                    "lost its turn, waiting for another", extra={"fields": {"group": self._stanza.group}}
                )
                continue
            await self._release(fence)
            return

    async def reclaim(self) -> int:
        """The fence of a new turn, if an agent of this member's name died in one and has it still; else 0.

        Tried once, and not for long: no service shall wait for this.
        """
        try:
            async with asyncio.timeout(RECLAIM):
                slots, _ = await self._ledger.read()
                return await self._try() if self.member in slots.held else 0
        except StrongroomError as error:
            self._failed(error)
        except TimeoutError:
            _log.warning("the turns cannot be read", extra={"fields": {"group": self._stanza.group}})
        return 0

    async def finish(self, fence: int) -> None:
        """End a turn that was reclaimed: wait for health and grace, give the turn back."""
        with contextlib.suppress(TurnLost):
            async with self._kept(fence):
                await self._settled(environment(None, {FENCE: str(fence)}))
        await self._release(fence)

    async def _in_turn(self, fence: int, act: Restart) -> None:
        stanza, env = self._stanza, environment(None, {FENCE: str(fence)})
        if stanza.drain:
            self._phase("draining")
            try:
                await run(stanza.drain, stanza.drain_timeout, env)
            except CommandFailed as error:
                self._failed(error)
        await self._confirm(fence)
        self._phase("restarting")
        await act()
        await self._settled(env)

    async def _settled(self, env: dict[str, str]) -> None:
        if self._stanza.health:
            self._phase("checking")
            await self._healthy(env)
        if self._stanza.grace:
            self._phase("grace")
            await asyncio.sleep(self._stanza.grace)

    # -- health -------------------------------------------------------------------------------

    async def _healthy(self, env: dict[str, str]) -> None:
        """Return when the service serves. As long as it does not, the turn is kept: no more may fall."""
        ends, told = monotonic() + self._stanza.health_timeout, False
        while True:
            try:
                await self._check(env)
            except (CommandFailed, Unreachable) as error:
                if not told and monotonic() > ends:
                    told = True
                    self._phase("unhealthy")
                    self._failed(error)
                    _log.error(
                        "not healthy after its restart: the turn is kept",
                        extra={"fields": {"group": self._stanza.group}},
                    )
                await asyncio.sleep(self._stanza.health_interval)
                continue
            return

    async def _check(self, env: dict[str, str]) -> None:
        health = self._stanza.health
        if len(health) == 1 and health[0].startswith(("http://", "https://")):
            await _get(health[0], self._stanza.health_timeout)
        else:
            await run(health, self._stanza.health_timeout, env)

    # -- the turn -----------------------------------------------------------------------------

    async def _acquire(self) -> int:
        self._phase("waiting")
        failures = 0
        while True:
            try:
                fence = await self._try()
            except StrongroomError as error:
                self._watch.lost_sight()
                self._failed(error)
                await asyncio.sleep(backoff(failures, self._pause, 15.0))
                failures += 1
                continue
            failures = 0
            if fence:
                return fence
            await asyncio.sleep(self._pause * (0.5 + random.random()))  # noqa: S311  it spreads, no more

    async def _try(self) -> int:
        """The fence of a turn, or 0 when there is none to be had now."""
        slots, version = await self._ledger.read()
        slots = slots.without(self._watch.dead(slots, monotonic()))
        taken = slots.taken(self.member, self._stanza.max_concurrent, self._stanza.turn)
        if taken is None or not await self._ledger.write(taken, version):
            return 0
        self._state.turns += 1
        self._state.fence = taken.fence
        self._state.last_error = ""
        return taken.fence

    @contextlib.asynccontextmanager
    async def _kept(self, fence: int) -> AsyncIterator[None]:
        """Give signs of life meanwhile."""
        task = asyncio.create_task(self._beat(fence))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _beat(self, fence: int) -> None:
        while True:
            await asyncio.sleep(self._stanza.turn / 4)
            try:
                await self._confirm(fence)
            except TurnLost as lost:
                self._failed(lost)
                return
            except StrongroomError as error:
                self._failed(error)

    async def _confirm(self, fence: int) -> None:
        """A sign of life that also tells whether the turn is still held. Raises TurnLost."""
        await self._changed(
            lambda slots: slots.beaten(self.member, fence), lost="the turn was given to another"
        )

    async def _release(self, fence: int) -> None:
        self._phase("idle")
        with contextlib.suppress(TurnLost):
            await self._changed(lambda slots: slots.released(self.member, fence), lost="")

    async def _changed(self, change: Callable[[Slots], Slots | None], *, lost: str) -> None:
        """Write a change, as often as it takes; None from ``change`` means that the turn is lost."""
        failures = 0
        while True:
            try:
                if await self._write(change, lost):
                    return
                await asyncio.sleep(random.random() * 0.05)  # noqa: S311  as above
            except TurnLost:
                raise
            except StrongroomError as error:
                self._failed(error)
                await asyncio.sleep(backoff(failures, self._pause, 5.0))
                failures += 1

    async def _write(self, change: Callable[[Slots], Slots | None], lost: str) -> bool:
        slots, version = await self._ledger.read()
        changed = change(slots)
        if changed is None:
            raise TurnLost(lost)
        return await self._ledger.write(changed, version)

    def _phase(self, phase: str) -> None:
        self._state.phase = phase
        _log.info(phase, extra={"fields": {"group": self._stanza.group, "fence": self._state.fence}})

    def _failed(self, error: StrongroomError) -> None:
        self._state.last_error = error.public
        _log.warning("cycle", extra={"fields": {"group": self._stanza.group, "error": error.public}})


async def _get(url: str, timeout: float) -> None:  # noqa: ASYNC109  part of what is promised
    """Raises Unreachable unless the answer is one of the 200s."""
    from urllib.parse import urlsplit  # noqa: PLC0415  as below

    from strongroom.agent.upstream import Endpoint  # noqa: PLC0415  only here

    parts = urlsplit(url)
    service = Upstream(Endpoint(address=f"{parts.scheme}://{parts.netloc}", keep_alive=False))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        answer = await service.raw("GET", target, {}, timeout=min(timeout, 10.0))
    finally:
        await service.close()
    if not answer.ok:
        raise Unreachable(f"the health check was answered with {answer.status}")
