"""What runs after files changed: commands, each once however many templates share it, by turns if wanted."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from strongroom.agent.config import AgentConfig, Template
from strongroom.agent.config.stanza import Command, ExecEnv
from strongroom.agent.cycle.turn import Group
from strongroom.agent.exit import Exit
from strongroom.agent.program import CommandFailed, Ending, environment, run
from strongroom.agent.render.target import Target
from strongroom.agent.state import CycleState, State, TemplateState
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Upstream

_log = logging.getLogger("agent.template")
Start = Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]]


class _Job(Struct):
    """A command, and the templates it is for."""

    command: tuple[str, ...]
    timeout: float
    splay: float
    ending: Ending
    env: ExecEnv | None
    group: Group | None
    states: list[TemplateState] = field(default_factory=list)
    markers: set[Path] = field(default_factory=set)
    wanted: asyncio.Event = field(default_factory=asyncio.Event)


class Aftermath:
    """Runs the commands of templates. One that is wanted again while it runs, runs once more after that."""

    def __init__(
        self, config: AgentConfig, upstream: Upstream, holder: TokenHolder, state: State, start: Start
    ) -> None:
        self._start = start
        self._config = config
        self._upstream = upstream
        self._holder = holder
        self._state = state
        self._jobs: dict[tuple[str, ...], _Job] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._in_order = asyncio.Lock()

    def rendered(self, written: list[Target]) -> None:
        """These files changed."""
        for target in written:
            job = self._job_of(target)
            if job is not None and not job.wanted.is_set():
                job.wanted.set()
                job.markers |= {target.marker} if target.marker is not None else set()
                self._busy += 1
                self._quiet.clear()

    async def settled(self) -> None:
        """Return once every wanted command has ended."""
        await self._quiet.wait()

    async def close(self) -> None:
        """End what runs."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _job_of(self, target: Target) -> _Job | None:
        stanza = target.stanza
        if not isinstance(stanza, Template):
            return None
        inner = stanza.exec if stanza.exec is not None and stanza.exec.enabled else None
        command = inner.command if inner is not None and inner.command else stanza.command
        if not command:
            return None
        job = self._jobs.get(command)
        if job is None:
            splay = inner.splay if inner is not None and inner.splay else self._config.splay
            ending = Ending(inner.kill_signal, inner.kill_timeout) if inner else Ending()
            env = inner.env if inner else None
            job = _Job(command, _timeout(stanza, inner), splay, ending, env, self._group(stanza))
            self._jobs[command] = job
            self._tasks.append(self._start(self._serve(job), f"command {command[0]}"))
        if target.state not in job.states:
            job.states.append(target.state)
        return job

    def _group(self, stanza: Template) -> Group | None:
        if stanza.cycle is None:
            return None
        state = CycleState()
        self._state.cycles.append(state)
        return Group(stanza.cycle, self._upstream, self._holder, state)

    async def _serve(self, job: _Job) -> None:
        while True:
            await job.wanted.wait()
            if job.splay:
                await asyncio.sleep(random.random() * job.splay)  # noqa: S311  it spreads, no more
            if job.group is None:
                async with self._in_order:
                    await self._once(job)
            else:
                await job.group.restart(functools.partial(self._once, job))
                if not job.wanted.is_set():
                    for marker in job.markers:
                        marker.unlink(missing_ok=True)
            self._busy -= 1
            if not self._busy:
                self._quiet.set()

    async def _once(self, job: _Job) -> None:
        job.wanted.clear()  # what changes from here on wants another run
        for state in job.states:
            state.commands += 1
        conduct = self._config.conduct
        try:
            await run(job.command, job.timeout, environment(job.env, None, conduct.passed_on), job.ending)
        except CommandFailed as error:
            if conduct.alone:
                raise Exit(
                    conduct.failed, f"command for {job.states[0].destination}: {error.public}"
                ) from None
            for state in job.states:
                state.command_failures += 1
                state.last_error = error.public
            _log.error("command failed", extra={"fields": {"error": error.public}})


def _timeout(stanza: Template, inner: Command | None) -> float:
    """How long a command may take, however the configuration spells it."""
    if inner is not None and "timeout" in inner.given:
        return inner.timeout
    return stanza.command_timeout
