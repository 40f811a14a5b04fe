"""Credentials for users of databases: passwords, RSA keys, client certificates, as roles ask for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from strongroom.crypto.identity_key import Authority, rsa_key_pair
from strongroom.crypto.private_key import SIZES
from strongroom.errors import BadRequest
from strongroom.framework.name_template import BadTemplate, NameTemplate
from strongroom.logical import SECOND, Request
from strongroom.secrets.database.plugin import CLIENT_CERTIFICATE, PASSWORD, RSA_PRIVATE_KEY, Credential

if TYPE_CHECKING:
    from strongroom.secrets.database.engine import Database

KINDS = (PASSWORD, RSA_PRIVATE_KEY, CLIENT_CERTIFICATE)

_SETTINGS: dict[str, frozenset[str]] = {
    PASSWORD: frozenset({"password_policy"}),
    RSA_PRIVATE_KEY: frozenset({"key_bits", "format"}),
    CLIENT_CERTIFICATE: frozenset(
        {"common_name_template", "ca_cert", "ca_private_key", "key_type", "key_bits", "signature_bits"}
    ),
}
_HIDDEN = frozenset({"ca_private_key"})


@dataclass(slots=True)
class Recipe:
    """What kind of credential, and how it is made."""

    kind: str = PASSWORD
    settings: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """The settings as they may be shown: without a private key."""
        shown: dict[str, Any] = {
            name: int(value) if name in {"key_bits", "signature_bits"} else value
            for name, value in self.settings.items()
            if name not in _HIDDEN and value
        }
        return shown

    def bits(self) -> int:
        """How large keys are."""
        kind = self.settings.get("key_type", "rsa")
        given = self.settings.get("key_bits") or "0"
        return int(given) or {"rsa": 2048, "ec": 256}.get(kind, 0)


def recipe(kind: str, settings: dict[str, str]) -> Recipe:
    """The recipe that a role's fields stand for. Raises BadRequest saying what cannot be."""
    if kind not in KINDS:
        raise BadRequest(f'invalid credential_type "{kind}"')
    kept = {name: value for name, value in settings.items() if name in _SETTINGS[kind]}
    try:
        _CHECKS[kind](kept)
    except (ValueError, BadTemplate) as error:
        reason = error.public if isinstance(error, BadTemplate) else str(error)
        raise BadRequest(f"credential_config validation failed: {reason}") from None
    return Recipe(kind, kept)


def _check_password(settings: dict[str, str]) -> None:
    """A policy may be made later."""


def _check_rsa(settings: dict[str, str]) -> None:
    settings.setdefault("format", "pkcs8")
    settings.setdefault("key_bits", "2048")
    if settings["format"] != "pkcs8":
        raise ValueError("invalid format: only pkcs8 is supported")
    _check_bits("rsa", settings["key_bits"])


def _check_certificate(settings: dict[str, str]) -> None:
    kind = settings.get("key_type", "")
    if kind not in SIZES:
        raise ValueError("invalid key_type")
    if kind != "ed25519":
        _check_bits(kind, settings.setdefault("key_bits", "2048" if kind == "rsa" else "256"))
    NameTemplate(settings.get("common_name_template", ""))
    try:
        Authority(settings.get("ca_cert", ""), settings.get("ca_private_key", "")).check()
    except ValueError:
        raise ValueError("ca_cert and ca_private_key have to be a certificate and its key, in PEM") from None


def _check_bits(kind: str, text: str) -> None:
    if not text.isdigit() or int(text) not in SIZES[kind]:
        raise ValueError(f"invalid key_bits: {', '.join(map(str, SIZES[kind]))} are possible")


_CHECKS = {PASSWORD: _check_password, RSA_PRIVATE_KEY: _check_rsa, CLIENT_CERTIFICATE: _check_certificate}


@dataclass(frozen=True, slots=True)
class Made:
    """A fresh credential: what the database is told, and what the client gets."""

    credential: Credential
    data: dict[str, Any] = field(repr=False)


async def made(  # noqa: PLR0917  the places of a maker's table
    database: Database, request: Request, how: Recipe, policy: str, username: str, ttl: int
) -> Made:
    """A fresh credential by a recipe; ``policy`` is the connection's password policy."""
    if how.kind == PASSWORD:
        password = await database.password(request, how.settings.get("password_policy") or policy)
        return Made(Credential(PASSWORD, password), {"password": password})
    if how.kind == RSA_PRIVATE_KEY:
        pair = await asyncio.to_thread(rsa_key_pair, how.bits())
        return Made(Credential(RSA_PRIVATE_KEY, public_key=pair.public), {"rsa_private_key": pair.private})
    return await _certificate(request, how, username, ttl)


async def _certificate(request: Request, how: Recipe, username: str, ttl: int) -> Made:
    common_name = username
    if template := how.settings.get("common_name_template"):
        role = request.relative.rpartition("/")[2]
        common_name = NameTemplate(template).render(
            request.now, display_name=display_name(request), role_name=role
        )
    issue = Authority(how.settings["ca_cert"], how.settings["ca_private_key"]).issue
    kind = cast('Literal["rsa", "ec", "ed25519"]', how.settings["key_type"])
    now = request.now // SECOND
    try:
        signed = await asyncio.to_thread(issue, common_name, kind=kind, bits=how.bits(), now=now, ttl=ttl)
    except ValueError:
        raise BadRequest("the authority of credential_config cannot sign: it may have expired") from None
    data = {
        "client_certificate": signed.certificate,
        "private_key": signed.private,
        "private_key_type": how.settings["key_type"],
    }
    return Made(Credential(CLIENT_CERTIFICATE, subject=signed.subject), data)


def display_name(request: Request) -> str:
    """The display name of whoever asks."""
    return "" if request.entry is None else str(request.entry.display_name)
