"""Google Cloud: who the server is there, and access tokens for that (OAuth 2.0, RFC 7523).

Credentials are the key file of a service account. Without any, those of the machine count, as Google's own
clients find them: the file that ``GOOGLE_APPLICATION_CREDENTIALS`` names, else the metadata server.
"""

from __future__ import annotations

import os
from asyncio import to_thread
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from strongroom.crypto import jws, private_key
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import SECOND
from strongroom.upstream.http import Answer, Target, send

TOKEN_URI = "https://oauth2.googleapis.com/token"
UNIVERSE = "googleapis.com"
LIFETIME = 3600
"""Seconds for which an assertion asks; Google gives no more."""
_EARLY = 60
"""Seconds before its end from which a token counts as over."""
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_METADATA = "metadata.google.internal"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The key of a service account. ``key`` is PKCS #8 DER."""

    email: str
    key_id: str
    key: bytes = field(repr=False)
    token_uri: str
    universe: str = UNIVERSE

    def assertion(self, scopes: list[str], now: int) -> str:
        """What proves to the token server that this is the account; ``now`` in nanoseconds."""
        seconds = now // SECOND
        claims = {
            "iss": self.email,
            "scope": " ".join(scopes),
            "aud": self.token_uri,
            "iat": seconds,
            "exp": seconds + LIFETIME,
        }
        return jws.sign("RS256", self.key_id, self.key, claims, typ="JWT")


def service_account(credentials: str) -> ServiceAccount:
    """The account of a key file's text. Raises BadRequest, which repeats none of it."""
    try:
        content = msgspec.json.decode(credentials)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("the credentials are not JSON") from None
    if not isinstance(content, dict) or content.get("type") != "service_account":
        raise BadRequest("the credentials have to be the key of a service account")
    email, key_id, pem = (_text(content, name) for name in ("client_email", "private_key_id", "private_key"))
    if not email or not pem:
        raise BadRequest("the credentials lack client_email or private_key")
    try:
        key = private_key.load(pem.encode())
    except ValueError:
        raise BadRequest("the private key in the credentials cannot be read") from None
    if type(key).__name__ != "RSAPrivateKey":
        raise BadRequest("the private key in the credentials is no RSA key")
    uri = _text(content, "token_uri") or TOKEN_URI
    _parts(uri)[0].check()
    universe = _text(content, "universe_domain") or UNIVERSE
    return ServiceAccount(email, key_id, private_key.der(key), uri, universe)


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name, "")
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, good until ``until`` (nanoseconds) at the services below a domain."""

    text: str = field(repr=False)
    until: int
    universe: str = UNIVERSE

    @property
    def header(self) -> dict[str, str]:
        """What shows who asks."""
        return {"Authorization": f"Bearer {self.text}"}


class Tokens:
    """Access tokens that are still good. A cache only; it is dropped when the server seals."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], Token] = {}

    def forget(self) -> None:
        """Drop all of them."""
        self._kept.clear()

    async def token(self, credentials: str, scopes: list[str], now: int) -> Token:
        """A token for these scopes. Raises BadRequest, UpstreamFailed; ``now`` in nanoseconds."""
        key = (credentials, *scopes)
        kept = self._kept.get(key)
        if kept is None or kept.until <= now:
            kept = self._kept[key] = await _ask(credentials, scopes, now)
        return kept


async def _account_of(credentials: str) -> ServiceAccount | None:
    """Whom credentials stand for; None where the metadata server has to tell. Raises BadRequest."""
    if credentials:
        return service_account(credentials)
    file = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if not file:
        return None
    try:
        return service_account(await to_thread(Path(file).read_text))
    except (OSError, UnicodeDecodeError):
        raise UpstreamFailed("the file of GOOGLE_APPLICATION_CREDENTIALS cannot be read") from None


async def _ask(credentials: str, scopes: list[str], now: int) -> Token:
    account = await _account_of(credentials)
    if account is None:
        return _token(await _metadata(scopes), now, UNIVERSE)
    target, path = _parts(account.token_uri)
    # The signature takes a few milliseconds of arithmetic.
    assertion = await to_thread(account.assertion, scopes, now)
    form = urlencode({"grant_type": _GRANT, "assertion": assertion})
    answer = await send(target, "POST", path, headers=_FORM, content=form.encode())
    return _token(answer, now, account.universe)


def _token(answer: Answer, now: int, universe: str) -> Token:
    content = answer.json() if answer.ok else {}
    text = content.get("access_token") if isinstance(content, dict) else None
    if not isinstance(text, str):
        raise answer.failed("asking for an access token")
    lasts = content.get("expires_in")
    seconds = lasts if isinstance(lasts, int) else 0
    return Token(text, now + (seconds - _EARLY) * SECOND, universe)


async def _metadata(scopes: list[str]) -> Answer:
    host = os.environ.get("GCE_METADATA_HOST") or _METADATA
    target = Target("Google's metadata server", f"http://{host}", timeout=5.0)
    return await send(
        target,
        "GET",
        "/computeMetadata/v1/instance/service-accounts/default/token",
        headers={"Metadata-Flavor": "Google"},
        query={"scopes": ",".join(scopes)},
    )


def _parts(uri: str) -> tuple[Target, str]:
    parts = urlsplit(uri) if uri.isascii() and uri.isprintable() and " " not in uri else urlsplit("")
    return Target("Google's token server", f"{parts.scheme}://{parts.netloc}"), parts.path or "/"
