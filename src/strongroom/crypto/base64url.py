"""Strict base64url without padding (RFC 7515, section 2): each value has one spelling."""

from __future__ import annotations

import base64
import binascii


def encode(data: bytes) -> str:
    """The text of these bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of a text. Raises ValueError for any spelling but that of :func:`encode`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url without padding") from None
    if encode(data) != text:
        raise ValueError("not base64url without padding")
    return data
