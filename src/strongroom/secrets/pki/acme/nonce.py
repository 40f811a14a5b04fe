"""Nonces: each is good for one message, within a while.

A nonce says itself when it was made, under a key of the mount, so giving one stores nothing: strangers may
ask for as many as they like, of any process. Which were used is remembered by the one process that writes,
and only nonces made since it began to remember are good: after a restart clients are told to use a fresh one,
as the protocol has it, and none is ever good twice. Should more be used than are remembered, the rest are
rows, under the time after which they are of no use anyway; the rows of such a time are cleared together.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

from strongroom import clock
from strongroom.crypto import base64url
from strongroom.crypto.entropy import random_bytes
from strongroom.logical import SECOND, Request

LIFE = 3600
"""Seconds that a nonce may be used."""
MOST = 50_000
"""Nonces that are remembered in memory; that more were used is stored."""
SPAN = 900
"""Seconds whose stored nonces are cleared together."""
WAKE = "acme-nonces/"
"""What a wake for the clearing of nonces begins with."""

_KEY = "acme/nonce-key"
_USED = "acme/nonces/"
_RANDOM, _CODE = 12, 16
_HEAD = struct.Struct(">Q")
_LENGTH = _HEAD.size + _RANDOM + _CODE


def make(key: bytes, now: int) -> str:
    """A fresh nonce. ``now`` is in nanoseconds."""
    head = _HEAD.pack(now) + random_bytes(_RANDOM)
    return base64url.encode(head + _code(key, head))


def made_at(key: bytes, nonce: str) -> int | None:
    """When a nonce was made, in nanoseconds; None when it was not made under this key."""
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
    """A nonce that may be used. ``made`` is in nanoseconds."""

    text: str
    made: int


class Remembered:
    """The nonces that were used since a time, in nanoseconds, for as long as they would be good."""

    def __init__(self) -> None:
        self._since: int | None = clock.now()
        self._used: dict[str, int] = {}
        self.spilled = False

    def clear(self) -> None:
        """Forget all; other processes may serve until the next message comes here."""
        self._since, self._used, self.spilled = None, {}, False

    def since(self, now: int) -> int:
        """When remembering began: nonces that were made before are not good."""
        if self._since is None:
            self._since = now
        return self._since

    def __contains__(self, nonce: str) -> bool:
        return nonce in self._used

    def __len__(self) -> int:
        return len(self._used)

    def add(self, nonce: Accepted, now: int) -> bool:
        """Remember that a nonce was used; False where that has to be stored instead."""
        self._drop_old(now)
        if len(self._used) >= MOST:
            self.spilled = True
            return False
        self._used[nonce.text] = nonce.made + LIFE * SECOND
        return True

    def _drop_old(self, now: int) -> None:
        while self._used:
            first = next(iter(self._used))
            if self._used[first] > now:
                return
            del self._used[first]


# -- in requests ---------------------------------------------------------------------------------------


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


async def accept(request: Request, remembered: Remembered, nonce: str) -> Accepted | None:
    """A nonce that is one of the mount's, not too old and not used yet; None for any other.

    A request that lost a race with others and runs again may bring its nonce again.
    """
    made = made_at(await key_of(request), nonce)
    if made is None or not 0 <= request.now - made < LIFE * SECOND or made < remembered.since(request.now):
        return None
    if nonce in remembered and nonce not in request.once:
        return None
    if remembered.spilled and await request.view.get(_row(made, nonce)) is not None:
        return None
    return Accepted(nonce, made)


async def use(request: Request, remembered: Remembered, nonce: Accepted) -> bool:
    """Note that a nonce is used up; False where another request was quicker."""
    if nonce.text in request.once:
        return True
    if nonce.text in remembered:
        return False
    if remembered.add(nonce, request.now):
        request.once[nonce.text] = True
        return True
    row, span = _row(nonce.made, nonce.text), _span(nonce.made)
    if await request.view.get(row) is not None:
        return False
    request.view.mark(row)
    request.wake_at((span + 1) * SPAN * SECOND, f"{WAKE}{span:08x}")
    return True


def clear(request: Request, span: str) -> None:
    """Forget nonces that are too old by now."""
    request.view.delete_prefix(f"{_USED}{span}/")


def _span(made: int) -> int:
    return (made // SECOND + LIFE) // SPAN


def _row(made: int, nonce: str) -> str:
    return f"{_USED}{_span(made):08x}/{nonce}"
