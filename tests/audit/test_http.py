from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from strongroom.audit.http import HttpSink
from strongroom.errors import BadRequest


class Server(ThreadingHTTPServer):
    status = 200
    closes = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, bytes, str | None]] = []
        self.connections = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/log?x=1"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, body, self.headers["X-Key"]))
        self.close_connection = self.server.closes
        self.send_response(self.server.status)
        self.send_header("Location", self.server.uri)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the overridden name
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(uri: str, *lines: bytes, timeout: float = 5.0, pause: float = 0) -> None:
    async def scenario() -> None:
        sink = HttpSink(uri, {"X-Key": "k"}, timeout=timeout)
        try:
            for line in lines:
                await sink.write(line)
                await asyncio.sleep(pause)
        finally:
            await asyncio.to_thread(sink.close)

    asyncio.run(scenario())


def test_lines_are_posted_over_one_connection(server: Server) -> None:
    run(server.uri, b"one\n", b"two\n")
    assert server.received == [("/log?x=1", b"one\n", "k"), ("/log?x=1", b"two\n", "k")]
    assert server.connections == 1


def test_connection_the_server_closed_is_made_again(server: Server) -> None:
    server.closes = True
    run(server.uri, b"one\n", b"two\n", pause=0.05)
    assert [body for _, body, _ in server.received] == [b"one\n", b"two\n"]
    assert server.connections == 2


@pytest.mark.parametrize("status", (199, 301, 307, 404, 500))
def test_other_answers_are_failures_and_redirects_not_followed(server: Server, status: int) -> None:
    server.status = status
    with pytest.raises(OSError, match=f"status {status}|Connection timed out"):
        run(server.uri, b"one\n", timeout=0.5)
    assert len(server.received) == 1


def test_dead_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        run(f"http://127.0.0.1:{port}", b"lost\n")


def test_silent_server_costs_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            run(f"http://127.0.0.1:{silent.getsockname()[1]}", b"lost\n", timeout=0.3)
        assert time.monotonic() - started < 5


def test_server_that_speaks_no_http() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"hello\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        with pytest.raises(OSError, match="not HTTP"):
            run(f"http://127.0.0.1:{listener.getsockname()[1]}", b"lost\n")
        thread.join()


@pytest.mark.parametrize(
    "uri", ("ftp://host/", "host", "http://", "http://host:x/", "http://[::1/", "http://host:0/")
)
def test_uris_that_are_none(uri: str) -> None:
    with pytest.raises(BadRequest, match="uri must be"):
        HttpSink(uri, {})
