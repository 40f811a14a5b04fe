"""Keys derived from a key and a context: HKDF with SHA-256 (RFC 5869), without salt."""

from __future__ import annotations

import hmac

_NO_SALT = bytes(32)
_BLOCK = 32
_MOST = 255 * _BLOCK


def derive(key: bytes, context: bytes, length: int) -> bytes:
    """``length`` bytes that only who knows ``key`` can make; another context gives others.

    A longer derivation begins with the bytes of a shorter one. Raises ValueError above 8160 bytes.
    """
    if length > _MOST:
        raise ValueError("HKDF gives no more than 255 blocks")
    extracted = hmac.digest(_NO_SALT, key, "sha256")
    block, derived = b"", b""
    for number in range(1, -(-length // _BLOCK) + 1):
        block = hmac.digest(extracted, block + context + bytes((number,)), "sha256")
        derived += block
    return derived[:length]
