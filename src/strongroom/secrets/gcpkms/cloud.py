"""The Cloud KMS API (v1, REST), as far as the engine needs it.

Source: Google's reference of cloudkms.googleapis.com. Octets travel in base64.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Malformed
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from strongroom.errors import BadRequest, NotFound, StrongroomError, UpstreamFailed
from strongroom.logical import Request
from strongroom.upstream.google import Tokens
from strongroom.upstream.http import Answer, Target, send

NAME = "Cloud KMS"
SCOPE = "https://www.googleapis.com/auth/cloudkms"
MOST_VERSIONS = 1000
_PAGE = 200


@dataclass(slots=True)
class Access:
    """How the engine reaches Cloud KMS."""

    credentials: str = field(default="", repr=False)
    scopes: list[str] = field(default_factory=lambda: [SCOPE])
    api_endpoint: str = ""


class Cloud:
    """Cloud KMS within one request. Every call raises BadRequest, NotFound or UpstreamFailed."""

    def __init__(self, access: Access, tokens: Tokens, request: Request) -> None:
        self._access, self._tokens, self._request = access, tokens, request
        self.now = request.now

    async def call(
        self, method: str, name: str, *, query: dict[str, str] | None = None, json: Any = None, doing: str
    ) -> dict[str, Any]:
        """One call; ``name`` is a resource, with ``:verb`` behind it where it has one."""
        answer = await self._send(method, name, query, json)
        if answer.status == 404:
            raise NotFound(f"{doing} failed: {NAME} has no such key, key ring or version")
        if not answer.ok:
            raise _failed(answer, doing)
        content = answer.json()
        if not isinstance(content, dict):
            raise UpstreamFailed(f"{NAME} answered something that is not an object")
        return content

    async def once(self, method: str, name: str, **options: Any) -> dict[str, Any]:
        """As :meth:`call`, for what must happen once however often the request runs."""
        key = ("cloud", method, name, repr(options))
        if key not in self._request.once:
            self._request.once[key] = await self.call(method, name, **options)
        done: dict[str, Any] = self._request.once[key]
        return done

    async def versions(self, key: str) -> list[dict[str, Any]]:
        """All versions of a key, page by page."""
        found: list[dict[str, Any]] = []
        token = ""
        while len(found) < MOST_VERSIONS:
            query = {"pageSize": str(_PAGE)} | ({"pageToken": token} if token else {})
            page = await self.call(
                "GET", f"{key}/cryptoKeyVersions", query=query, doing="listing the versions"
            )
            found += page.get("cryptoKeyVersions") or []
            token = page.get("nextPageToken") or ""
            if not token:
                break
        return found

    async def _send(self, method: str, name: str, query: dict[str, str] | None, json: Any) -> Answer:
        access = self._access
        token = await self._tokens.token(access.credentials, access.scopes or [SCOPE], self.now)
        target = Target(NAME, access.api_endpoint.rstrip("/") or f"https://cloudkms.{token.universe}")
        answer = await send(target, method, f"/v1/{name}", headers=token.header, query=query, json=json)
        if answer.status == 401:  # the token was taken back before its time
            self._tokens.forget()
        return answer


def check_endpoint(url: str) -> None:
    """Raise BadRequest for what cannot be the API's address, or would show tokens to others on the way."""
    target = Target(NAME, url)
    target.check()
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise BadRequest("api_endpoint has to be an https URL")


def _failed(answer: Answer, doing: str) -> StrongroomError:
    error = answer.failed(doing)
    if answer.status == 403:  # the account may not do that: neither the request nor waiting helps
        return UpstreamFailed(
            f"{doing} failed: {NAME} does not allow it to the service account", cause=error.cause
        )
    return error


def encoded(data: bytes) -> str:
    """Octets as the API takes them."""
    return b64encode(data).decode()


def decoded(text: Any, what: str) -> bytes:
    """Octets in base64, which a client sent. Raises BadRequest."""
    try:
        return b64decode(text, validate=True)
    except (Malformed, ValueError, TypeError):
        raise BadRequest(f"{what} is not base64") from None


def answered(content: dict[str, Any], name: str) -> bytes:
    """Octets of an answer. Raises UpstreamFailed where they are not there."""
    try:
        return b64decode(content.get(name) or "", validate=True)
    except (Malformed, ValueError, TypeError):
        raise UpstreamFailed(f"{NAME} answered without {name}") from None


def version_of(name: str) -> str:
    """The number at the end of a version's resource name."""
    return name.rpartition("/")[2]
