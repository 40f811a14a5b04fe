"""The issuer: the address under which the server signs, and what is found there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from strongroom.errors import BadRequest
from strongroom.framework.record import stored

if TYPE_CHECKING:
    from strongroom.logical import Request

WARNING = (
    'With "issuer" set, tokens must be validated against that address, whichever server of a cluster '
    'signed them. "" goes back to the api_addr of the server.'
)
CACHED = ("Cache-Control", "max-age=3600")
"""How long others may keep a discovery document, in seconds."""


@dataclass(slots=True)
class Config:
    """What is set for all identity tokens. ``issuer`` empty is the server's own address."""

    issuer: str = ""


_ROW = stored(Config, under="oidc/")


async def config(request: Request) -> Config:
    """What is set."""
    return await _ROW(request).get("config") or Config()


def configure(request: Request, found: Config) -> None:
    """Set it."""
    _ROW(request).put("config", found)


def check(issuer: str) -> None:
    """Raise BadRequest unless it is a scheme, a host and perhaps a port."""
    try:
        parts = urlsplit(issuer)
        bare = f"{parts.scheme}://{parts.netloc}" == issuer and parts.username is None
        good = bare and bool(parts.hostname) and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        good = False
    if not good or not issuer.isprintable() or " " in issuer:
        raise BadRequest(
            "invalid issuer, which must include only a scheme, host, and optional port "
            "(e.g. https://example.com:8200)"
        )


def below(request: Request, base: str, path: str = "") -> str:
    """The address of a path of the API, at the issuer or at the server itself."""
    return f"{base or request.core.api_address}/v1/{request.namespace.path}identity/oidc{path}"


async def issuer(request: Request) -> str:
    """The issuer of identity tokens."""
    return below(request, (await config(request)).issuer)
