"""Lines posted to an HTTP server, one request each."""

from __future__ import annotations

import http.client
import ssl
from asyncio import Future
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from strongroom.audit.backlog import Backlog
from strongroom.errors import BadRequest

_SECURE = "https"


class HttpSink:
    """Posts each line to ``uri`` with ``headers``, over a connection that is kept open.

    A line counts as written when the server answers with a status of the 200s within ``timeout``
    seconds. Redirects are failures: the log goes where the operator said and nowhere else.
    """

    def __init__(self, uri: str, headers: Mapping[str, str], *, timeout: float = 5.0) -> None:
        parts = _parsed(uri)
        self._secure = parts.scheme == _SECURE
        self._host = parts.hostname or ""
        self._port = parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", **headers}
        self._connection: http.client.HTTPConnection | None = None
        self._stale = False
        self._backlog = Backlog(self._transmit, deadline=timeout)

    def write(self, line: bytes) -> Future[None]:
        """Queue ``line``; the future is done when the server has confirmed it."""
        return self._backlog.put(line)

    def reopen(self) -> None:
        """Connect anew at the next line."""
        self._stale = True

    def close(self) -> None:
        """Post what waits and hang up."""
        self._backlog.close()
        self._hang_up()

    def _transmit(self, line: bytes, timeout: float) -> None:
        deadline = monotonic() + timeout
        if self._stale:
            self._hang_up()
        kept = self._connection is not None
        try:
            status = self._post(line, deadline)
        except OSError:
            if not kept or monotonic() >= deadline:
                raise
            status = self._post(line, deadline)  # the server had closed the connection we kept
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise OSError(f"the server answered with status {status}")

    def _post(self, line: bytes, deadline: float) -> int:
        connection = self._open(max(0.001, deadline - monotonic()))
        try:
            connection.request("POST", self._target, line, self._headers)
            response = connection.getresponse()
            response.read()
        except http.client.HTTPException as error:
            self._hang_up()
            raise OSError(f"the server's answer is not HTTP: {type(error).__name__}") from error
        except OSError:
            self._hang_up()
            raise
        return response.status

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect()
            self._stale = False
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port)
        return http.client.HTTPSConnection(self._host, self._port, context=ssl.create_default_context())

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # it is being given up
                self._connection.close()
        self._connection = None


def _parsed(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        if parts.scheme in {"http", _SECURE} and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # not an address at all; refused below like any other
    raise BadRequest("uri must be an http or https address")
