"""One-time passwords by time (RFC 6238): which step of the time a code belongs to."""

from __future__ import annotations

import hmac
from base64 import b32encode
from urllib.parse import quote

ALGORITHMS = ("SHA1", "SHA256", "SHA512")


def code(key: bytes, step: int, digits: int, algorithm: str) -> str:
    """The code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), algorithm.lower())
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def steps_of(key: bytes, given: str, steps: range, digits: int, algorithm: str) -> list[int]:
    """Those of the steps whose code was given.

    A code has one spelling: exactly so many ASCII digits. All steps are compared, so that the time tells
    nothing.
    """
    if not (given.isascii() and given.isdigit() and len(given) == digits):
        return []
    return [step for step in steps if hmac.compare_digest(code(key, step, digits, algorithm), given)]


def matching(key: bytes, given: str, steps: range, digits: int, algorithm: str) -> int | None:
    """The first of the steps whose code was given; None when it is none of them."""
    found = steps_of(key, given, steps, digits, algorithm)
    return found[0] if found else None


def address(key: bytes, issuer: str, account: str, *, algorithm: str, digits: int, period: int) -> str:
    """What devices read from a barcode to make the codes of an account."""
    secret = b32encode(key).decode().rstrip("=")
    name = quote(issuer, safe="")
    return (
        f"otpauth://totp/{name}:{quote(account, safe='')}?algorithm={algorithm}&digits={digits}"
        f"&issuer={name}&period={period}&secret={secret}"
    )
