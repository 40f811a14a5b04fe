"""The log lines of a reader on their way to its writer, which writes the only log and feeds sys/monitor."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from strongroom.cluster.channel import Channel
from strongroom.cluster.frame import Logged
from strongroom.log import BACKLOG, fields_of, message_of


class Outbox(logging.Handler):
    """Keeps lines until the channel takes them.

    Who logs never waits: what is too much is dropped and counted.
    """

    def __init__(self, channel: Channel, size: int = BACKLOG) -> None:
        super().__init__()
        self._channel = channel
        self._size = size
        self._lines: deque[Logged] = deque()
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) >= self._size:
            self._dropped += 1
            return
        fields = {name: _plain(value) for name, value in fields_of(record).items()}
        self._lines.append(Logged(record.name, record.levelno, record.created, message_of(record), fields))
        self._loop.call_soon_threadsafe(self._arrived.set)

    async def run(self) -> None:
        """Send what arrives, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._lines:
                await self._channel.room()
                self._channel.send(self._lines.popleft())
            dropped, self._dropped = self._dropped, 0
            if dropped:
                logging.getLogger("cluster").warning("%d lines of the log were dropped", dropped)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else str(value)


def log(line: Logged, process: int) -> None:
    """Write a line that another process of this server sent, as if it had been logged here."""
    record = logging.makeLogRecord(
        {
            "name": line.logger,
            "levelno": line.level,
            "created": line.created,
            "msecs": line.created % 1 * 1000,
            "msg": line.message,
            "fields": {**line.fields, "process": process},
            "process": process,
        }
    )
    logging.getLogger(line.logger).handle(record)
