"""The server as the agent reaches it: one pool of connections, TLS files read again when they change.

Every request names its token itself; nothing here knows whose it is. What comes in no answer at all raises
:class:`Unreachable`, whose sentence says what went wrong and nothing of what was sent.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from strongroom import __version__
from strongroom.agent.endpoint import Endpoint, endpoint_of
from strongroom.agent.envelope import Envelope, envelope
from strongroom.agent.redirect import STATUSES, redirected
from strongroom.agent.wire import Answer, Connection, ConnectionLost
from strongroom.errors import StrongroomError, UpstreamFailed
from strongroom.secret import Secret

__all__ = [
    "Answer",
    "Endpoint",
    "NoConnection",
    "Refused",
    "Unreachable",
    "Upstream",
    "backoff",
    "endpoint_of",
]

AT_ONCE = 32
"""Connections to the server at once."""

ELSEWHERE = 8
"""Other addresses that redirects may lead to."""

_encode = msgspec.json.Encoder().encode


class Unreachable(UpstreamFailed):
    """No answer came, or none that can be used."""


class NoConnection(Unreachable):
    """There was no connection, so nothing was sent: the same may be tried again whatever it does."""


class Refused(StrongroomError):
    """The server answered with a status that is no success; ``words`` are its own."""

    def __init__(self, doing: str, answer: Answer) -> None:
        self.answer = answer
        self.words = answer.errors
        told = "; ".join(" ".join(each.split()) for each in self.words)[:500]
        super().__init__(f"{doing}: the server answered {answer.status}" + (f": {told}" if told else ""))

    @property
    def code(self) -> int:
        """The status of the answer."""
        return self.answer.status


class Observer(Protocol):
    """Whoever keeps the state of the server."""

    def answered(self) -> None:
        """It answered as an open one does."""

    def refused(self, sentence: str, *, reachable: bool, sealed: bool) -> None:
        """It is away, or answers that it cannot serve."""


def backoff(attempt: int, least: float, most: float, *, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the attempt of that number (from 0): doubling, capped, minus up to a quarter."""
    wait = min(least * 2.0 ** min(attempt, 62), most)
    return wait * (1.0 - 0.25 * draw())


