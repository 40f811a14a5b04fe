"""The client: one request out, one answer in, with retries, one redirect and the usual headers."""

from __future__ import annotations

import http.client
import socket
import time
from urllib.parse import quote, urlencode, urljoin, urlsplit

from strongroom.client.connection import open_connection
from strongroom.client.error import ApiError, TransportError
from strongroom.client.request import Request, Response

TYPE_CHECKING = False  # see environment.py
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from strongroom.client.settings import Settings

    Query = Mapping[str, str | list[str]]

REDIRECTS = frozenset({301, 302, 307, 308})
FIRST_WAIT, LONGEST_WAIT = 0.25, 1.5  # seconds between attempts


class Client:
    """Speaks to one server. Not for several threads at once; it keeps one connection open."""

    def __init__(self, settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.token = settings.token
        self._sleep = sleep
        self._kept: tuple[str, http.client.HTTPConnection] | None = None

    def send(self, request: Request) -> Response:
        """The answer to ``request``. Raises ApiError for 400 and above, else TransportError."""
        response = self.attempt(request)
        if response.status >= 400:
            raise self.refusal(request, response)
        return response

    def attempt(self, request: Request) -> Response:
        """As ``send``, but an error status is an answer like any other."""
        wait = FIRST_WAIT
        for _ in range(self.settings.retries):
            try:
                response = self._follow(request)
                if not worth_retrying(response.status):
                    return response
            except TransportError:
                pass
            self._sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        return self._follow(request)

    def refusal(self, request: Request, response: Response) -> ApiError:
        """The error an answer of 400 or more stands for."""
        url = self.url(request)
        namespace = self.headers(request).get("X-Vault-Namespace", "")
        try:
            decoded = response.json()
            errors = decoded.get("errors") if isinstance(decoded, dict) else None
        except ValueError:
            errors = None
        if isinstance(errors, list):
            return ApiError(
                request.method, url, response.status, [str(e) for e in errors], namespace=namespace
            )
        raw = response.body.decode(errors="replace")
        return ApiError(request.method, url, response.status, raw=raw, namespace=namespace)

    def read(self, path: str, query: Query | None = None) -> dict[str, Any] | None:
        """The envelope at ``path``, or None where there is nothing.

        A 404 that still carries data or warnings (a deleted version) counts as an answer.
        """
        request = Request("GET", path, query=query)
        response = self.attempt(request)
        if response.status == 404:
            return _rest(self.refusal(request, response), response)
        if response.status >= 400:
            raise self.refusal(request, response)
        return response.secret()

    def list(self, path: str, query: Query | None = None) -> dict[str, Any] | None:
        """The envelope of a listing, or None where there is nothing."""
        return self.read(path, {**(query or {}), "list": "true"})

    def scan(self, path: str, query: Query | None = None) -> dict[str, Any] | None:
        """As ``list``, through all levels."""
        return self.read(path, {**(query or {}), "scan": "true"})

    def write(self, path: str, body: Mapping[str, Any] | bytes | None = None, method: str = "PUT") -> Any:
        """The envelope a write answers with, or None."""
        return self.send(Request(method, path, body)).secret()

    def patch(self, path: str, body: Mapping[str, Any] | bytes) -> dict[str, Any] | None:
        """Merges ``body`` (RFC 7396) into what is at ``path``."""
        kind = {"Content-Type": "application/merge-patch+json"}
        return self.send(Request("PATCH", path, body, headers=kind)).secret()

    def delete(self, path: str, query: Query | None = None) -> dict[str, Any] | None:
        """The envelope a deletion answers with, usually None."""
        return self.send(Request("DELETE", path, query=query)).secret()

    def url(self, request: Request) -> str:
        """The request's URL as people read it."""
        address = self.settings.address.rstrip("/")
        if address.startswith("unix:"):
            address = "http://localhost"
        return address + target(request)

    def headers(self, request: Request) -> dict[str, str]:
        """Every header ``request`` is sent with, except those of HTTP itself."""
        settings = self.settings
        headers = {"X-Vault-Request": "true"}
        if self.token:
            headers["X-Vault-Token"] = self.token
        if settings.namespace:
            headers["X-Vault-Namespace"] = settings.namespace.strip("/") + "/"
        if settings.wrap_ttl:
            headers["X-Vault-Wrap-Ttl"] = settings.wrap_ttl
        if settings.mfa:
            headers["X-Vault-Mfa"] = ", ".join(settings.mfa)
        if settings.policy_override:
            headers["X-Vault-Policy-Override"] = "true"
        return {**headers, **settings.headers, **request.headers}

    def stream(self, request: Request) -> http.client.HTTPResponse:
        """The answer with its body still to be read, before anything else is sent: logs, snapshots."""
        connection = self._connection(self.settings.address)
        try:
            connection.request(
                request.method, target(request), body=request.payload(), headers=self.headers(request)
            )
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(self.url(request), request, error) from error
        if answer.status >= 400:
            raise self.refusal(request, Response(answer.status, {}, answer.read()))
        return answer

    def close(self) -> None:
        if self._kept:
            self._kept[1].close()
            self._kept = None

    def _follow(self, request: Request) -> Response:
        address = self.settings.address
        response = self._exchange(address, target(request), request)
        if response.status not in REDIRECTS or not self.settings.follow_redirects:
            return response
        location = urlsplit(urljoin(self.url(request), response.headers.get("location", "")))
        if self.settings.address.startswith("https:") and location.scheme != "https":
            raise TransportError("redirect would cause protocol downgrade")
        path = location.path + (f"?{location.query}" if location.query else "")
        return self._exchange(f"{location.scheme}://{location.netloc}", path, request)

    def _exchange(self, address: str, path: str, request: Request) -> Response:
        reused = self._kept is not None
        try:
            return self._round_trip(address, path, request)
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            self.close()
            if not reused:
                raise self._failure(address + path, request, error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._failure(address + path, request, error) from error
        # The server had closed the kept connection; a fresh one tells a real failure apart.
        return self._exchange(address, path, request)

    def _round_trip(self, address: str, path: str, request: Request) -> Response:
        connection = self._connection(address)
        connection.request(request.method, path, body=request.payload(), headers=self.headers(request))
        answer = connection.getresponse()
        body = answer.read()
        if answer.will_close:
            self.close()
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def _connection(self, address: str) -> http.client.HTTPConnection:
        if self._kept and self._kept[0] == address:
            return self._kept[1]
        self.close()
        connection = open_connection(address, self.settings)
        self._kept = (address, connection)
        return connection

    def _failure(self, url: str, request: Request, error: Exception) -> TransportError:
        shown = "http://localhost" + target(request) if url.startswith("unix:") else url
        return TransportError(f'{request.method.capitalize()} "{shown}": {_reason(error)}')


def target(request: Request) -> str:
    """Path and query as they stand in the request line."""
    path = "/v1/" + quote(request.path, safe="/:@!$&'()*+,;=~")
    return f"{path}?{urlencode(sorted(request.query.items()), doseq=True)}" if request.query else path


def worth_retrying(status: int) -> bool:
    """412: a replica has not caught up; 5xx: perhaps over in a moment; 501 never changes."""
    return status == 412 or (status >= 500 and status != 501)


def _rest(error: ApiError, response: Response) -> dict[str, Any] | None:
    """What a 404 still has to say, if anything. ``error`` is raised when it is not JSON."""
    try:
        secret = response.secret() or {}
    except ValueError:
        raise error from None
    return secret if secret.get("data") or secret.get("warnings") else None


def _reason(error: Exception) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "timed out"
    if isinstance(error, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(error, FileNotFoundError):
        return "connect: no such file or directory"
    if distrust := getattr(error, "verify_message", ""):
        return f"the server's certificate is not trusted: {distrust}"
    return str(error) or type(error).__name__
