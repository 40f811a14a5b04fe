"""Keys from elsewhere, wrapped on their way here, and keys of here wrapped for elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto import keywrap, private_key
from strongroom.crypto.entropy import random_bytes
from strongroom.crypto.keywrap import Unwrappable
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import key as rows
from strongroom.secrets.transit import wire
from strongroom.secrets.transit.creation import LONGEST_HMAC, SHORTEST_HMAC
from strongroom.secrets.transit.export import chosen
from strongroom.secrets.transit.key import Key, Version, check_period
from strongroom.secrets.transit.kind import DEFAULT, KINDS, Kind
from strongroom.secrets.transit.ready import Ready

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

_WRAPPING = "wrapping-key"
_BITS = 4096
_SHOWN = 32
_NO_PUBLIC = "provided type does not support public_key import"
_SHORT = "provided ciphertext is too short"
_UNWRAPPABLE = "the ciphertext is no key that was wrapped for the wrapping key of this mount"
_HASH = "Hash of the OAEP padding with which the ciphertext begins: SHA1, SHA224, SHA256, SHA384 or SHA512."
_CIPHERTEXT = (
    "Base64 of the wrapped key: an AES-256 key encrypted by RSA-OAEP for the wrapping key of the mount, then"
    " the key to import, wrapped by that AES key (AES-KWP, RFC 5649). Symmetric keys are wrapped as they are,"
    " others as PKCS #8, DER."
)
_PUBLIC = "A public key, PEM, in place of the ciphertext: it verifies and encrypts only."


def hash_of(name: str) -> str:
    """A hash for OAEP. Raises BadRequest."""
    if name.upper() not in keywrap.HASHES:
        raise BadRequest(f"unknown hash function: {name[:_SHOWN]}")
    return name.upper()


class WrappingKey(Path):
    """The public key by which keys are wrapped that are to be imported."""

    pattern = "wrapping_key"
    reads_write = True

    async def read(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The wrapping key, RSA-4096, PEM. It is made when it is first read."""
        own = private_key.load_own(await wrapping_key(request))
        return {"public_key": private_key.public_pem(own.public_key())}


async def wrapping_key(request: Request) -> bytes:
    """The mount's wrapping key, PKCS #8; made if there is none."""
    blob = await request.view.get(_WRAPPING)
    if blob is None:
        if _WRAPPING not in request.once:
            request.once[_WRAPPING] = await asyncio.to_thread(_make)
        blob = request.once[_WRAPPING]
        request.view.put(_WRAPPING, blob)
    return blob


def _make() -> bytes:
    return private_key.der(private_key.generate("rsa", _BITS))


class _Imported(Path):
    """What an import needs."""

    name: str = field("Name of the key.")
    ciphertext: str = field(_CIPHERTEXT)
    hash_function: str = field(_HASH, default="SHA256")
    public_key: str = field(_PUBLIC)

    async def material(self, request: Request, kind: Kind, key: Key) -> Version:
        """What was sent, checked to be a key of the kind. Raises BadRequest."""
        name = hash_of(self.hash_function)
        if not self.ciphertext:
            if kind.symmetric or kind.family == "ml-dsa":
                raise BadRequest(_NO_PUBLIC)
            return Version(request.now, b"", random_bytes(32), public=_public(kind, self.public_key))
        wrapped = wire.decode(self.ciphertext)
        if len(wrapped) < _BITS // 8:
            raise BadRequest(_SHORT)
        own = private_key.load_own(await wrapping_key(request))
        try:
            secret = keywrap.unwrap(own, wrapped, name)  # type: ignore[arg-type]  # an RSA key, made above
        except Unwrappable:
            raise BadRequest(_UNWRAPPABLE) from None
        secret = checked(kind, key, secret)
        return Version(request.now, secret, secret if kind.family == "hmac" else random_bytes(32))


def checked(kind: Kind, key: Key, secret: bytes) -> bytes:
    """Key material from elsewhere as it is stored. Raises BadRequest where it is no such key."""
    if kind.family == "hmac":
        if not SHORTEST_HMAC <= len(secret) <= LONGEST_HMAC:
            raise BadRequest("invalid key size for HMAC key, must be between 32 and 512 bytes")
        return secret
    if kind.symmetric or kind.family == "ml-dsa":
        size = kind.size or 32
        if len(secret) != size:
            raise BadRequest(f"invalid key size: expected {size} bytes, got {len(secret)} bytes")
        return secret
    try:
        private = private_key.load(secret)
    except ValueError as error:
        raise BadRequest(f"error importing key: {error}") from None
    if not private_key.fits(private, kind.family, kind.size):  # type: ignore[arg-type]  # the three that are left
        raise BadRequest(f"error importing key: this is no key of type {kind.name}")
    if kind.family == "ed25519":
        return private_key.ed25519_halves(private.private_bytes_raw())  # type: ignore[union-attr]  # it is one
    return private_key.der(private)


def _public(kind: Kind, text: str) -> bytes:
    if "-----BEGIN" not in text:
        raise BadRequest("error importing key: error parsing public key: not in PEM format")
    try:
        public = private_key.load_public(text.encode())
    except ValueError as error:
        raise BadRequest(f"error importing key: {error}") from None
    if not private_key.fits(public, kind.family, kind.size):  # type: ignore[arg-type]  # asymmetric
        raise BadRequest(f"error importing key: this is no public key of type {kind.name}")
    return private_key.public_der(public)


