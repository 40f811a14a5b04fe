"""Keys on their way between systems: wrapped by AES-KWP (RFC 5649), by a key under RSA-OAEP (RFC 8017).

The form is that of PKCS #11's CKM_RSA_AES_KEY_WRAP: the encrypted AES key, then the wrapped one.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from strongroom.crypto.entropy import random_bytes

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA1": hashes.SHA1,  # in OAEP nothing depends on that nobody finds collisions
    "SHA224": hashes.SHA224,
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
"""What OAEP may hash with, by the names of the wire."""
LONGEST = 16_384
"""Bytes that a wrapped key may have; an RSA-4096 key has some 2,400."""


class Unwrappable(Exception):
    """The bytes are no key that was wrapped for this key."""


def oaep(name: str) -> padding.OAEP:
    """OAEP with one of :data:`HASHES`, without label."""
    algorithm = HASHES[name]
    return padding.OAEP(padding.MGF1(algorithm()), algorithm(), None)


def wrap(destination: rsa.RSAPublicKey, key: bytes, hash_name: str) -> bytes:
    """The key, for the holder of the private half alone."""
    passing = random_bytes(32)
    return destination.encrypt(passing, oaep(hash_name)) + aes_key_wrap_with_padding(passing, key)


def unwrap(own: rsa.RSAPrivateKey, wrapped: bytes, hash_name: str) -> bytes:
    """The key that was wrapped. Raises Unwrappable, for whatever reason."""
    size = (own.key_size + 7) // 8
    if not size + 16 <= len(wrapped) <= size + LONGEST:
        raise Unwrappable
    try:
        passing = own.decrypt(wrapped[:size], oaep(hash_name))
        return aes_key_unwrap_with_padding(passing, wrapped[size:])
    except (ValueError, InvalidUnwrap):
        raise Unwrappable from None
