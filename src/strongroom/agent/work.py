"""Templates, the commands that follow them, and the process that is run with them: the work itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from strongroom.agent.aftermath import Aftermath
from strongroom.agent.child import Child
from strongroom.agent.config import AgentConfig
from strongroom.agent.exit import Exit
from strongroom.agent.readiness import tell_ready
from strongroom.agent.render.runner import Runner
from strongroom.agent.render.target import Target
from strongroom.agent.render.way import Way
from strongroom.agent.state import State
from strongroom.agent.supervisor import Supervisor
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Upstream

_log = logging.getLogger("agent")


class Work:
    """What one configuration asks for. ``runner`` is None where there is nothing to render.

    ``way`` gives how secrets are asked for, None where that is the usual way.
    """

    def __init__(
        self,
        config: AgentConfig,
        upstream: Upstream,
        holder: TokenHolder,
        state: State,
        supervisor: Supervisor,
        *,
        doubt: Callable[[], None],
        way: Callable[[], Way | None] = lambda: None,
    ) -> None:
        self._config = config
        self._upstream = upstream
        self._holder = holder
        self._state = state
        self._supervisor = supervisor
        self._doubt = doubt
        self._way = way
        self._running: asyncio.Task[Any] | None = None
        self.runner: Runner | None = None
        self.child: Child | None = None
        self.aftermath = Aftermath(config, upstream, holder, state, supervisor.start)

    def start(self) -> None:
        """Begin. Raises Exit when a template cannot be read."""
        config = self._config
        if not config.templates and not config.env_templates and not config.conduct.alone:
            return
        self.runner = self._runner(config)
        self._running = self._supervisor.start(self.runner.run(), "templates")
        self._supervisor.start(self._tell(self.runner), "readiness")
        if config.exec is not None and config.exec.enabled and config.exec.command:
            self.child = Child(config, config.exec, self._upstream, self._holder, self._state)
            self._supervisor.start(self.child.run(), "exec")

    async def done(self) -> None:
        """Return once everything has been rendered, and the commands for it have ended."""
        if self.runner is not None:
            await self.runner.done.wait()
            await self.aftermath.settled()
            _log.info("templates rendered")

    async def rest(self) -> None:
        """Render and renew no more."""
        if self._running is not None:
            await self._supervisor.stop(self._running)

    async def change(self, config: AgentConfig) -> None:
        """Other templates in the place of those that run; one that cannot be read changes nothing."""
        try:
            runner = self._runner(config)
        except Exit as error:
            _log.error("the templates were not reloaded", extra={"fields": {"error": error.public}})
            return
        await self.rest()
        self._config.templates, self._config.env_templates = config.templates, config.env_templates
        self._config.template_config = config.template_config
        self.runner = runner
        self._running = self._supervisor.start(runner.run(), "templates")

    def _runner(self, config: AgentConfig) -> Runner:
        return Runner(
            config,
            self._upstream,
            self._holder,
            self._state,
            doubt=self._doubt,
            rendered=self._rendered,
            way=self._way(),
        )

    def _rendered(self, written: list[Target]) -> None:
        assert self.runner is not None  # noqa: S101  who else would call
        conduct = self._config.conduct
        if not conduct.dry:
            self.aftermath.rendered(written)
        if self.child is None or not all(target.ready for target in self.runner.targets):
            return
        if conduct.alone:
            targets = self.runner.targets
            self._supervisor.start(self._after_commands(self.child, targets, written), "exec-change")
        else:
            self.child.rendered(self.runner.targets, written)

    async def _after_commands(self, child: Child, targets: list[Target], written: list[Target]) -> None:
        await self.aftermath.settled()
        child.rendered(targets, written)

    async def _tell(self, runner: Runner) -> None:
        await runner.done.wait()
        tell_ready()
