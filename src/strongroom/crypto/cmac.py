"""CMAC: message authentication by AES (NIST SP 800-38B, RFC 4493)."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

SHORTEST, LONGEST = 8, 16
"""Bytes of a code: below eight it can be guessed (SP 800-38B, appendix A)."""


def digest(key: bytes, data: bytes) -> bytes:
    """The 16-byte code of ``data``; the key has 16, 24 or 32 bytes."""
    code = CMAC(AES(key))
    code.update(data)
    return code.finalize()
