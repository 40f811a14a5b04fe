"""What the connections of one listener share."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING

from strongroom.listener.config import ListenerConfig
from strongroom.listener.forwarded import Forwarding
from strongroom.listener.head import HeadParser
from strongroom.listener.refusal import Refusal
from strongroom.listener.reply import ReplyWriter, http_date
from strongroom.wire import Application, Message

if TYPE_CHECKING:
    from strongroom.listener.connection import Connection

logger = logging.getLogger("strongroom.listener")


class Service:
    """Application, limits, a coarse clock, and the figures for the metrics.

    The clock moves with ``tick`` only, so that no request asks the system for the time:
    deadlines may be late by up to twice ``interval`` seconds and are never early. Raises
    ValueError for a bad setting.
    """

    def __init__(self, app: Application, config: ListenerConfig) -> None:
        self.app = app
        self.config = config
        self._forwarding = Forwarding(config)
        self.screens = self._forwarding.enabled or config.require_request_header
        self.traits = config.traits
        self.heads = HeadParser(config.max_request_line)
        self.replies = ReplyWriter(config.custom_response_headers)
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        self._emptied: asyncio.Event | None = None
        self.accepted = 0
        self.requests = 0
        self.refused = 0
        shortest = min(
            config.read_header_timeout, config.read_timeout, config.idle_timeout, config.write_timeout
        )
        self.interval = max(0.02, min(1.0, shortest / 4))
        self.now = 0.0
        self.date = b""
        self.tick()

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop; to ask for the running one costs a system call each time."""
        return asyncio.get_running_loop()

    def screen(self, message: Message) -> None:
        """Settle who sent ``message``, where settings ask for it. Raises Refusal: 400, 412."""
        if self.config.require_request_header and message.headers.get("x-vault-request") != "true":
            raise Refusal(412, 'missing "X-Vault-Request" header')
        if self._forwarding.enabled:
            self._forwarding(message)

    def lost(self, connection: Connection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if self._emptied is not None and not self.connections:
            self._emptied.set()

    async def finished(self) -> None:
        """Return when no connection and no operation is left."""
        self._emptied = asyncio.Event()
        if self.connections:
            await self._emptied.wait()
        while self.tasks:
            await asyncio.wait(self.tasks)

    def tick(self) -> None:
        """Move the clock and end what has waited too long."""
        self.now = time.monotonic() + self.interval
        self.date = http_date(time.time())
        for connection in [one for one in self.connections if one.deadline < self.now - self.interval]:
            connection.expire()
