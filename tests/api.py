"""A small HTTP client for tests: one kept connection, JSON in and out, nothing hidden."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server replied; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body decoded; None when it is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def data(self) -> Any:
        """The envelope's ``data``."""
        return self.json["data"]

    @property
    def auth(self) -> Any:
        """The envelope's ``auth``."""
        return self.json["auth"]

    @property
    def errors(self) -> list[str]:
        """The sentences of an error answer; empty when it is none."""
        document = self.json
        return list(document.get("errors") or []) if isinstance(document, dict) else []


class Api:
    """Calls one server. Paths are relative to ``/v1/``; one that starts with ``/`` is taken as it is.

    ``context`` is how TLS is spoken with an address that begins with ``https``.
    """

    def __init__(self, address: str, token: str | None = None, context: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.token = token
        scheme, _, place = address.rpartition("://")
        self._connection = (
            http.client.HTTPSConnection(place, timeout=60, context=context)
            if scheme == "https"
            else http.client.HTTPConnection(place, timeout=60)
        )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request. ``token`` empty means the client's own, None means none at all."""
        sent = dict(headers or {})
        bearer = self.token if token == "" else token
        if bearer is not None:
            sent.setdefault("X-Vault-Token", bearer)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        target = path if path.startswith("/") else f"/v1/{path}"
        try:
            return self._exchange(method, target, body, sent)
        except (ConnectionError, http.client.BadStatusLine):
            self._connection.close()  # the server closed the idle connection: once more on a new one
            return self._exchange(method, target, body, sent)

    def _exchange(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        self._connection.request(method, target, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("PUT", path, body, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {"Content-Type": "application/merge-patch+json"} | (options.pop("headers", None) or {})
        return self.request("PATCH", path, body, headers=headers, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)

    def list(self, path: str, **options: Any) -> Answer:
        return self.request("LIST", path, **options)

    def scan(self, path: str, **options: Any) -> Answer:
        return self.request("SCAN", path, **options)

    def close(self) -> None:
        self._connection.close()
