"""A service with a database: greets whoever asks, as the user that hello.json names.

SIGTERM lets it finish the requests it has begun. Environment: PORT, DATABASE (host:port/name).
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

CREDENTIALS = json.loads(Path("hello.json").read_text())
TARGET = f"postgresql://{os.environ.get('DATABASE', '127.0.0.1:5432/postgres')}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.8)
        try:
            with psycopg.connect(TARGET, **CREDENTIALS) as connection:
                row = connection.execute("SELECT current_user").fetchone()
            self.reply(200, f"hello from {row[0] if row else ''}")
        except psycopg.Error as error:
            self.reply(500, type(error).__name__)

    def reply(self, code: int, text: str) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the requests that were begun
    allow_reuse_address = True


server = Server(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()
Path("service.pid").unlink(missing_ok=True)
