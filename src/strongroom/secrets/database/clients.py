"""Plugins in use: one for each connection, made anew when the connection was changed."""

from __future__ import annotations

from strongroom.eager import settle
from strongroom.secrets.database.connection import Config
from strongroom.secrets.database.plugin import Plugin
from strongroom.secrets.database.plugins import plugin_class


class Clients:
    """A cache: each is kept with the revision it was made from."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, Plugin]] = {}

    async def of(self, config: Config) -> Plugin:
        """The plugin for a connection as it is now; from here on there is a task, as plugins need one."""
        await settle()
        held = self._open.get(config.id)
        if held is not None and held[0] == config.revision:
            return held[1]
        plugin = plugin_class(config.plugin_name)(config.settings())
        self._open[config.id] = (config.revision, plugin)
        if held is not None:
            await held[1].close()
        return plugin

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
