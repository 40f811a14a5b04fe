"""Authenticated encryption: AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces.

With random nonces one key stays safe for about 2^32 messages; the keyring rotates before that.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.crypto.entropy import random_bytes, take_nonce

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class Unopenable(Exception):
    """The bytes were not sealed with this key for this place, or were changed since."""


class Cipher:
    """One AES-256 key, set up once. Safe to share between threads."""

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, key: bytes | bytearray) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"an AES-256 key has {KEY_BYTES} bytes")
        gcm = AESGCM(key)
        self._encrypt, self._decrypt = gcm.encrypt, gcm.decrypt

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """``nonce || ciphertext || tag``; opens only with the same ``aad``."""
        nonce = take_nonce()
        return nonce + self._encrypt(nonce, plaintext, aad)

    def open(self, sealed: bytes, aad: bytes, at: int = 0) -> bytes:
        """The plaintext of what :meth:`seal` gave; ``sealed`` starts at offset ``at``.

        Raises :class:`Unopenable`.
        """
        body = at + NONCE_BYTES
        if len(sealed) < body + TAG_BYTES:
            raise Unopenable
        try:
            return self._decrypt(sealed[at:body], sealed[body:], aad)
        except InvalidTag:
            raise Unopenable from None


def new_key() -> bytearray:
    """A random AES-256 key, in memory that :func:`zeroize` can overwrite."""
    return bytearray(random_bytes(KEY_BYTES))


def zeroize(secret: bytearray) -> None:
    """Overwrite ``secret`` in place.

    Best effort: copies that CPython or OpenSSL made on the way are out of reach.
    """
    secret[:] = bytes(len(secret))
