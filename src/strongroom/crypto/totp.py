"""One-time passwords by time (RFC 6238): which step of the time a code belongs to."""

from __future__ import annotations

import hmac

ALGORITHMS = ("SHA1", "SHA256", "SHA512")


def code(key: bytes, step: int, digits: int, algorithm: str) -> str:
    """The code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), algorithm.lower())
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def matching(key: bytes, given: str, steps: range, digits: int, algorithm: str) -> int | None:
    """The first of the steps whose code was given; None when it is none of them.

    A code has one spelling: exactly so many ASCII digits. All steps are compared, so that the time tells
    nothing.
    """
    if not (given.isascii() and given.isdigit() and len(given) == digits):
        return None
    found = [step for step in steps if hmac.compare_digest(code(key, step, digits, algorithm), given)]
    return found[0] if found else None
