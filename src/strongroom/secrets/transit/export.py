"""Keys that leave in clear, where they are allowed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate_chain, private_key
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import key as rows
from strongroom.secrets.transit import wire
from strongroom.secrets.transit.ready import Ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.secrets.transit.engine import Transit
    from strongroom.secrets.transit.key import Key, Version

_FORMATS = frozenset(("", "raw", "der", "pem"))
_RAW = "unknown format for HMAC key; supported values are `` or `raw`"
_SHOWN = 32
NO_CHAIN = "selected key version does not have a certificate chain imported"
NOT_EXPORTABLE = "private key material is not exportable"


class Export(Path):
    """A key, in clear."""

    pattern = "export/{type}/{name}/{version?}"
    reader_safe = True
    type: str = field(
        "What to read: encryption-key, signing-key, hmac-key, cmac-key, public-key or certificate-chain. The"
        " last two need no exportable key."
    )
    name: str = field("Name of the key.")
    version: str = field("Which version, or latest; without it all that still decrypt.")
    format: str = field(
        "Form of the keys: raw (base64) for symmetric keys, der (base64) or pem (PKCS #8) for others; the"
        " default is that of Vault: PEM in the form of the key's own kind, base64 for Ed25519.",
        query=True,
    )

    async def read(self, transit: Transit, request: Request) -> dict[str, Any] | None:
        """The versions of the key, by their numbers."""
        tell = _TYPES.get(self.type)
        if tell is None:
            raise BadRequest(f"invalid export type: {self.type[:_SHOWN]}")
        if self.format not in _FORMATS:
            raise BadRequest(f"invalid format: {self.format[:_SHOWN]}")
        key = await rows.find(request, self.name)
        if key is None:
            return None
        _check(key, self.type)
        found = await chosen(request, self.name, key.usable(), self.version)
        told = {str(number): tell(key, material, self.format) for number, material in found.items()}
        return {"name": self.name, "type": key.type, "keys": told}


def _check(key: Key, type_: str) -> None:
    """Raise BadRequest where the key has no such part, or must not show it."""
    if type_ not in ("public-key", "certificate-chain") and not key.exportable:
        raise BadRequest(NOT_EXPORTABLE)
    if type_ == "encryption-key" and not key.kind.encrypts:
        raise BadRequest("encryption not supported for the key")
    if type_ == "signing-key" and not key.kind.signs:
        raise BadRequest("signing not supported for the key")
    if type_ == "cmac-key" and key.kind.family != "cmac":
        raise BadRequest("CMAC not supported for the key")
    if type_ == "certificate-chain" and not key.kind.signs:
        raise BadRequest("certificate chain not supported for keys that do not support signing")
    if type_ == "public-key" and key.kind.symmetric:
        raise BadRequest(f"unknown key type {key.type} for export type public-key")


async def chosen(request: Request, name: str, key: Key, version: str) -> dict[int, Version]:
    """The versions that are meant: one, the latest, or all that still decrypt. Raises BadRequest."""
    first = max(key.min_decryption, key.oldest)
    if not version:
        return await rows.versions(request, name, key, first, key.latest)
    if version == "latest":
        return await rows.versions(request, name, key, key.latest, key.latest)
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise BadRequest("invalid key version")
    number = int(version)
    if number < first:
        raise BadRequest("version for export is below minimum decryption version")
    if number > key.latest:
        raise BadRequest("version does not exist or cannot be found")
    return await rows.versions(request, name, key, number, number)


def _own(key: Key, material: Version, form: str) -> str:
    """The private key, or the symmetric one; empty where only the public one is known."""
    family = key.kind.family
    if not material.key:
        return ""
    if key.kind.symmetric:
        return _symmetric(material.key, form)
    if family == "ml-dsa" or (family == "ed25519" and form in ("", "raw")):
        return wire.encode(material.key)
    private = (
        Ready(key, material).private()
        if not key.derived
        else private_key.ed25519_from_seed(material.key[:32])
    )
    if form == "" and family in ("rsa", "ec"):
        return _ended(family, private_key.traditional_pem(private))  # type: ignore[arg-type]  # one of these
    return _encoded(form, family, private_key.der(private), private_key.pem(private))  # type: ignore[arg-type]


def _encoded(form: str, family: str, der: bytes, pem: str) -> str:
    if form == "raw":
        raise BadRequest(f"unknown key format for {family} key; supported values are ``, `der`, or `pem`")
    return wire.encode(der) if form == "der" else _ended(family, pem)


def _ended(family: str, pem: str) -> str:
    """PEM with the end of line that the peer has behind RSA keys, and behind no others."""
    return pem if family == "rsa" else pem.strip()


def _symmetric(secret: bytes, form: str) -> str:
    if form in ("der", "pem"):
        raise BadRequest(_RAW)
    return wire.encode(secret)


def _public(key: Key, material: Version, form: str) -> str:
    if key.derived:
        raise BadRequest("the public key of a derived key depends on the context; read the key with one")
    public = Ready(key, material).public()
    family = key.kind.family
    if family == "ml-dsa" or (family == "ed25519" and form in ("", "raw")):
        raw: bytes = public.public_bytes_raw()  # type: ignore[union-attr]  # these two have it
        return wire.encode(raw)
    der = private_key.public_der(public)  # type: ignore[arg-type]  # one of the others
    return _encoded(form, family, der, private_key.public_pem(public))  # type: ignore[arg-type]


def _chain(key: Key, material: Version, form: str) -> str:
    if not material.chain:
        raise BadRequest(NO_CHAIN)
    return "".join(map(certificate_chain.pem, material.chain)).strip()


def _hmac(key: Key, material: Version, form: str) -> str:
    return _symmetric(material.hmac_key, form)


_TYPES: dict[str, Callable[[Key, Version, str], str]] = {
    "encryption-key": _own,
    "signing-key": _own,
    "cmac-key": _own,
    "hmac-key": _hmac,
    "public-key": _public,
    "certificate-chain": _chain,
}

PATHS: tuple[type[Path], ...] = (Export,)
