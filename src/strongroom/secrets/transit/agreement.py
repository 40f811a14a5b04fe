"""Keys that two parties derive, each from its private key and the other's public one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.crypto import hkdf, private_key
from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import key as rows
from strongroom.secrets.transit.key import Key, Version
from strongroom.secrets.transit.kind import DEFAULT, named
from strongroom.secrets.transit.ready import Ready

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

_UNREADABLE = "failed to parse supplied peer public key PEM: data does not contain any valid public keys"
_SHOWN = 32


class DeriveKey(Path):
    """A key for encryption that another party derives as well."""

    pattern = "derive-key/{name}"
    name: str = field("Name of the key that is made, or gets its next version.")
    base_key_name: str = field("Name of a key of type ECDSA, whose private half takes part.")
    base_key_version: int = field("Its version; 0 is the latest.")
    peer_public_key: str = field("The public key of the other party, on the same curve, PEM.")
    derived_key_type: str = field("Type of the key that is made: one that encrypts.", default=DEFAULT)
    key_derivation_algorithm: str = field(
        "ecdh: the x coordinate of the shared point, through HKDF-SHA256 without salt and info.",
        default="ecdh",
    )

    async def write(self, transit: Transit, request: Request) -> None:
        """Derive the key and store it, as if it had been imported."""
        if not self.peer_public_key:
            raise BadRequest("peer public key not provided")
        if self.key_derivation_algorithm != "ecdh":
            raise BadRequest(
                f"key derivation algorithm {self.key_derivation_algorithm[:_SHOWN]} not supported"
            )
        kind = named(self.derived_key_type)
        if kind.family != "aead":
            raise BadRequest(f"unknown key type {self.derived_key_type}")
        shared = await self._shared(transit, request)
        material = Version(request.now, hkdf.derive(shared, b"", kind.size), random_bytes(32))
        before = await rows.find(request, self.name)
        if before is None:
            key = Key(kind.name, current=material, imported=True)
        elif before.type != kind.name or not before.imported or before.derived:
            raise BadRequest("the key of that name is not one that was derived or imported for this type")
        else:
            key = rows.succeeded(request, self.name, before.usable(), material)
        rows.put(request, self.name, key, before)

    async def _shared(self, transit: Transit, request: Request) -> bytes:
        base = await rows.find(request, self.base_key_name)
        if base is None:
            raise BadRequest("specified base key not found")
        if base.kind.family != "ec":
            raise BadRequest(f"base key type {base.type} does not support key agreement")
        number = base.usable().encrypting(self.base_key_version, "the base key")
        own = Ready(base, await rows.version(request, self.base_key_name, base, number)).private()
        if own is None:
            raise BadRequest("the base key has no private part")
        try:
            other = private_key.load_public(self.peer_public_key.encode())
        except ValueError:
            raise BadRequest(_UNREADABLE) from None
        if not private_key.fits(other, "ec", base.kind.size):
            raise BadRequest(f"base private key type {base.type} does not match peer public key curve")
        return private_key.agreed(own, other)  # type: ignore[arg-type]  # both are EC keys


PATHS: tuple[type[Path], ...] = (DeriveKey,)
