"""Nonces: each is good for one request, within a while.

A nonce says itself when it was made, under a key of the mount, so giving one stores nothing: strangers may
ask for as many as they like. What is stored is that one was used, in a row under the time after which it is
of no use anyway; the rows of such a time are cleared together.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

from strongroom.crypto import base64url
from strongroom.crypto.entropy import random_bytes
from strongroom.logical import SECOND, Request

LIFE = 3600
"""Seconds that a nonce may be used."""
SPAN = 900
"""Seconds whose used nonces are cleared together."""
WAKE = "acme-nonces/"
"""What a wake for the clearing of nonces begins with."""

_KEY = "acme/nonce-key"
_USED = "acme/nonces/"
_RANDOM, _CODE = 12, 16
_HEAD = struct.Struct(">I")
_LENGTH = _HEAD.size + _RANDOM + _CODE


def make(key: bytes, now: int) -> str:
    """A fresh nonce. ``now`` is in nanoseconds."""
    head = _HEAD.pack(now // SECOND & 0xFFFFFFFF) + random_bytes(_RANDOM)
    return base64url.encode(head + _code(key, head))


def made_at(key: bytes, nonce: str) -> int | None:
    """When a nonce was made, in seconds; None when it was not made under this key."""
    try:
        data = base64url.decode(nonce)
    except ValueError:
        return None
    head, code = data[:-_CODE], data[-_CODE:]
    if len(data) != _LENGTH or not hmac.compare_digest(code, _code(key, head)):
        return None
    made: int = _HEAD.unpack_from(head)[0]
    return made


def _code(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, head, "sha256")[:_CODE]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A nonce that may be used. ``made`` is in seconds."""

    text: str
    made: int


# -- the rows ------------------------------------------------------------------------------------------


async def key_of(request: Request) -> bytes:
    """The key of the mount's nonces, which is there once ACME was enabled."""
    return await request.view.get(_KEY) or b""


async def ensure_key(request: Request) -> None:
    """Have the mount have a key."""
    if not await key_of(request):
        request.view.put(_KEY, random_bytes(32))


async def fresh(request: Request) -> str:
    """A nonce for the client's next request."""
    return make(await key_of(request), request.now)


async def accept(request: Request, nonce: str) -> Accepted | None:
    """A nonce that is one of the mount's, not too old and not used yet; None for any other."""
    made = made_at(await key_of(request), nonce)
    if made is None or not 0 <= request.now // SECOND - made < LIFE:
        return None
    if await request.view.get(_row(made, nonce)) is not None:
        return None
    return Accepted(nonce, made)


def use(request: Request, nonce: Accepted) -> None:
    """Note that a nonce is used up; of two requests that bring the same, one finds it used."""
    request.view.mark(_row(nonce.made, nonce.text))
    span = _span(nonce.made)
    request.wake_at((span + 1) * SPAN * SECOND, f"{WAKE}{span:08x}")


def clear(request: Request, span: str) -> None:
    """Forget nonces that are too old by now."""
    request.view.delete_prefix(f"{_USED}{span}/")


def _span(made: int) -> int:
    return (made + LIFE) // SPAN


def _row(made: int, nonce: str) -> str:
    return f"{_USED}{_span(made):08x}/{nonce}"
