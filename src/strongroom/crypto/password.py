"""Passwords as they are kept: hashed by bcrypt, so that each guess costs time.

Hashing and comparing take tens of milliseconds and let other threads run meanwhile: who serves others
besides calls them in a thread.
"""

from __future__ import annotations

import re
from functools import cache

from strongroom.crypto.entropy import base62

COST = 10
"""The base-2 logarithm of the rounds of a hash made here: some 50 ms."""
COSTS = range(5, 13)
"""The costs of hashes that are taken from outside: the dearest takes a fifth of a second for every login."""
MAX_BYTES = 72
"""bcrypt reads no further."""

_HASH = re.compile(r"\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})[./A-Za-z0-9]{31}", re.ASCII)


def hashed(password: bytes, cost: int = COST) -> str:
    """A fresh hash of a password of at most :data:`MAX_BYTES`."""
    import bcrypt  # noqa: PLC0415  only servers with passwords need it

    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


def matches(password: bytes, kept: str) -> bool:
    """Whether a hash is that of the password; compared in constant time."""
    import bcrypt  # noqa: PLC0415  only servers with passwords need it

    try:
        return bcrypt.checkpw(password[:MAX_BYTES], kept.encode()) and len(password) <= MAX_BYTES
    except ValueError:  # a hash that was never checked
        return False


def acceptable(kept: str) -> bool:
    """Whether a text is a hash that :func:`matches` can compare with."""
    import bcrypt  # noqa: PLC0415  only servers with passwords need it

    form = _HASH.fullmatch(kept)
    if form is None or int(form[1]) < 4:
        return False
    try:
        bcrypt.hashpw(b"", f"$2b$04${form[2]}".encode())  # the cheapest way to ask whether the salt is one
    except ValueError:
        return False
    return True


def cost_of(kept: str) -> int:
    """The cost of an acceptable hash."""
    return int(kept[4:6])


@cache
def decoy(cost: int) -> str:
    """A hash of that cost that no password is known to match: comparing with it takes as long as with any."""
    import bcrypt  # noqa: PLC0415  only servers with passwords need it

    return bcrypt.gensalt(cost).decode() + base62(31)
