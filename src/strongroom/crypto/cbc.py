"""AES-256 in CBC mode with PKCS #7 padding. It hides, and proves nothing: for texts that others made so.

What Strongroom keeps itself is sealed with :mod:`strongroom.crypto.aead`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from strongroom.crypto.entropy import random_bytes

KEY_BYTES = 32
BLOCK_BYTES = 16


def encrypt(key: bytes, plain: bytes) -> bytes:
    """A random first block, and the text behind it."""
    padder = PKCS7(BLOCK_BYTES * 8).padder()
    start = random_bytes(BLOCK_BYTES)
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(start)).encryptor()
    padded = padder.update(plain) + padder.finalize()
    return start + encryptor.update(padded) + encryptor.finalize()


def decrypt(key: bytes, sealed: bytes) -> bytes:
    """The text. ValueError for what was not encrypted so."""
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(sealed[:BLOCK_BYTES])).decryptor()
    padded = decryptor.update(sealed[BLOCK_BYTES:]) + decryptor.finalize()
    unpadder = PKCS7(BLOCK_BYTES * 8).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
