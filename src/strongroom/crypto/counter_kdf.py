"""Keys derived from a key and a context: NIST SP 800-108 in counter mode, with HMAC-SHA-256.

What Vault does for keys that are imported; counters begin at 0, and there is no label. Others are derived by
:mod:`~strongroom.crypto.hkdf`.
"""

from __future__ import annotations

import hmac

BYTES = 32
"""Bytes that are derived, whatever the cipher; one that wants fewer takes the first."""


def derive(key: bytes, context: bytes) -> bytes:
    """32 bytes that only who knows ``key`` can make; another context gives others."""
    return hmac.digest(key, bytes(4) + context + (8 * BYTES).to_bytes(4, "big"), "sha256")
