"""The process that the agent runs: started once its secrets are there, changed over when they change.

Its exit ends the agent with the same code. That the server is away never stops it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import signal
from collections.abc import Mapping
from time import monotonic

from strongroom.agent.config import AgentConfig, Exec
from strongroom.agent.cycle.turn import Group
from strongroom.agent.exit import Exit
from strongroom.agent.program import CommandFailed, environment, exit_code, send, start, stop
from strongroom.agent.render.target import Target
from strongroom.agent.state import CycleState, State
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Upstream

_log = logging.getLogger("agent.exec.server")
LONGEST_VARIABLE = 131_072
"""Bytes of a variable, with its name, that Linux gives no process."""
BY_SIGNAL = 255
"""The agent's code when a signal has ended the process, as with Vault's agent and consul-template."""


class Child:
    """One process and its changes-over."""

    def __init__(
        self, config: AgentConfig, stanza: Exec, upstream: Upstream, holder: TokenHolder, state: State
    ) -> None:
        self._stanza = stanza
        self._state = state
        self._variables: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self._changing = False
        self._splay = stanza.splay or config.splay
        self._kill = _stop_signal(config, stanza) or signal.SIGKILL
        self._conduct = config.conduct
        self._ends = math.inf
        """When the process has run as long as it may; ``monotonic`` time."""
        self._group: Group | None = None
        if stanza.cycle is not None:
            told = CycleState()
            state.cycles.append(told)
            self._group = Group(stanza.cycle, upstream, holder, told)

    def rendered(self, targets: list[Target], written: list[Target]) -> None:
        """All templates are ready, and these changed."""
        self._variables = {
            target.stanza.label: (target.rendered or b"").decode("utf-8", "surrogateescape")
            for target in targets
            if target.stanza.label
        }
        if self.running and (name := unfit(self._variables)):
            sentence = f"{name} is too long or holds a zero byte: the process goes on with what it has"
            _log.error("secrets changed", extra={"fields": {"error": sentence}})
        elif written or self._process is None:
            self._wanted.set()

    def forward(self, number: int) -> None:
        """Pass a signal on. That which ends the process gets to be obeyed within the time for that."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._state.process.signals += 1
        send(process, number)
        if number == self._kill:
            loop = asyncio.get_running_loop()
            loop.call_later(self._stanza.kill_timeout, self._force, process)

    def _force(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            send(process, signal.SIGKILL)

    @property
    def running(self) -> bool:
        """Whether there is a process now."""
        return self._process is not None and self._process.returncode is None

    async def run(self) -> None:
        """For ever. Raises Exit with the process's code when it ends by itself."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._wanted.wait()
            self._wanted.clear()
            # What ran before may have died in its turn: then no other follows before this one serves.
            fence = await self._group.reclaim() if self._group is not None else 0
            await self._begin()
            tasks += [asyncio.create_task(self._watch()), asyncio.create_task(self._change_over(fence))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await self._end()

    async def _begin(self) -> None:
        stanza = self._stanza
        try:
            passed_on = self._conduct.passed_on if self._conduct.alone else {}
            env = environment(stanza.env, self._variables, passed_on)
            self._process = await start(stanza.command, env, reads_ours=self._conduct.alone)
        except CommandFailed as error:
            raise Exit(self._conduct.failed, error.public) from None
        self._ends = monotonic() + (stanza.timeout or math.inf)
        self._state.process.pid = self._process.pid
        self._state.process.starts += 1
        _log.info("process started", extra={"fields": {"pid": self._process.pid}})

    async def _watch(self) -> None:
        """Raise Exit when a process ends that nobody stopped."""
        while True:
            process = self._process
            assert process is not None  # noqa: S101  it was started before
            ended = await self._ended(process)
            if not self._changing and process is self._process:
                self._state.process.last_exit = exit_code(ended)
                _log.info("process ended", extra={"fields": {"code": exit_code(ended)}})
                raise Exit(ended if ended >= 0 else BY_SIGNAL)
            await asyncio.sleep(0.05)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """A process's code, below 0 for a signal. Raises Exit when it runs longer than it may."""
        while True:
            left = self._ends - monotonic()
            try:
                async with asyncio.timeout(left if left < math.inf else None):
                    return await process.wait()
            except TimeoutError:
                if process is not self._process or self._ends > monotonic():
                    continue  # another was started meanwhile
                send(process, signal.SIGKILL)
                await process.wait()
                stanza = self._stanza
                sentence = f"{stanza.command[0]} did not end within {stanza.timeout:g} seconds"
                raise Exit(self._conduct.failed, sentence) from None

    async def _change_over(self, fence: int) -> None:
        if self._group is not None and fence:
            await self._group.finish(fence)
        while True:
            await self._wanted.wait()
            if self._stanza.restart_on_secret_changes == "never":
                self._wanted.clear()
                _log.info("secrets changed; the process is left alone as configured")
                continue
            if self._splay:
                await asyncio.sleep(random.random() * self._splay)  # noqa: S311  it spreads, no more
            if self._group is not None:
                await self._group.restart(self._restart)
            else:
                await self._restart()

    async def _restart(self) -> None:
        self._wanted.clear()
        if self._stanza.reload_signal:
            self.forward(self._stanza.reload_signal)
            return
        self._changing = True
        try:
            _log.info("secrets changed, restarting the process")
            await self._end()
            self._state.process.restarts += 1
            await self._begin()
        finally:
            self._changing = False

    async def _end(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            code = await asyncio.shield(stop(process, self._kill, self._stanza.kill_timeout))
            self._state.process.last_exit = code


def unfit(variables: Mapping[str, str]) -> str:
    """The name of a variable that no process can be given; nothing where there is none."""
    for name, value in variables.items():
        if "\0" in value or len(os.fsencode(f"{name}={value}")) >= LONGEST_VARIABLE:
            return name
    return ""


def _stop_signal(config: AgentConfig, stanza: Exec) -> int:
    """What asks the process to end; consul-template has another default than the agent."""
    if "kill_signal" in stanza.given:
        return stanza.kill_signal
    if (config.conduct.alone or config.auto_auth is None) and "restart_stop_signal" not in stanza.given:
        return signal.SIGINT
    return stanza.restart_stop_signal
