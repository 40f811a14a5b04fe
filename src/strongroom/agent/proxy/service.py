"""The API proxy as a part of the agent's process: put together, run, stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from strongroom.agent.cache.cache import Cache
from strongroom.agent.cache.inheritance import Inheritance, inherited
from strongroom.agent.cache.steady import steady_clock
from strongroom.agent.config import AgentConfig
from strongroom.agent.proxy.carrier import Carrier
from strongroom.agent.proxy.door import House
from strongroom.agent.proxy.figures import figures, retention
from strongroom.agent.proxy.listeners import Listeners
from strongroom.agent.state import State
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Endpoint
from strongroom.client.environment import variable
from strongroom.secret import Secret

_log = logging.getLogger("proxy")
GRACE = 5.0
"""Seconds that requests in hand get to finish."""
SOON = 10.0
"""Seconds within which everything inherited from an earlier process is renewed."""
TEND = 2.0
"""Seconds between looks after the persistent cache: whether there is something to write, or another key."""


class ApiProxy:
    """Listeners, cache and what they need. ``word`` is ``agent`` or ``proxy``.

    The persistent cache is read at once, so that ``remembered`` can spare a login. Raises Exit where it
    cannot be used and the configuration says to end then.
    """

    def __init__(
        self,
        config: AgentConfig,
        endpoint: Endpoint,
        holder: TokenHolder,
        state: State,
        *,
        word: str,
        quits: Callable[[], None],
        doubts: Callable[[], None],
    ) -> None:
        persist = config.cache.persist if config.cache else None
        self._inheritance = inherited(persist) if persist else Inheritance()
        self._holder = holder
        kept = keeps_connections(config, os.environ, word)
        self._carrier = Carrier(replace(endpoint, keep_alive=kept), config.vault.retry, told=state)
        self.cache = self._cache(config)
        self._own = own_token_use(config)
        self._keeps_own = bool(self._own or config.templates or config.env_templates)
        self.metrics = figures(state, self.cache)
        house = House(
            word=word,
            carrier=self._carrier,
            metrics=self.metrics,
            cache=self.cache,
            holder=holder if self._own else None,
            forced=self._own == "force",
            namespace=endpoint.namespace if _prepends(config) else "",
            retention=retention(config),
            quits=quits,
            doubts=doubts,
        )
        self._listeners = Listeners(house, config.listeners)

    @property
    def remembered(self) -> Secret[str] | None:
        """The token that an earlier process had logged in for, if one was kept."""
        token = self._inheritance.token
        return Secret(token[0]) if token else None

    async def run(self) -> None:
        """Serve until cancelled. Raises StrongroomError when a listener cannot listen."""
        if self.cache is not None:
            self._inherit(self.cache)
            self.cache.start()
        try:
            await self._listeners.start()
            for address in self._listeners.addresses:
                _log.info("listening", extra={"fields": {"address": address}})
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._tend())
        finally:
            await self._listeners.stop(GRACE)
            if self.cache is not None:
                await self.cache.stop()
            await self._carrier.close()
            if self._inheritance.book is not None:
                self._inheritance.book.tend()
                self._inheritance.book.close()

    def reload(self) -> None:
        """Read TLS files again."""
        self._listeners.reload()

    def _cache(self, config: AgentConfig) -> Cache | None:
        if config.cache is None:
            return None
        dynamic = not config.cache.disable_caching_dynamic_secrets
        return Cache(
            self._carrier.ask,
            self._carrier.once,
            book=self._inheritance.book,
            clock=steady_clock(),
            dynamic=dynamic,
        )

    def _inherit(self, cache: Cache) -> None:
        found = self._inheritance
        if found.token is not None and self._keeps_own:
            cache.adopt(*found.token)
        if found.entries:
            count = cache.restore(found.entries, lambda: SOON * random.random())  # noqa: S311  no secret
            _log.info("cache inherited", extra={"fields": {"entries": count}})
        found.entries = []

    async def _follow(self) -> None:
        """Keep leases for each token that the agent logs in for."""
        seen = 0
        while True:
            seen = await self._holder.changed(seen)
            token = self._holder.token
            if token is None or self._holder.wrapped is not None:
                continue
            if self.cache is not None and self._keeps_own:
                self.cache.adopt(token.reveal(), self._holder.accessor)
            if self._inheritance.book is not None:
                self._inheritance.book.write_token(token.reveal(), self._holder.accessor)

    async def _tend(self) -> None:
        while self._inheritance.book is not None:
            await asyncio.sleep(TEND)
            self._inheritance.book.tend()


_PURPOSES = frozenset({"caching", "proxying"})


def keeps_connections(config: AgentConfig, env: Mapping[str, str], word: str) -> bool:
    """Whether connections to the server serve more than one request.

    ``disable_keep_alives`` and ``disable_idle_connections`` name what they shall not be kept for; so do the
    variables of these names.
    """
    named = {*config.disable_keep_alives, *config.disable_idle_connections}
    for name in ("DISABLE_KEEP_ALIVES", "DISABLE_IDLE_CONNECTIONS"):
        named |= {each.strip() for each in variable(env, f"{word.upper()}_{name}").split(",")}
    return not named & _PURPOSES


def own_token_use(config: AgentConfig) -> str:
    """Whether clients that send no token use the agent's (``true``), or all do (``force``)."""
    stanzas = (config.api_proxy, config.cache)
    return next((each.use_auto_auth_token for each in stanzas if each and each.use_auto_auth_token), "")


def _prepends(config: AgentConfig) -> bool:
    return config.api_proxy is not None and config.api_proxy.prepend_configured_namespace
