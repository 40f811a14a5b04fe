"""A listener on its own loop in a thread, so that tests can be plain blocking clients."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine
from typing import Any, Self

import uvloop

from strongroom.listener import Listener, ListenerConfig
from strongroom.wire import Application, Message, Reply


def tell(message: Message) -> Reply:
    """Answers who asked for what."""
    text = f"{message.method} {message.target} from {message.remote_address} by {message.peer_address}"
    return Reply(200, [("Content-Type", "text/plain")], text.encode())


class Served:
    """``with Served(config) as served`` has a listener running, and stops it."""

    def __init__(self, config: ListenerConfig, app: Application = tell, *, fast: bool = True) -> None:
        self.config = config
        self._loop = uvloop.new_event_loop() if fast else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.reports: list[dict[str, Any]] = []
        self._loop.set_exception_handler(lambda _, context: self.reports.append(context))
        self.listener = Listener(app, config)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.listener.start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.listener.stop(0.0))
        self._end()
        assert not self.reports, self.reports

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def connect(self, context: ssl.SSLContext | None = None) -> socket.socket:
        if self.config.unix:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.config.address)
        else:
            sock = socket.create_connection(("127.0.0.1", self.port), 10)
        sock.settimeout(10)
        return context.wrap_socket(sock, server_hostname="localhost") if context else sock

    @property
    def port(self) -> int:
        return int(self.listener.address.rpartition(":")[2])

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def read_all(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := sock.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def ended(sock: socket.socket) -> bool:
    """Whether the server ends the connection without a word."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def ask(sock: socket.socket, line: str = "GET / HTTP/1.1", *fields: str) -> bytes:
    """One request on ``sock``, which is kept; the reply's body."""
    sock.sendall("\r\n".join([line, "Host: localhost", *fields, "", ""]).encode())
    return read_reply(sock)[1]


def read_reply(sock: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of one reply with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65_536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    _, found, length = head.partition(b"Content-Length: ")
    missing = int(length.partition(b"\r\n")[0]) if found else 0
    while len(body) < missing:
        body += sock.recv(65_536)
    return head, body
