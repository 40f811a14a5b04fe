"""A stand-in for Elasticsearch: users, roles and basic authentication of its security API, in memory."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD
from tests.server import free_port

_NAME = re.compile(r"(?!\s)[ -~]{1,507}(?<!\s)")
_BUILT_IN = frozenset({"superuser", "reader"})


@dataclass(slots=True)
class Elasticsearch:
    """A running stand-in. ``prefix`` is where its security API is."""

    port: int = field(default_factory=free_port)
    prefix: str = "/_security"
    tls: ssl.SSLContext | None = None
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def config(self) -> dict[str, Any]:
        return {
            "plugin_name": "elasticsearch-database-plugin",
            "url": self.url,
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }

    @property
    def creation(self) -> list[str]:
        return ['{"elasticsearch_role_definition": {"cluster": ["monitor"]}}']

    def start(self) -> None:
        outer = self

        class Bound(_Handler):
            place = outer

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Bound)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def make(self, user: str, password: str) -> None:
        self.accounts[user] = {"password": password, "roles": ["superuser" if user == ADMIN else "reader"]}

    def users(self) -> set[str]:
        return self.accounts.keys() - {ADMIN}

    def logs_in(self, user: str, password: str) -> bool:
        return user in self.accounts and self.accounts[user]["password"] == password

    def answer(self, method: str, path: str, who: str, body: Any) -> tuple[int, Any]:  # noqa: C901  a table
        """Status and body of one request of somebody who is logged in."""
        if not path.startswith(self.prefix + "/"):
            return 400, _failure(f"no handler found for uri [{path}]")
        kind, _, rest = path.removeprefix(self.prefix + "/").partition("/")
        if kind == "_authenticate":
            return 200, {"username": who, "roles": self.accounts[who]["roles"]}
        if "superuser" not in self.accounts[who]["roles"]:
            return 403, _failure(f"action is unauthorized for user [{who}]")
        if kind not in {"user", "role"}:
            return 400, _failure("no handler")
        rows = self.accounts if kind == "user" else self.roles
        name, _, action = (unquote(part) for part in rest.partition("/"))
        if action == "_password" and kind == "user":
            if name not in rows:
                return 400, _failure("user must exist in order to change password")
            if len(body["password"]) < 6:
                return 400, _failure("passwords must be at least [6] characters long")
            rows[name]["password"] = body["password"]
            return 200, {}
        if method == "GET":
            return (200, {name: {}}) if name in rows else (404, {})
        if method == "DELETE":
            found = rows.pop(name, None) is not None
            return (200 if found else 404), {"found": found}
        if not _NAME.fullmatch(name):
            return 400, _failure(f"invalid {kind} name [{name}]")
        if kind == "user" and len(body["password"]) < 6:
            return 400, _failure(f"passwords must be at least [6] characters long: {body['password']}")
        if kind == "role" and set(body) - {"cluster", "indices", "applications", "run_as", "metadata"}:
            return 400, _failure(f"failed to parse role [{name}]. unexpected field")
        rows[name] = body
        return 200, {"created": True}


def _failure(reason: str) -> Any:
    return {"error": {"type": "exception", "reason": reason}}


class _Handler(BaseHTTPRequestHandler):
    place: Elasticsearch
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proof = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        who, _, password = proof.partition(":")
        self.place.requests.append(f"{self.command} {self.path}")
        if not self.place.logs_in(who, password):
            self._reply(401, _failure(f"unable to authenticate user [{who}]"))
            return
        self._reply(*self.place.answer(self.command, self.path, who, json.loads(body) if body else None))

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  the library asks for these names

    def _reply(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Nothing is written down."""


@pytest.fixture
def elasticsearch() -> Iterator[Elasticsearch]:
    """A stand-in, running, without a user."""
    server = Elasticsearch()
    server.start()
    yield server
    server.stop()
    for _ in range(100):
        if not any("process_request" in thread.name for thread in threading.enumerate()):
            break
        time.sleep(0.01)