class Upstream:
    """A pool of connections to one endpoint. Close it when done."""

    def __init__(self, endpoint: Endpoint, at_once: int = 0, *, told: Observer | None = None) -> None:
        self._told = told
        self.endpoint = endpoint
        self._idle: list[Connection] = []
        self._elsewhere: dict[str, Upstream] = {}
        self._at_once = at_once
        parts = urlsplit(endpoint.address)
        self._prefix = "" if parts.scheme == "unix" else parts.path.rstrip("/")
        self._slots = asyncio.Semaphore(at_once or endpoint.connections.at_once or AT_ONCE)
        self._context: tuple[tuple[Any, ...], ssl.SSLContext] | None = None
        self.requests = 0
        """How many were sent."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: Secret[str] | None = None,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        namespace: str | None = None,
        wrap_ttl: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - a request's own limit, passed on
    ) -> Answer:
        """One request to ``path`` below ``/v1/`` and its answer, whatever the status. Raises Unreachable.

        ``body`` is bytes, or a value to be JSON. ``namespace`` None means the endpoint's.
        """
        target, sent, content = self.composed(path, body=body, query=query, namespace=namespace)
        if token:
            sent["X-Vault-Token"] = token.reveal()
        if wrap_ttl:
            sent["X-Vault-Wrap-TTL"] = wrap_ttl
        return await self.followed(method, target, {**sent, **(headers or {})}, content, timeout=timeout)

    def composed(
        self,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        namespace: str | None = None,
    ) -> tuple[str, dict[str, str], bytes]:
        """The target, headers and body of a request, as :meth:`request` has them, but without a token."""
        sent = {"X-Vault-Request": "true"}
        space = self.endpoint.namespace if namespace is None else namespace.strip("/")
        if space:
            sent["X-Vault-Namespace"] = space + "/"
        if body is not None and not isinstance(body, bytes):
            body = _encode(body)
            sent["Content-Type"] = "application/json"
        target = "/v1/" + quote(path.lstrip("/"), safe="/:@!$&'()*+,;=~")
        if query:
            target += "?" + urlencode(query)
        return target, sent, body or b""

    async def call(self, method: str, path: str, *, doing: str = "", **options: Any) -> Envelope:
        """What an answer of success says. Raises Refused, Unreachable, UpstreamFailed."""
        answer = await self.request(method, path, **options)
        if answer.status >= 300:
            raise Refused(doing or f"{method} {path}", answer)
        return envelope(answer.body)

    async def followed(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | list[tuple[str, str]],
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        streams: Callable[[Answer], bool] | None = None,
    ) -> Answer:
        """As :meth:`raw`, but once more where a standby points to. Raises Unreachable."""
        answer = await self.raw(method, target, headers, body, timeout=timeout, streams=streams)
        if answer.status not in STATUSES:
            return answer
        aim = redirected(self.endpoint.address, target, answer.header("location"))
        other = self._at(aim[0]) if aim is not None else None
        if aim is None or other is None:
            return answer
        if answer.stream is not None:
            await answer.stream.aclose()
        return await other.raw(method, aim[1], headers, body, timeout=timeout, streams=streams)

    def _at(self, address: str) -> Upstream | None:
        """The way to an address; None where there have been too many."""
        if address == self.endpoint.address:
            return self
        if address not in self._elsewhere and len(self._elsewhere) < ELSEWHERE:
            there = replace(self.endpoint, address=address)
            self._elsewhere[address] = Upstream(there, self._at_once, told=self._told)
        return self._elsewhere.get(address)

    async def raw(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | list[tuple[str, str]],
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        streams: Callable[[Answer], bool] | None = None,
    ) -> Answer:
        """A request as it stands: its target, its headers but those of the connection. Raises Unreachable.

        ``streams`` says by the head of an answer whether its body is passed on as it comes, in ``stream``.
        """
        limit = self.endpoint.timeout if timeout is None else timeout
        self.requests += 1
        try:
            answer = await self._timed(limit, method, target, headers, body, streams)
        except Unreachable as error:
            if self._told is not None:
                self._told.refused(error.public, reachable=False, sealed=False)
            raise
        if self._told is not None:
            self._tell(answer)
        return answer

    def _tell(self, answer: Answer) -> None:
        assert self._told is not None  # noqa: S101  looked at before
        if answer.status >= 500 or answer.status in {429, 472, 473}:
            sealed = b'"sealed":true' in answer.body or any(
                "sealed" in each.lower() for each in answer.errors
            )
            self._told.refused(f"the server answered {answer.status}", reachable=True, sealed=sealed)
        else:
            self._told.answered()

    async def _timed(self, limit: float, *request: Any) -> Answer:
        try:
            async with asyncio.timeout(limit):
                return await self._answered(*request)
        except TimeoutError:
            raise Unreachable(f"the server did not answer within {limit:g} seconds") from None
        except ConnectionLost:
            raise Unreachable("the connection to the server was lost") from None

    async def close(self) -> None:
        """Close what is open."""
        while self._idle:
            self._idle.pop().close()
        for other in self._elsewhere.values():
            await other.close()
        await asyncio.sleep(0)

    async def _answered(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | list[tuple[str, str]],
        body: bytes,
        streams: Callable[[Answer], bool] | None,
    ) -> Answer:
        head = self._head(method, target, headers, body)
        head_only = method == "HEAD"
        async with self._slots:
            while connection := self._kept():
                try:
                    return await self._on(connection, head, body, head_only=head_only, streams=streams)
                except ConnectionLost as lost:
                    if not lost.untouched:
                        raise
                    # The server had closed it while it was idle; a fresh one tells a real failure apart.
            made = await self._connect()
            return await self._on(made, head, body, head_only=head_only, streams=streams)

    async def _on(
        self,
        connection: Connection,
        head: bytes,
        body: bytes,
        *,
        head_only: bool,
        streams: Callable[[Answer], bool] | None,
    ) -> Answer:
        answer = await connection.exchange(head, body, head_only=head_only, streams=streams)
        if answer.stream is not None:
            return answer  # whoever reads it to its end has the connection
        most = self.endpoint.connections.idle
        if not connection.closed and self.endpoint.keep_alive and (not most or len(self._idle) < most):
            connection.idle_since = monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _kept(self) -> Connection | None:
        longest = self.endpoint.connections.idle_time
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and monotonic() - connection.idle_since < longest:
                return connection
            connection.close()
        return None

    def _head(
        self, method: str, target: str, headers: Mapping[str, str] | list[tuple[str, str]], body: bytes
    ) -> bytes:
        pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
        names = {name.lower() for name, _ in pairs}
        lines = [f"{method} {self._prefix}{target} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"Host: {self._host()}")
        if "user-agent" not in names:
            lines.append(f"User-Agent: {self.endpoint.user_agent or f'Strongroom/{__version__}'}")
        lines += [f"{name}: {value}" for name, value in pairs]
        if body or method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise Unreachable("a header would have broken the request apart")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _host(self) -> str:
        return (
            "localhost"
            if self.endpoint.address.startswith("unix:")
            else urlsplit(self.endpoint.address).netloc
        )

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        parts = urlsplit(self.endpoint.address)
        patience, handshake = self.endpoint.connections.patience, self.endpoint.connections.handshake
        try:
            async with asyncio.timeout(patience if patience < math.inf else None):
                if parts.scheme == "unix":
                    _, made = await loop.create_unix_connection(Connection, parts.path)
                elif parts.scheme in {"http", "https"} and parts.hostname:
                    secure = parts.scheme == "https"
                    context = await asyncio.to_thread(self._tls) if secure else None
                    _, made = await loop.create_connection(
                        Connection,
                        parts.hostname,
                        parts.port or (443 if secure else 80),
                        ssl=context,
                        server_hostname=(self.endpoint.server_name or parts.hostname) if secure else None,
                        ssl_handshake_timeout=(handshake or None) if secure else None,
                    )
                else:
                    raise NoConnection("the server's address must be an http, https or unix URL")
        except TimeoutError:
            raise NoConnection(f"no connection to the server within {patience:g} seconds") from None
        except (OSError, ssl.SSLError) as error:
            raise NoConnection(f"the server cannot be reached: {_reason(error)}") from None
        made.probe(self.endpoint.connections.sign_of_life)
        return made

    def _tls(self) -> ssl.SSLContext:
        """The context, made anew when a file it was made from has changed."""
        at = self.endpoint
        state = tuple(_stamp(name) for name in (at.ca_cert, at.ca_path, at.client_cert, at.client_key))
        if self._context is None or self._context[0] != state:
            self._context = (state, _context(at))
        return self._context[1]


def _stamp(name: str) -> tuple[int, int, int]:
    """What changes when a file does."""
    try:
        found = os.stat(name) if name else None  # noqa: PTH116 - once a connection
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else (0, 0, 0)


def _context(at: Endpoint) -> ssl.SSLContext:
    try:
        made = ssl.create_default_context(
            cafile=at.ca_cert or None,
            capath=(at.ca_path if not at.ca_cert else None) or None,
            cadata=at.ca_bytes or None,
        )
        if at.skip_verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if at.client_cert and at.client_key:
            made.load_cert_chain(at.client_cert, at.client_key)
    except (OSError, ssl.SSLError, ValueError):
        raise Unreachable("the TLS files of the vault stanza cannot be read or are not PEM") from None
    return made


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, FileNotFoundError):
        return "no such socket"
    if distrust := getattr(error, "verify_message", ""):
        return f"its certificate is not trusted: {distrust}"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return getattr(error, "strerror", None) or "no connection"


async def persistently(
    attempt: Callable[[], Awaitable[Any]],
    *,
    attempts: int,
    least: float = 0.25,
    most: float = 60.0,
    told: Callable[[StrongroomError, float], None] | None = None,
) -> Any:
    """The value of ``attempt``, tried again while the server is away or busy; ``attempts`` 0: no end.

    Raises what the last one raised; what trying again cannot help (403, 404 ...) at once.
    """
    number = 0
    while True:
        try:
            return await attempt()
        except StrongroomError as error:
            number += 1
            if not worth_retrying(error) or (attempts and number >= attempts):
                raise
            wait = max(backoff(number - 1, least, most), retry_after(error))
            if told is not None:
                told(error, wait)
            await asyncio.sleep(wait)


def worth_retrying(error: StrongroomError) -> bool:
    """Whether the same may succeed later: nobody answered, or the answer spoke of the server's state."""
    if isinstance(error, Refused):
        return error.code in {412, 429, 472, 473} or (error.code >= 500 and error.code != 501)
    return isinstance(error, UpstreamFailed)


def retry_after(error: StrongroomError) -> float:
    """Seconds that the server asked to wait, at most a minute."""
    if not isinstance(error, Refused):
        return 0.0
    text = error.answer.header("retry-after")
    return min(float(text), 60.0) if text.isdecimal() else 0.0
