"""Renders what changed, tells who has to know, and looks after files that templates read.

A pass renders every template whose dependencies changed since the last. What was written is told to
``rendered`` in the order of the configuration; commands and processes are somebody else's business.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from strongroom.agent.config import AgentConfig, EnvTemplate, Template, Wait
from strongroom.agent.exit import Exit
from strongroom.agent.render.certificate import certificate_at
from strongroom.agent.render.lease import RENEWAL, Rules
from strongroom.agent.render.reading import Reading
from strongroom.agent.render.supply import Persistence, Supply
from strongroom.agent.render.target import Target, name_of, stamp, target_of
from strongroom.agent.render.way import Way
from strongroom.agent.render.world import Machine
from strongroom.agent.state import State, TemplateState
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import AT_ONCE, Upstream
from strongroom.errors import StrongroomError
from strongroom.template import Certificate as PemEncoded
from strongroom.template import CertificateIssue, Dependency, FileContent, Rendered, TemplateError

_log = logging.getLogger("agent.template")
TOGETHER = 0.02
"""Seconds that further changes are waited for, so that what arrives together is rendered once."""
AT_START = 0.004
"""The same, while something has not been rendered even once: an application waits for it."""
AFTER_CACHE = 0.85
"""The part of a lease after which a template renews it, should the cache have failed to."""
LOOK = 2.0
"""Seconds between looks at files that templates read."""


class Runner:
    """The templates of one configuration. ``done`` is set once all have been rendered."""

    def __init__(
        self,
        config: AgentConfig,
        upstream: Upstream,
        holder: TokenHolder,
        state: State,
        *,
        doubt: Callable[[], None],
        rendered: Callable[[list[Target]], None],
        way: Way | None = None,
    ) -> None:
        self._config = config
        self._holder = holder
        self._rendered = rendered
        self._conduct = config.conduct
        self._dirty: dict[int, tuple[float, float]] = {}
        """Targets by their identity: when they first and last changed since they were written."""
        self._news = asyncio.Event()
        self._fatal: Exit | None = None
        self.done = asyncio.Event()
        stanzas: Sequence[Template | EnvTemplate] = (*config.templates, *config.env_templates)
        state.templates = [TemplateState(name_of(each)) for each in stanzas]
        self.targets = [target_of(each, told) for each, told in zip(stanzas, state.templates, strict=True)]
        self._supply = Supply(
            Reading(upstream, holder, way),
            _rules(config, cached=way is not None),
            persistence_of(config),
            state,
            at_once=config.template_config.max_connections_per_host or AT_ONCE,
            changed=self._changed,
            doubt=doubt,
            fatal=self._end,
        )
        self._world = Machine(self._supply)

    async def run(self) -> None:
        """For ever. Raises Exit where the configuration says that a failure ends the agent."""
        if not self._conduct.alone:
            await self._holder.get()
        seen = self._holder.generation
        self._news.set()
        followers = [asyncio.create_task(self._follow_token(seen)), asyncio.create_task(self._follow_files())]
        for target in self.targets:
            self._mark(target)
        try:
            while True:
                await self._quiet()
                if self._fatal is not None:
                    raise self._fatal
                await _to_its_end(self._pass())
        finally:
            for task in followers:
                task.cancel()
            await self._supply.close()

    # -- what changed -------------------------------------------------------------------------

    def _changed(self, dependency: Dependency) -> None:
        for target in self.targets:
            if dependency in target.dependencies:
                self._mark(target)

    def _mark(self, target: Target) -> None:
        now = monotonic()
        self._dirty[id(target)] = (self._dirty.get(id(target), (now, now))[0], now)
        self._news.set()

    def _end(self, error: Exit) -> None:
        self._fatal = error
        self._news.set()

    async def _follow_token(self, seen: int) -> None:
        while True:
            seen = await self._holder.changed(seen)
            if self._holder.token is not None:
                self._supply.refresh()

    async def _follow_files(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            for target in self.targets:
                for path, before in target.files.items():
                    now = stamp(path)
                    if now != before:
                        target.files[path] = now
                        self._mark(target)

    async def _quiet(self) -> None:
        """Wait for news, and then for what comes right behind it."""
        await self._news.wait()
        await asyncio.sleep(TOGETHER if self.done.is_set() else AT_START)
        self._news.clear()

    # -- a pass -------------------------------------------------------------------------------

    async def _pass(self) -> None:
        waiting, self._dirty = self._dirty, {}
        written = []
        for target in self.targets:
            if self._update(target, waiting.get(id(target))):
                written.append(target)
                await asyncio.sleep(0)  # a disk takes its time, and others have leases to renew
        self._supply.want(each for target in self.targets for each in target.dependencies if _fetched(each))
        ready = all(target.ready for target in self.targets)
        if written or (ready and not self.done.is_set()):
            self._rendered(written)
        if ready:
            self.done.set()

    def _settled(self, target: Target, since: tuple[float, float]) -> bool:
        """Whether a template that waits for quiet has waited long enough; else it comes again."""
        wait = _wait_of(self._config, target)
        if wait is None or self._conduct.once or not self.done.is_set():
            return True  # the first time nobody waits: what starts needs its files
        first, last = since
        left = min(last + wait.min, first + (wait.max or 4 * wait.min)) - monotonic()
        if left <= 0:
            return True
        self._dirty[id(target)] = since
        asyncio.get_running_loop().call_later(left, self._news.set)
        return False

    def _update(self, target: Target, since: tuple[float, float] | None) -> bool:
        """Render what changed ``since``; whether that gave something new."""
        if since is None:
            return False
        try:
            found = target.render(self._world)
            if found.missing:
                self._offer(target, found)
                return False
            changed = self._settled(target, since) and target.write(found, dry=self._conduct.dry)
        except (TemplateError, StrongroomError) as error:
            self._failed(target, error)
            return False
        if changed:
            target.state.rendered += 1
            target.state.last_rendered = time.time()
            target.state.last_error = ""
            _log.info("rendered", extra={"fields": {"destination": target.name}})
        return changed

    def _failed(self, target: Target, error: TemplateError | StrongroomError) -> None:
        sentence = error.public if isinstance(error, StrongroomError) else str(error)
        target.state.failures += 1
        target.state.last_error = sentence
        certain = isinstance(error, TemplateError) or self._conduct.alone
        if certain and _is_fatal(self._config, target):
            self._end(Exit(self._conduct.failed, f"template {target.name}: {sentence}"))
            return
        _log.error("template failed", extra={"fields": {"destination": target.name, "error": sentence}})
        if isinstance(error, StrongroomError):  # the disk: it may have room again
            wait = min(2.0 ** min(target.state.failures, 6), 60.0)
            asyncio.get_running_loop().call_later(wait, self._mark, target)

    def _offer(self, target: Target, found: Rendered) -> None:
        """Certificates that stand in the destination already."""
        if not isinstance(target.stanza, Template):
            return
        for each in found.missing:
            if isinstance(each, CertificateIssue) and (standing := _standing(target.stanza)) is not None:
                self._supply.offer(each, standing)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Whoever is cancelled meanwhile ends after it: what was written is told to those who have to know."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _standing(stanza: Template) -> PemEncoded | None:
    return certificate_at(Path(stanza.destination))


def _fetched(dependency: Dependency) -> bool:
    return not isinstance(dependency, FileContent)


def _wait_of(config: AgentConfig, target: Target) -> Wait | None:
    wait = (target.stanza.wait if isinstance(target.stanza, Template) else None) or config.wait
    return wait if wait is not None and wait.enabled and wait.min > 0 else None


def _is_fatal(config: AgentConfig, target: Target) -> bool:
    if target.stanza.error_fatal is not None:
        return target.stanza.error_fatal
    if config.auto_auth is None or config.conduct.alone or "template_error_fatal" in config.given:
        return config.template_error_fatal  # consul-template's way
    return config.template_config.exit_on_retry_failure


def _rules(config: AgentConfig, *, cached: bool) -> Rules:
    given = config.template_config.given
    interval = config.template_config.static_secret_render_interval
    threshold = config.template_config.lease_renewal_threshold
    return Rules(
        interval if "static_secret_render_interval" in given else config.vault.default_lease_duration,
        threshold if "lease_renewal_threshold" in given else config.vault.lease_renewal_threshold,
        AFTER_CACHE if cached else RENEWAL,
    )


def persistence_of(config: AgentConfig) -> Persistence:
    """How failures are met, in the agent's words or consul-template's."""
    retry = config.vault.retry
    least = retry.backoff if config.retry is None else config.retry
    return Persistence(
        attempts=retry.limit,
        least=least,
        most=max(retry.max_backoff or math.inf, least),
        fatal=config.template_config.exit_on_retry_failure or config.conduct.alone,
        missing_fatal=config.err_on_failed_lookup,
        code=config.conduct.failed,
    )
