"""One client's connection: bytes in, messages to the application, replies out in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from math import inf
from typing import Any, cast

from strongroom.listener.body import Body, ChunkedBody, FixedBody
from strongroom.listener.head import NO_HEAD, Head, plausible
from strongroom.listener.refusal import Refusal
from strongroom.listener.reply import BODILESS, error_reply
from strongroom.listener.service import Service, logger
from strongroom.listener.tls import peer_certificates
from strongroom.wire import Message, Reply

_READ_AHEAD = 65_536
_SMALL = 65_536
_LINGER = 1.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


# Where a connection stands. Up to BODY it waits for the client. Plain integers: an Enum costs on each use.
IDLE = 0  # between requests
HEAD = 1  # a head has begun, or the connection is new
BODY = 2
BUSY = 3  # the application has the request, or its reply is being streamed
CLOSING = 4  # the last reply is written; input is discarded


class Connection(asyncio.Protocol):
    """HTTP/1.x on one transport, one request at a time; pipelined requests wait their turn.

    ``remote`` is the client's address and port, ``peer`` the address of the socket's other end.
    """

    __slots__ = (
        "_blocked", "_body", "_certificate", "_chain", "_drained", "_eof", "_head", "_paused", "_peer",
        "_pending", "_phase", "_remote", "_service", "_stalled_at", "_streaming", "_tls",
        "_transport", "deadline",
    )  # fmt: skip

    def __init__(self, service: Service, remote: tuple[str, int], peer: str) -> None:
        self._service = service
        self._remote = remote
        self._peer = peer
        self._transport: asyncio.Transport | None = None
        self._phase = HEAD
        self._pending = b""
        self._head = NO_HEAD
        self._body: Body | None = None
        self._tls = False
        self._certificate: bytes | None = None
        self._chain: tuple[bytes, ...] = ()
        self._eof = False
        self._paused = False  # we do not read
        self._blocked = False  # the client does not read
        self._stalled_at = 0
        self._drained: asyncio.Future[None] | None = None
        self._streaming: asyncio.Task[None] | None = None
        self.deadline = inf

    # What the transport tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in; its first head has ``read_header_timeout`` to arrive."""
        self._transport = cast("asyncio.Transport", transport)
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is not None:
            self._tls = True
            self._certificate, self._chain = peer_certificates(ssl_object)
        service = self._service
        service.connections.add(self)
        self.deadline = service.now + service.config.read_header_timeout
        limit = service.config.max_connections
        if limit and len(service.connections) > limit:
            self._refuse(Refusal(503, "too many connections"))

    def data_received(self, data: bytes) -> None:
        """Take what was read; go on as far as it reaches."""
        phase = self._phase
        if phase == CLOSING:
            return
        self._pending = self._pending + data if self._pending else data
        if phase != BUSY and not self._blocked:
            self._advance()
        elif len(self._pending) > _READ_AHEAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client that has sent all it will send still gets the replies it waits for."""
        self._eof = True
        return self._phase == BUSY or self._blocked

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop a stream nobody reads. An operation in progress runs to its end."""
        self._transport = None
        self._phase = CLOSING
        self._pending = b""
        self._body = None
        if self._streaming is not None:
            self._streaming.cancel()
        self._service.lost(self)

    def pause_writing(self) -> None:
        """The client does not read: nothing more is done for it until it does."""
        self._blocked = True
        self._await_client()

    def resume_writing(self) -> None:
        """The client has read."""
        self._blocked = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._phase == BUSY:
            self.deadline = inf
        elif self._phase != CLOSING:
            self.deadline = self._service.now + self._service.config.idle_timeout
            self._advance()

    # What the listener tells us.

    def expire(self) -> None:
        """The deadline has passed."""
        transport = self._transport
        if transport is None:
            return
        if self._blocked and self._stalled_at - transport.get_write_buffer_size() >= _SMALL:
            self._await_client()  # slow, but reading
        elif self._blocked or self._phase == CLOSING:
            transport.abort()
        elif self._phase == BODY or self._pending:
            self._refuse(Refusal(408, "timed out reading the request"))
        else:
            self._close()

    def drain(self) -> None:
        """Finish the request in hand, if any, and close."""
        if self._phase == IDLE or (self._phase == HEAD and not self._pending):
            self._close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # Reading.

    def _advance(self) -> None:
        """Work through what has been read until the client or the application must act."""
        try:
            while self._pending and self._phase <= BODY and not self._blocked:
                if not (self._read_body() if self._phase == BODY else self._read_head()):
                    break
        except Refusal as refusal:
            self._refuse(refusal)
        waiting = self._phase <= BODY and not self._blocked
        if self._eof and waiting:
            self._close()
        elif self._paused and self._transport is not None and (waiting or len(self._pending) <= _READ_AHEAD):
            self._paused = False
            self._transport.resume_reading()

    def _read_head(self) -> bool:
        data = self._pending
        if data[0] == 13:
            data = self._pending = _without_blank_lines(data)
            if not data:
                return False
        service = self._service
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or end > service.config.max_header_size:
            self._unfinished_head(data)
            return False
        if end == len(data):
            self._pending = b""
        else:
            self._pending = data[end:]
            data = data[:end]
        head = self._head = service.heads.parse(data, self._head)
        length = head.length
        if length == 0:
            self._handle(b"")
        elif 0 < length <= len(self._pending) and length <= service.config.max_request_size:
            body, self._pending = self._pending[:length], self._pending[length:]
            self._handle(body)
        else:
            self._begin_body(head)
        return True

    def _unfinished_head(self, data: bytes) -> None:
        config = self._service.config
        if data.find(b"\r\n", 0, config.max_request_line + 2) < 0 and len(data) > config.max_request_line:
            raise Refusal(414, "request line too long")
        if len(data) > config.max_header_size:
            raise Refusal(431, "request header fields too large")
        if data != b"\r" and not plausible(data):
            raise Refusal(400, "malformed request")
        if self._phase == IDLE:
            self._phase = HEAD
            self.deadline = self._service.now + config.read_header_timeout

    def _begin_body(self, head: Head) -> None:
        limit = self._service.config.max_request_size
        if head.length > limit:
            raise Refusal(413, "request body too large")
        if "expect" in head.headers and head.http_1_1 and not self._pending and self._transport is not None:
            self._transport.write(_CONTINUE)
        self._body = ChunkedBody(limit) if head.length < 0 else FixedBody(head.length)
        self._phase = BODY
        self.deadline = self._service.now + self._service.config.read_timeout

    def _read_body(self) -> bool:
        body = cast("Body", self._body)
        rest = body.feed(self._pending)
        self._pending = rest or b""
        if rest is None:
            return False
        self._body = None
        self._handle(body.value())
        return True

    # Answering.

    def _handle(self, body: bytes) -> None:
        """Hand a complete message to the application."""
        service, head = self._service, self._head
        service.requests += 1
        self._phase = BUSY
        message = Message(
            head.method,
            head.target,
            head.headers.copy(),  # the next head may be told by this one
            body,
            self._remote[0],
            self._remote[1],
            self._peer,
            self._tls,
            self._certificate,
            self._chain,
            service.traits,
        )
        if service.screens:
            try:
                service.screen(message)
            except Refusal as refusal:
                self._respond(error_reply(refusal.status, refusal.sentence))
                return
        answer = service.app(message)
        if type(answer) is Reply:
            self._respond(answer)
        else:
            self.deadline = inf
            self._spawn(self._answer(cast("Awaitable[Reply]", answer)))

    async def _answer(self, answer: Awaitable[Reply]) -> None:
        try:
            reply = await answer
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer
            logger.exception("the application raised")
            reply = error_reply(500, "internal error")
        self._respond(reply)
        if self._phase != CLOSING:
            self._advance()

    def _respond(self, reply: Reply) -> None:
        """Write ``reply`` in one go, or start to stream it."""
        transport, service, head = self._transport, self._service, self._head
        if transport is None:
            return
        body = reply.body
        streamed = type(body) is not bytes
        keep = head.keep_alive and not service.draining and (not streamed or head.http_1_1)
        connection = ("" if head.http_1_1 else "keep-alive") if keep else "close"
        try:
            block = service.replies.head(reply, service.date, connection, chunked=head.http_1_1)
        except ValueError:
            logger.error("the application's reply has a header with a line break")
            reply = error_reply(500, "internal error")
            body, streamed = cast("bytes", reply.body), False
            block = service.replies.head(reply, service.date, connection)
        if head.method == "HEAD" or reply.status in BODILESS:
            transport.write(block)
        elif streamed:
            self.deadline = inf
            transport.write(block)
            self._streaming = self._spawn(self._stream(cast("AsyncIterator[bytes]", body), keep=keep))
            return
        else:
            _write(transport, block, cast("bytes", body))
        self._replied(keep=keep)

    def _replied(self, *, keep: bool) -> None:
        if not keep:
            self._close()
            return
        self._phase = IDLE
        if not self._blocked:
            self.deadline = self._service.now + self._service.config.idle_timeout

    async def _stream(self, body: AsyncIterator[bytes], *, keep: bool) -> None:
        """Write the chunks as they come, no faster than the client reads."""
        chunked = self._head.http_1_1
        try:
            async for chunk in body:
                if self._transport is None:
                    return
                if chunk:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                if self._blocked:
                    self._drained = self._service.loop.create_future()
                    await self._drained
        except Exception:  # noqa: BLE001 - whatever it is, the client must notice
            logger.exception("a reply broke off")
            self.abort()  # the missing last chunk tells the client
            return
        finally:
            self._streaming = None
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
        if self._transport is not None:
            if chunked:
                self._transport.write(b"0\r\n\r\n")
            self._replied(keep=keep)
            self._advance()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        tasks = self._service.tasks
        task = self._service.loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    # Ending.

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a request the application shall not see, and close.

        What the client still sends is read and dropped for a moment: to close a socket with
        unread input resets it, and the client would lose the answer.
        """
        service, transport = self._service, self._transport
        if transport is None or self._phase == CLOSING:
            return
        service.refused += 1
        reply = error_reply(refusal.status, refusal.sentence)
        block = service.replies.head(reply, service.date, "close")
        transport.write(block + cast("bytes", reply.body))
        self._phase = CLOSING
        self._pending = b""
        self._body = None
        self.deadline = service.now + _LINGER
        if self._eof:
            transport.close()
            return
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _close(self) -> None:
        self._phase = CLOSING
        self._pending = b""
        self.deadline = self._service.now + self._service.config.write_timeout
        if self._transport is not None:
            self._transport.close()

    def _await_client(self) -> None:
        if self._transport is not None:
            self._stalled_at = self._transport.get_write_buffer_size()
            self.deadline = self._service.now + self._service.config.write_timeout


def _without_blank_lines(data: bytes) -> bytes:
    """Some clients end a body with an empty line; before a request line it means nothing (RFC 9112, 2.2)."""
    at = 0
    while data.startswith(b"\r\n", at):
        at += 2
    return data[at:]


def _write(transport: asyncio.Transport, block: bytes, body: bytes) -> None:
    if len(body) < _SMALL:
        transport.write(block + body)
    else:  # two packets cost less than a copy
        transport.write(block)
        transport.write(body)
