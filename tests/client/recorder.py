from __future__ import annotations

import contextlib
import http.server
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class Recorder:
    """A server that remembers what it was asked and answers from a list, then with 204."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[Answer] = []
        self.address = ""

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.asked.append((self.command, self.path, headers, body))
                status, more, content = recorder.answers.pop(0) if recorder.answers else (204, {}, b"")
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 (the library's names)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as above)
                return

            def address_string(self) -> str:
                return "local"

        return Handler


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """A recorder that listens."""
    recorder = Recorder()
    with TcpServer(("127.0.0.1", 0), recorder.handler()) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        recorder.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield recorder
        server.shutdown()
