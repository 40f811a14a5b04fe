"""Keys from other secrets: HKDF with SHA-256 (RFC 5869)."""

from __future__ import annotations

import hmac
from hashlib import sha256

_BLOCK = 32


def derive(secret: bytes, *, salt: bytes = b"", info: bytes = b"", length: int = 32) -> bytes:
    """``length`` bytes from a secret that is hard to guess; passwords are none.

    Raises ValueError for more bytes than HKDF gives.
    """
    if not 0 < length <= 255 * _BLOCK:
        raise ValueError("HKDF-SHA256 gives 1 to 8160 bytes")
    key = hmac.digest(salt or bytes(_BLOCK), secret, sha256)
    block, made = b"", b""
    for number in range(1, -(-length // _BLOCK) + 1):
        block = hmac.digest(key, block + info + bytes([number]), sha256)
        made += block
    return made[:length]
