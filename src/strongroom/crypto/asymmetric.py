"""Short messages encrypted for the holder of an RSA key: OAEP with SHA-256 (RFC 8017)."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from strongroom.crypto.keywrap import oaep


def encrypt(key: Any, plaintext: bytes) -> bytes:
    """The ciphertext. Raises ValueError for a message that is too long, or a key that does not encrypt."""
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("this key does not encrypt")  # noqa: TRY004  one error for what cannot be done
    return key.encrypt(plaintext, oaep("SHA256"))


def decrypt(key: Any, ciphertext: bytes) -> bytes:
    """The message. Raises ValueError, for whatever reason."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("this key does not decrypt")  # noqa: TRY004  one error for what cannot be done
    return key.decrypt(ciphertext, oaep("SHA256"))
