"""The server's own log: levels while it runs, and the stream of its lines.

Source: the ``sys/loggers`` and ``sys/monitor`` parts of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from strongroom.framework.field import field
from strongroom.framework.path import ROOT_ONLY, UNAVAILABLE, Path
from strongroom.log import known_format, level_number
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.log import Logs
    from strongroom.sys.system import System


class Loggers(Path):
    """The levels of all loggers."""

    pattern = "loggers/?"
    root_namespace_only = ROOT_ONLY
    level: str = field("trace, debug, info, warn or error.")

    async def read(self, system: System, request: Request) -> Response:
        """The level in force for each logger."""
        return Response(data=dict(system.core.logs.levels()))

    async def write(self, system: System, request: Request) -> None:
        """Set the level of every logger until the server restarts."""
        system.core.logs.set_level(self.level)

    async def delete(self, system: System, request: Request) -> None:
        """Set every logger back to the configured level."""
        system.core.logs.reset_level()


class LoggerPath(Path):
    """The level of one logger."""

    pattern = "loggers/{name}"
    root_namespace_only = ROOT_ONLY
    name: str = field("Name of the logger.")
    level: str = field("trace, debug, info, warn or error.")

    async def read(self, system: System, request: Request) -> Response:
        """The level in force; nothing for a logger that there is not."""
        levels = system.core.logs.levels()
        return Response(data={self.name: levels[self.name]} if self.name in levels else {})

    async def write(self, system: System, request: Request) -> None:
        """Set the logger's level until the server restarts."""
        system.core.logs.set_level(self.level, self.name)

    async def delete(self, system: System, request: Request) -> None:
        """Set the logger back to the configured level."""
        system.core.logs.reset_level(self.name)


class Monitor(Path):
    """The log as it is written. Needs sudo."""

    pattern = "monitor"
    root_namespace_only = UNAVAILABLE
    root_protected = True
    log_level: str = field("Lines from this level on.", default="info", query=True)
    log_format: str = field("standard or json.", default="standard", query=True)

    async def read(self, system: System, request: Request) -> Response:
        """The lines, one by one, until the client goes."""
        level_number(self.log_level)
        lines = follow(system.core.logs, self.log_level, known_format(self.log_format))
        return Response(raw=lines, content_type="text/plain")


async def follow(logs: Logs, level: str, form: str) -> AsyncIterator[bytes]:
    """The log's lines as they come, subscribed to from the first step to the last."""
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def notify() -> None:
        loop.call_soon_threadsafe(arrived.set)

    with logs.subscribe(level, form, notify=notify) as subscription:
        while not subscription.closed:
            lines = subscription.take()
            if lines:
                yield "".join(f"{line}\n" for line in lines).encode()
            arrived.clear()
            await arrived.wait()


PATHS: tuple[type[Path], ...] = (Loggers, LoggerPath, Monitor)
