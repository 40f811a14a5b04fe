"""Random bytes, identifiers and tokens from pooled operating-system entropy.

One system call fetches many values. A pool is a list of ready pieces, and a piece is taken with
``list.pop``, which is atomic: two threads never get the same bytes, which for AES-GCM nonces would
be fatal. A forked child drops every pool, so that parent and child never share one either.
"""

from __future__ import annotations

import os
import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

_POOLED_PIECES = 256
_FOLD = bytes(ord(BASE62[byte % 62]) for byte in range(256))
_BIASED = bytes(range(248, 256))
"""Bytes from 248 on are dropped: 248 is the largest multiple of 62 that fits in a byte."""


class Pool:
    """Fresh random pieces of ``size`` bytes each, every one given out once."""

    __slots__ = ("_pieces", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._pieces: list[bytes] = []

    def take(self) -> bytes:
        """The next piece."""
        try:
            return self._pieces.pop()
        except IndexError:
            return self._refill()

    def drop(self) -> None:
        """Forget what is pooled."""
        self._pieces = []

    def _refill(self) -> bytes:
        size = self._size
        fresh = os.urandom(size * _POOLED_PIECES)
        pieces = [fresh[at : at + size] for at in range(0, len(fresh), size)]
        first = pieces.pop()
        self._pieces = pieces
        return first


_nonces = Pool(12)
_words = Pool(16)
_lines = Pool(32)

take_nonce = _nonces.take
"""A fresh 96-bit nonce."""


def _forget() -> None:
    for pool in (_nonces, _words, _lines):
        pool.drop()


os.register_at_fork(after_in_child=_forget)


def random_bytes(count: int) -> bytes:
    """``count`` bytes of cryptographic randomness."""
    if count == 32:
        return _lines.take()
    if count == 16:
        return _words.take()
    return os.urandom(count)


def base62(length: int) -> str:
    """``length`` characters, each of the 62 equally likely (5.95 bits a character)."""
    text = b""
    while len(text) < length:
        text += _lines.take().translate(_FOLD, _BIASED)
    return text[:length].decode("ascii")


ORDER = 4
"""How many characters in front of an :func:`ordered` text tell its time."""

_TICK = 8_000_000  # nanoseconds: a tick holds about as many logins as share a page of storage
_PAIRS = tuple(high + low for high in BASE62 for low in BASE62)


def ordered(now: int, length: int) -> str:
    """As :func:`base62`, but texts of one time (nanoseconds since the epoch) are neighbours in their order.

    Rows named by such texts are written side by side, so that many new ones together change few pages of a
    large tree. The first :data:`ORDER` characters count ticks of 8 ms, and start again after 33 hours; the
    others are random.
    """
    high, low = divmod(now // _TICK % len(_PAIRS) ** 2, len(_PAIRS))
    return _PAIRS[high] + _PAIRS[low] + base62(length - ORDER)


def uuid4_str() -> str:
    """A random UUID, version 4 of RFC 9562, in lower case."""
    word = _words.take()
    digits = word.hex()
    variant = "89ab"[word[8] & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
