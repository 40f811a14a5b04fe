"""Digests by their wire names, and keyed digests whose key is absorbed once.

Absorbing a key costs HMAC two of its four compressions; a :class:`KeyedDigest` keeps the states
that follow it and copies them for each message.
"""

from __future__ import annotations

import hashlib
from hmac import digest as _hmac
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hashlib import _Hash

NAMES = {
    "sha2-224": "sha224",
    "sha2-256": "sha256",
    "sha2-384": "sha384",
    "sha2-512": "sha512",
    "sha3-224": "sha3_224",
    "sha3-256": "sha3_256",
    "sha3-384": "sha3_384",
    "sha3-512": "sha3_512",
}
"""Names on the wire (sys/tools/hash, transit/hash) and what hashlib calls them."""

KEYED = NAMES | {"sha1": "sha1"}
"""What an HMAC may be made with: for that, SHA-1 is not broken."""

_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


def digest(name: str, data: bytes) -> bytes:
    """The digest of ``data`` by one of :data:`NAMES`; an unknown name raises KeyError."""
    return hashlib.new(NAMES[name], data).digest()


def hmac(name: str, key: bytes, data: bytes) -> bytes:
    """The HMAC (RFC 2104) of ``data`` by one of :data:`KEYED`; an unknown name raises KeyError."""
    return _hmac(key, data, KEYED[name])


class KeyedDigest(Protocol):
    """A message authentication code under one key."""

    def digest(self, data: bytes) -> bytes:
        """The code of ``data``."""

    def hexdigest(self, data: bytes) -> str:
        """The code of ``data`` in lower-case hex."""


class HmacSha256:
    """HMAC-SHA256 (RFC 2104, FIPS 198-1) under one key."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > 64 else bytes(key)).ljust(64, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def _state(self, data: bytes) -> _Hash:
        inner = self._inner.copy()
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer

    def digest(self, data: bytes) -> bytes:
        """The 32-byte code of ``data``."""
        return self._state(data).digest()

    def hexdigest(self, data: bytes) -> str:
        """The code of ``data`` in lower-case hex. Written out flat: the audit log calls it per value."""
        inner = self._inner.copy()
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class KeyedBlake2b:
    """Keyed BLAKE2b (RFC 7693): faster than HMAC, for codes that nobody outside recomputes.

    The key has 1 to 64 bytes.
    """

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes, size: int = 32) -> None:
        if not key:
            raise ValueError("a keyed digest needs a key")
        self._keyed = hashlib.blake2b(key=key, digest_size=size)

    def digest(self, data: bytes) -> bytes:
        """The code of ``data``, of the size chosen."""
        keyed = self._keyed.copy()
        keyed.update(data)
        return keyed.digest()

    def hexdigest(self, data: bytes) -> str:
        """The code of ``data`` in lower-case hex."""
        return self.digest(data).hex()
