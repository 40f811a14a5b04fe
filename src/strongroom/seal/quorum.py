"""A quorum: shares that come in one by one until enough are there to combine."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field, replace

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest
from strongroom.seal import shamir

MIN_KEY_BYTES = 16
MAX_KEY_BYTES = 33


def decode_key(text: str) -> bytes:
    """A share as submitted, in hex or standard base64; raises BadRequest."""
    for decode in (binascii.unhexlify, _base64):
        try:
            return decode(text)
        except ValueError:
            continue
    raise BadRequest("'key' must be a valid hex or base64 string")


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@dataclass(frozen=True, slots=True)
class Quorum:
    """The shares of one attempt, which ``nonce`` names. A value: adding a share gives another."""

    required: int
    nonce: str = field(default_factory=uuid4_str)
    shares: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def progress(self) -> int:
        """How many shares are in."""
        return len(self.shares)

    @property
    def complete(self) -> bool:
        """Whether enough shares are in to combine them."""
        return len(self.shares) >= self.required

    def has(self, share: bytes) -> bool:
        """Whether this very share is in already."""
        found = False
        for known in self.shares:
            found |= hmac.compare_digest(known, share)
        return found

    def add(self, share: bytes) -> Quorum:
        """With ``share``; raises BadRequest for a length that no share has."""
        if len(share) < MIN_KEY_BYTES:
            raise BadRequest(f"invalid key: key is shorter than minimum {MIN_KEY_BYTES} bytes")
        if len(share) > MAX_KEY_BYTES:
            raise BadRequest(f"invalid key: key is longer than maximum {MAX_KEY_BYTES} bytes")
        return replace(self, shares=(*self.shares, share))

    def emptied(self) -> Quorum:
        """The same attempt, from its start."""
        return replace(self, shares=())

    def combined(self) -> bytes:
        """The key of the shares; a quorum of one holds the key itself. Raises BadRequest."""
        if self.required == 1:
            return self.shares[0]
        try:
            return shamir.combine(self.shares)
        except shamir.Uncombinable as error:
            raise BadRequest(f"invalid key: failed to compute combined key: {error}") from None
