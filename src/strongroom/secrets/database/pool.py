"""A bounded pool of connections: opened when needed, kept while they are good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from strongroom.errors import UpstreamFailed
from strongroom.secrets.database.plugin import PATIENCE, Settings

Connection = TypeVar("Connection")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections a pool holds open, and for how many seconds at most (0 for ever)."""

    most: int = 4
    idle: int = 4
    lifetime: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        """What the options say that all pooled plugins share. Raises BadRequest."""
        most = settings.number("max_open_connections") or 4
        idle = settings.number("max_idle_connections") or most
        lifetime = settings.seconds("max_connection_lifetime")
        return cls(most if most > 0 else 1_000, max(min(idle, most), 0), lifetime)


class Pool(Generic[Connection]):
    """``open`` makes a connection, ``close`` ends one, ``usable`` says at once whether one is still good."""

    def __init__(
        self,
        bounds: Bounds,
        *,
        open: Callable[[], Awaitable[Connection]],  # noqa: A002  the pool's verb
        close: Callable[[Connection], Awaitable[None]],
        usable: Callable[[Connection], bool],
    ) -> None:
        self._bounds = bounds
        self._open, self._close, self._usable = open, close, usable
        self._free = asyncio.Semaphore(bounds.most)
        self._idle: list[tuple[float, Connection]] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for a while. Raises UpstreamFailed when none can be had in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise UpstreamFailed("no connection to the database became free in time") from None
        try:
            born, connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(born, connection)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self._closed = True
        while self._idle:
            await self._close(self._idle.pop()[1])

    async def _take(self) -> tuple[float, Connection]:
        while self._idle:
            born, connection = self._idle.pop()
            if self._keeps(born, connection):
                return born, connection
            await self._close(connection)
        return time.monotonic(), await self._open()

    async def _give_back(self, born: float, connection: Connection) -> None:
        if not self._closed and len(self._idle) < self._bounds.idle and self._keeps(born, connection):
            self._idle.append((born, connection))
        else:
            await self._close(connection)

    def _keeps(self, born: float, connection: Connection) -> bool:
        old = self._bounds.lifetime and time.monotonic() - born > self._bounds.lifetime
        return not old and self._usable(connection)
