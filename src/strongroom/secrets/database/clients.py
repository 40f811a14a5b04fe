"""Plugins in use: one for each connection, made anew when the connection was changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from strongroom.eager import settle
from strongroom.errors import Conflict, UpstreamFailed
from strongroom.secrets.database.connection import Config
from strongroom.secrets.database.plugin import Plugin, Refused
from strongroom.secrets.database.plugins import plugin_class

_REMEMBERED = 256
"""Passwords that were changed: more than there can be while one request runs."""


class Clients:
    """A cache: each is kept with the revision it was made from."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, Plugin]] = {}
        self._changing: dict[str, asyncio.Event] = {}
        self._overtaken: deque[bytes] = deque(maxlen=_REMEMBERED)

    async def of(self, config: Config) -> Plugin:
        """The plugin for a connection as it is now; from here on there is a task, as plugins need one."""
        await settle()
        await self._unchanging(config)
        held = self._open.get(config.id)
        if held is not None and held[0] == config.revision:
            return held[1]
        plugin = plugin_class(config.plugin_name)(config.settings())
        self._open[config.id] = (config.revision, plugin)
        if held is not None:
            await held[1].close()
        return plugin

    @asynccontextmanager
    async def acting(self, config: Config) -> AsyncIterator[Plugin]:
        """The plugin, for acts with the connection's own password.

        Raises Conflict for a failure that came of a password that was changed meanwhile: the operation
        runs again, with the new one.
        """
        try:
            yield await self.of(config)
        except (Refused, UpstreamFailed):
            await self._unchanging(config)
            if _password(config) in self._overtaken:
                raise Conflict from None
            raise

    @asynccontextmanager
    async def changing(self, config: Config) -> AsyncIterator[Plugin]:
        """The plugin, for changing the connection's own password: nobody else begins to act meanwhile.

        Raises Conflict when somebody else has just changed it.
        """
        async with self.acting(config) as plugin:
            await self._unchanging(config)
            if _password(config) in self._overtaken:
                raise Conflict
            changing = self._changing[config.id] = asyncio.Event()
            try:
                yield plugin
            finally:
                del self._changing[config.id]
                changing.set()

    def overtake(self, config: Config) -> None:
        """Note that the password of this revision, and of others like it, is no longer the one."""
        self._overtaken.append(_password(config))

    async def _unchanging(self, config: Config) -> None:
        while (changing := self._changing.get(config.id)) is not None:
            await changing.wait()

    async def drop(self, name: str, but: str = "") -> None:
        """Close what is open for a connection, by its ID, unless it is of the revision ``but``."""
        held = self._open.get(name)
        if held is not None and held[0] != but:
            del self._open[name]
            await held[1].close()

    async def close(self) -> None:
        """Close everything."""
        for name in list(self._open):
            await self.drop(name)


def _password(config: Config) -> bytes:
    """A connection's password, as it can be told from others."""
    return hashlib.sha256(f"{config.id}\0{config.password}".encode()).digest()
