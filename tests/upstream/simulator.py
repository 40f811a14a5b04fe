"""An HTTP server in a thread, to stand for a system outside: what it answers a subclass says."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

S = TypeVar("S", bound="Simulator")


@dataclass
class Call:
    """A request: ``parts`` are the segments of its path, unescaped; ``raw`` the path as it came."""

    method: str
    raw: str
    parts: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Simulator(ThreadingHTTPServer):
    """``down``: connections are dropped without an answer. ``calls`` is what has been asked."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.context = context
        self.down = False
        self.calls: list[Call] = []
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        """Serve, in a thread."""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the socket."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""

    def answer(self, call: Call) -> tuple[int, Any]:
        """Status and body: bytes as they are, anything else as JSON, None for none."""
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        """Further headers of every answer."""
        return {}


class _Handler(BaseHTTPRequestHandler):
    server: Simulator
    protocol_version = "HTTP/1.1"
    timeout = 30

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def handle_expect_100(self) -> bool:
        return True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.down:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        names = {name.lower(): value for name, value in self.headers.items()}
        segments = [unquote(part) for part in parts.path.strip("/").split("/")]
        call = Call(self.command, self.path, segments, query, names, body)
        with self.server.lock:
            self.server.calls.append(call)
            status, said = self.server.answer(call)
        self._reply(status, said)

    def _reply(self, status: int, said: Any) -> None:
        octets = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        for name, value in self.server.headers().items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815  the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the overridden name
        """Quiet."""


@contextmanager
def serving(simulator: S) -> Iterator[S]:
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()
