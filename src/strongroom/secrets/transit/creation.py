"""How keys come to be: drawn here, one version after the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from strongroom.crypto import private_key, signature
from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest
from strongroom.secrets.transit import key as keys
from strongroom.secrets.transit.key import Key, Version
from strongroom.secrets.transit.kind import Kind, named

if TYPE_CHECKING:
    from strongroom.logical import Request

SHORTEST_HMAC, LONGEST_HMAC = 32, 512
HMAC_SIZE = "invalid key size for HMAC key, must be between 32 and 512 bytes"
NO_ROTATION = "imported key {} does not allow rotation within Vault"


def check(kind: Kind, key: Key) -> Key:
    """The key, if its kind can be what it should be. Raises BadRequest."""
    if key.key_size and kind.family != "hmac":
        raise BadRequest(f"key_size is not valid for algorithm {kind.name}")
    if key.key_size and not SHORTEST_HMAC <= key.key_size <= LONGEST_HMAC:
        raise BadRequest(f"invalid key_size {key.key_size}")
    if kind.family == "hmac" and not key.key_size:
        raise BadRequest(HMAC_SIZE)
    if key.convergent and not key.derived:
        raise BadRequest("convergent encryption requires derivation to be enabled")
    if key.derived and not kind.derives:
        raise BadRequest(
            f"key derivation and convergent encryption not supported for keys of type {kind.name}"
        )
    if key.convergent and kind.family != "aead":
        raise BadRequest(f"convergent encryption not supported for keys of type {kind.name}")
    if kind.family == "ml-dsa" and key.parameter_set not in signature.PARAMETER_SETS:
        raise BadRequest(f"parameter_set must be one of {', '.join(signature.PARAMETER_SETS)}")
    if kind.family != "ml-dsa" and key.parameter_set:
        return replace(key, parameter_set="")
    return key


async def create(request: Request, name: str, key: Key) -> Key:
    """Make a key with its first version. Raises BadRequest for what cannot be."""
    key = check(key.kind, key).scheduled(request.now)
    key = replace(key, current=await draw(request, name, key, 1))
    keys.put(request, name, key, None)
    return key


async def upsert(request: Request, name: str, type_: str, *, derived: bool, convergent: bool) -> Key:
    """Make a key because something is to be encrypted by it. Raises BadRequest."""
    kind = named(type_)
    if kind.family != "aead":
        raise BadRequest(f"unknown key type {type_}")
    if convergent and not derived:
        raise BadRequest("convergent encryption requires derivation to be enabled, so context is required")
    return await create(request, name, Key(type_, derived=derived, convergent=convergent))


async def rotate(request: Request, name: str, key: Key) -> Key:
    """Add a version. Raises BadRequest where the key is not to be rotated here."""
    key.usable()
    if key.imported and not key.allow_rotation:
        raise BadRequest(NO_ROTATION.format(name))
    material = await draw(request, name, key, key.latest + 1)
    fresh = keys.succeeded(request, name, replace(key, imported=False), material).scheduled(request.now)
    keys.put(request, name, fresh, key)
    return fresh


async def draw(request: Request, name: str, key: Key, number: int) -> Version:
    """New material, made once however often the request runs; slow kinds in a thread."""
    wanted = ("transit", name, key.type, key.key_size, key.parameter_set, number)
    if wanted not in request.once:
        if key.kind.slow:
            material = await asyncio.to_thread(_rsa, key.kind.size)
        else:
            material = _material(key)
        hmac_key = material if key.kind.family == "hmac" else random_bytes(32)
        request.once[wanted] = Version(request.now, material, hmac_key)
    version: Version = request.once[wanted]
    return version


def _rsa(bits: int) -> bytes:
    return private_key.der(private_key.generate("rsa", bits))


def _material(key: Key) -> bytes:
    kind = key.kind
    if kind.family == "ec":
        return private_key.der(private_key.generate("ec", kind.size))
    if kind.family == "ed25519":
        return private_key.ed25519_halves(random_bytes(32))
    if kind.family == "ml-dsa":
        return random_bytes(32)
    return random_bytes(key.key_size or kind.size)


async def woken(request: Request, name: str) -> None:
    """Rotate a key whose time has come, unless that was done, or it is not to be used."""
    key = await keys.find(request, name)
    if key is None or not key.rotate_at or request.now < key.rotate_at:
        return
    if key.soft_deleted or (key.imported and not key.allow_rotation):
        keys.put(request, name, key.scheduled(request.now), key)
        return
    await rotate(request, name, key)