class Import(_Imported):
    """A key from elsewhere."""

    pattern = "keys/{name}/import"
    type: str = field("What the key is for; the types of keys that are made here.", default=DEFAULT)
    allow_rotation: bool = field("Whether the key may be rotated here, by versions made here.")
    derived: bool = field("Whether each use needs a context, for which a key of its own is derived.")
    exportable: bool = field("Whether the key may be read. It cannot be taken back.")
    allow_plaintext_backup: bool = field("Whether the key may be backed up in clear.")
    auto_rotate_period: Duration = field("Seconds after which the key is rotated by itself; 0 is never.")
    context: str = field("Ignored: a context is named when the key is used.", sensitive=True)
    parameter_set: str = field("Strength of a key of type ml-dsa: 44, 65 or 87.", default="44")

    async def write(self, transit: Transit, request: Request) -> None:
        """Store the key under a name that no key has yet."""
        kind = KINDS.get(self.type)
        if kind is None:
            raise BadRequest(f"unknown key type: {self.type[:_SHOWN]}")
        hash_of(self.hash_function)
        period = check_period(self.auto_rotate_period)
        if period and not self.allow_rotation:
            raise BadRequest("allow_rotation must be set to true if auto-rotation is enabled")
        if await rows.find(request, self.name) is not None:
            raise BadRequest(
                "the import path cannot be used with an existing key; use import-version to rotate an"
                " existing imported key"
            )
        if self.derived and not kind.derives:
            raise BadRequest(
                f"key derivation and convergent encryption not supported for keys of type {kind.name}"
            )
        key = Key(
            kind.name,
            derived=self.derived,
            counter_kdf=self.derived and kind.family == "aead",
            exportable=self.exportable,
            allow_plaintext_backup=self.allow_plaintext_backup,
            auto_rotate_period=period,
            imported=True,
            allow_rotation=self.allow_rotation,
            parameter_set=self.parameter_set if kind.family == "ml-dsa" else "",
        )
        material = await self.material(request, kind, key)
        if self.derived and not material.key:
            raise BadRequest("keys cannot be derived from a public key")
        if kind.family == "hmac":
            key = replace(key, key_size=len(material.key))
        rows.put(request, self.name, replace(key.scheduled(request.now), current=material), None)


class ImportVersion(_Imported):
    """The next version of an imported key, from elsewhere as well."""

    pattern = "keys/{name}/import_version"
    version: int = field(
        "A version of which only the public key is known, to which the private one is added."
    )

    async def write(self, transit: Transit, request: Request) -> None:
        """Store the version; it encrypts and signs from now on."""
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest(
                f"no key found with name {self.name}; to import a new key, use the import/ endpoint"
            )
        if not key.imported:
            raise BadRequest("the import_version endpoint can only be used with an imported key")
        material = await self.material(request, key.kind, key.usable())
        if self.version:
            await self._complete(request, key, material)
            return
        if key.derived and not material.key:
            raise BadRequest("keys cannot be derived from a public key")
        rows.put(request, self.name, rows.succeeded(request, self.name, key, material), key)

    async def _complete(self, request: Request, key: Key, material: Version) -> None:
        if not max(key.oldest, 1) <= self.version <= key.latest:
            raise BadRequest("no such version of the key")
        before = await rows.version(request, self.name, key, self.version)
        if before.key or not material.key:
            raise BadRequest("only a private key can be added, to a version that has none")
        public = private_key.public_der(Ready(key, material).public())  # type: ignore[arg-type]  # RSA, EC, Ed25519
        if public != before.public:
            raise BadRequest("the private key does not belong to the public key of this version")
        complete = replace(before, key=material.key, public=b"")
        rows.put_changed(request, self.name, key, self.version, complete)


class ByokExport(Path):
    """A key, wrapped by another key of this mount for a system elsewhere."""

    pattern = "byok-export/{destination}/{source}/{version?}"
    reader_safe = True
    destination: str = field(
        "Name of the key that wraps: of type RSA, usually the wrapping key of a mount elsewhere."
    )
    source: str = field("Name of the key that leaves.")
    version: str = field("Which version, or latest; without it all that still decrypt.")
    hash: str = field(
        "Hash of the OAEP padding: SHA1, SHA224, SHA256, SHA384 or SHA512.", default="SHA256", query=True
    )

    async def read(self, transit: Transit, request: Request) -> dict[str, Any] | None:
        """Wrapped versions by their numbers, base64, as an import takes them."""
        name = hash_of(self.hash)
        target = await rows.find(request, self.destination)
        if target is None:
            raise BadRequest("no such destination key to export to")
        source = await rows.find(request, self.source)
        if source is None:
            raise BadRequest("no such source key for export")
        if target.kind.family != "rsa":
            raise BadRequest(f"key wrapping is not supported for key type {target.type}")
        if not source.exportable:
            raise BadRequest("key is not exportable")
        wrapping = await rows.version(request, self.destination, target, target.latest)
        outer = Ready(target.usable(), wrapping).public()
        found = await chosen(request, self.source, source.usable(), self.version)
        wrapped = {
            str(number): wire.encode(keywrap.wrap(outer, _plain(source, material), name))  # type: ignore[arg-type]
            for number, material in found.items()
        }
        return {"name": self.source, "type": source.type, "keys": wrapped}


def _plain(key: Key, material: Version) -> bytes:
    """What is wrapped: symmetric keys as they are, others as PKCS #8."""
    if not material.key:
        raise BadRequest("this version of the key has no private part")
    if key.kind.family != "ed25519":
        return material.key
    return private_key.der(private_key.ed25519_from_seed(material.key[:32]))


PATHS: tuple[type[Path], ...] = (WrappingKey, Import, ImportVersion, ByokExport)
