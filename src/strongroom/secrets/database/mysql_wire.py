"""A connection to MySQL or MariaDB: PyMySQL in a thread, that ends when whoever waits for it gives up."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR
from pymysql.cursors import Cursor

from strongroom.errors import UpstreamFailed
from strongroom.secrets.database.dsn import DSN
from strongroom.secrets.database.plugin import LONGEST, PATIENCE

Result = TypeVar("Result")

if TYPE_CHECKING:
    _Connection = Connection[Cursor]
else:
    _Connection = Connection

_READABLE = frozenset({b"mysql_clear_password", b"dialog", b"mysql_old_password"})
"""Ways to log in that show the password to whoever is at the other end."""


@cache
def _anybody() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


class Wire(_Connection):
    """One connection. It encrypts where the server can, also when nobody asked for it."""

    _sock: socket.socket

    def __init__(self, place: DSN, tls: ssl.SSLContext | None, server_name: str = "") -> None:
        self._place = place
        self.severed = False
        self.busy = False
        options: dict[str, Any] = {"ssl": tls} if tls is not None else {}
        super().__init__(
            host=server_name or place.host or "localhost",
            port=place.port,
            user=place.user,
            password=place.password.encode(),  # the driver would take it for Latin-1
            database=place.database or None,
            charset="utf8mb4",
            read_timeout=LONGEST,
            write_timeout=LONGEST,
            defer_connect=True,
            ssl_disabled=bool(place.socket) or (tls is None and place.parameters.get("tls") == "false"),
            **options,
        )

    def reach(self) -> None:
        """Connect and log in."""
        if self._place.socket:
            reached = socket.socket(socket.AF_UNIX)
            reached.settimeout(PATIENCE)
            try:
                reached.connect(self._place.socket)
            except BaseException:
                reached.close()
                raise
            self._secure = True
        else:
            reached = socket.create_connection((self._place.host, self._place.port), PATIENCE)
            reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connect(reached)

    def sever(self) -> None:
        """Have whatever waits for the server fail; the thread that waits closes the connection."""
        self.severed = True
        with suppress(AttributeError, OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close it without a farewell, which would have to wait for the socket."""
        self.sever()
        if not self.busy:  # otherwise the thread that works on it does
            self._force_close()  # type: ignore[attr-defined]

    def usable(self) -> bool:
        """Whether it can be used again; a server that hung up has made its socket readable."""
        if self.severed or not self.open:
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        # Without a context encryption keeps out who only listens; nobody's certificate is looked at.
        return sslp if isinstance(sslp, ssl.SSLContext) else _anybody()

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        if plugin_name in _READABLE and self._place.parameters.get("allowCleartextPasswords") != "true":
            raise pymysql.OperationalError(
                CR.CR_AUTH_PLUGIN_ERR, "the server asks for the password in the clear, and does not get it"
            )
        return super()._process_auth(plugin_name, auth_packet, handler)  # type: ignore[misc]


async def working(
    threads: ThreadPoolExecutor, wire: Wire, work: Callable[[], Result], patience: float = 0
) -> Result:
    """Do work on a connection in a thread. When it takes too long, or is not waited for, that ends it."""

    def held() -> Result:
        wire.busy = True
        try:
            if wire.severed:
                raise ConnectionAbortedError
            return work()
        finally:
            wire.busy = False
            if wire.severed:
                wire.drop()

    waiting = asyncio.get_running_loop().run_in_executor(threads, held)
    try:
        async with asyncio.timeout(patience or LONGEST):
            return await waiting
    except TimeoutError:
        wire.sever()
        raise UpstreamFailed("the database did not answer in time") from None
    except asyncio.CancelledError:
        wire.sever()
        raise
