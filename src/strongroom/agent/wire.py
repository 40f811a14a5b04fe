"""HTTP/1.1 as a client over one connection: a request out, a whole answer in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httptools
import msgspec

from strongroom.agent.stream import Stream
from strongroom.errors import UpstreamFailed

LIMIT = 64 * 1024 * 1024
"""Bytes an answer's body may have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case; ``headers`` keeps their order and repetitions.

    ``stream`` is set instead of ``body`` for what is passed on as it comes, where that was asked for.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    stream: Stream | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of the 200s."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        return next((value for each, value in self.headers if each == name), "")

    def json(self) -> Any:
        """The body as JSON, None when it is empty. Raises UpstreamFailed when it is none."""
        if not self.body.strip():
            return None
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamFailed("the server answered something that is not JSON") from None

    @property
    def errors(self) -> list[str]:
        """The sentences of an error answer; empty when it has none."""
        try:
            document = self.json()
        except UpstreamFailed:
            return []
        found = document.get("errors") if isinstance(document, dict) else None
        return [str(each) for each in found] if isinstance(found, list) else []


class ConnectionLost(Exception):
    """No answer came. ``fresh`` tells that none can have been under way: the request was never taken."""

    def __init__(self, *, untouched: bool) -> None:
        super().__init__("the connection was lost")
        self.untouched = untouched


class Connection(asyncio.Protocol):
    """One connection. A request at a time; after an answer that says so, or a failure, it is closed."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._head_only = False
        self._streams: Callable[[Answer], bool] | None = None
        self._stream: Stream | None = None
        self.closed = False
        self.idle_since = 0.0

    async def exchange(
        self,
        head: bytes,
        body: bytes,
        *,
        head_only: bool = False,
        streams: Callable[[Answer], bool] | None = None,
    ) -> Answer:
        """Send a request and wait for its answer. Raises ConnectionLost.

        ``streams`` is asked, as soon as the head of the answer is there, whether to pass its body on as it
        comes; the connection then serves nothing else.
        """
        if self.closed or self._transport is None:
            raise ConnectionLost(untouched=True)
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._pieces, self._size, self._head_only = [], [], 0, head_only
        self._streams = streams
        self._transport.write(head + body if len(body) < 65_536 else head)
        if len(body) >= 65_536:
            self._transport.write(body)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None

    def probe(self, pause: float) -> None:
        """Have the kernel probe the other end each ``pause`` seconds while nothing is sent; 0: never."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if pause and sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):  # not every kernel has them
                if hasattr(socket, option):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), max(int(pause), 1))

    def close(self) -> None:
        """End the connection at once."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no such class

    def data_received(self, data: bytes) -> None:
        if self._parser is None or (self._answer is None and self._stream is None):
            self.close()  # it speaks unasked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(untouched=False)

    def eof_received(self) -> None:
        if self._parser is not None and self._waited_for() and self._until_end():
            self.on_message_complete()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._fail(untouched=not self._headers)

    def _waited_for(self) -> bool:
        return self._answer is not None or self._stream is not None

    def _until_end(self) -> bool:
        """Whether the body ends with the connection."""
        names = {name for name, _ in self._headers}
        return bool(names) and not names & {"content-length", "transfer-encoding"}

    def _fail(self, *, untouched: bool) -> None:
        if self._stream is not None:
            self._stream.end(whole=False)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionLost(untouched=untouched))
        if not self.closed:
            self.close()

    # -- httptools ----------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._head_only:
            self.on_message_complete()
            self.close()
        elif self._streams is not None and self._answer is not None and not self._answer.done():
            self._begin_stream(self._answer, self._streams)

    def _begin_stream(self, waiting: asyncio.Future[Answer], streams: Callable[[Answer], bool]) -> None:
        assert self._parser is not None  # noqa: S101  for the type checker
        assert self._transport is not None  # noqa: S101  for the type checker
        answer = Answer(self._parser.get_status_code(), tuple(self._headers))
        if answer.status >= 200 and streams(answer):
            self.closed = True  # to others
            self._stream = Stream(self._transport)
            waiting.set_result(replace(answer, stream=self._stream))

    def on_body(self, body: bytes) -> None:
        if self._stream is not None:
            self._stream.feed(body)
            return
        self._size += len(body)
        if self._size > LIMIT:
            self._fail(untouched=False)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._stream is not None:
            self._stream.end()
            if self._transport is not None:
                self._transport.close()
            return
        if self._parser is None or self._answer is None or self._answer.done():
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._headers.clear()
            return
        if not self._parser.should_keep_alive() or self._until_end():
            self.closed = True
        self._answer.set_result(Answer(status, tuple(self._headers), b"".join(self._pieces)))
        if self.closed and self._transport is not None:
            self._transport.close()
