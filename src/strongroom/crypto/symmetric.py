"""Authenticated encryption by the names of the wire, with nonces that nobody chooses.

A nonce is drawn here for each message, or, where equal messages shall give equal ciphertexts, computed
from the message and its associated data: so two different messages never share one. No function takes a
nonce, which makes its reuse impossible to ask for.

Sources: AES-GCM: NIST SP 800-38D; ChaCha20-Poly1305: RFC 8439; XChaCha20-Poly1305:
draft-irtf-cfrg-xchacha-03.
"""

from __future__ import annotations

import hmac
import struct
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as StreamCipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from strongroom.crypto import hkdf
from strongroom.crypto.aead import Unopenable
from strongroom.crypto.entropy import random_bytes, take_nonce

TAG_BYTES = 16
_WORDS = struct.Struct("<16I")
_HALF = struct.Struct("<8I")
_QUARTER = struct.Struct("<4I")
_CONSTANTS = _QUARTER.unpack(b"expand 32-byte k")
_ZEROS = bytes(64)


class XChaCha20Poly1305:
    """ChaCha20-Poly1305 with a nonce of 24 bytes, long enough to be drawn at random for ever."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        """Ciphertext and tag."""
        return ChaCha20Poly1305(hchacha20(self._key, nonce[:16])).encrypt(bytes(4) + nonce[16:], data, aad)

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        """The plaintext. Raises InvalidTag."""
        return ChaCha20Poly1305(hchacha20(self._key, nonce[:16])).decrypt(bytes(4) + nonce[16:], data, aad)


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The key that a key and 16 bytes of a nonce give: a ChaCha20 block without its final additions."""
    block = _WORDS.unpack(StreamCipher(ChaCha20(key, nonce), None).encryptor().update(_ZEROS))
    added = (*_CONSTANTS, *_QUARTER.unpack(nonce))
    kept = (*block[:4], *block[12:])
    return _HALF.pack(*((word - start) & 0xFFFFFFFF for word, start in zip(kept, added, strict=True)))


_Primitive = type[AESGCM] | type[ChaCha20Poly1305] | type[XChaCha20Poly1305]

CIPHERS: dict[str, tuple[_Primitive, int, int]] = {
    "aes128-gcm96": (AESGCM, 16, 12),
    "aes256-gcm96": (AESGCM, 32, 12),
    "chacha20-poly1305": (ChaCha20Poly1305, 32, 12),
    "xchacha20-poly1305": (XChaCha20Poly1305, 32, 24),
}
"""Names on the wire; what does it, bytes of a key, bytes of a nonce."""


def key_bytes(cipher: str) -> int:
    """How long the keys of a cipher are."""
    return CIPHERS[cipher][1]


class Sealer:
    """One key of one cipher, set up once. What it seals is nonce, ciphertext, tag."""

    __slots__ = ("_decrypt", "_encrypt", "_nonce_bytes")

    def __init__(self, cipher: str, key: bytes) -> None:
        primitive, size, self._nonce_bytes = CIPHERS[cipher]
        if len(key) != size:
            raise ValueError(f"a key of this cipher has {size} bytes")
        made = primitive(key)
        self._encrypt, self._decrypt = made.encrypt, made.decrypt

    def seal(self, plaintext: bytes, aad: bytes | None) -> bytes:
        """The sealed plaintext; it opens only with the same ``aad``."""
        nonce = take_nonce() if self._nonce_bytes == 12 else random_bytes(self._nonce_bytes)
        return nonce + self._encrypt(nonce, plaintext, aad)

    def open(self, sealed: bytes, aad: bytes | None) -> bytes:
        """The plaintext of what was sealed. Raises Unopenable, for whatever reason."""
        at = self._nonce_bytes
        if len(sealed) < at + TAG_BYTES:
            raise Unopenable
        try:
            return self._decrypt(sealed[:at], sealed[at:], aad)
        except InvalidTag:
            raise Unopenable from None


class ConvergentSealer(Sealer):
    """A key under which equal plaintexts with equal associated data give equal ciphertexts.

    Without associated data the nonce is what Vault's third convergent scheme makes of the plaintext. With
    it, that scheme would use one nonce for several messages, from whose tags an attacker computes the
    authentication key; here the associated data decide on the nonce as well. Who opens reads the nonce from
    the message, so both kinds open everywhere.
    """

    __slots__ = ("_nonce_key", "_other_nonce_key")

    KEYS_BYTES: ClassVar[int] = 64
    """Bytes that are derived besides the key: one nonce key for each of the two kinds of messages."""

    def __init__(self, cipher: str, key: bytes, context: bytes) -> None:
        size = key_bytes(cipher)
        derived = hkdf.derive(key, context, size + self.KEYS_BYTES)
        super().__init__(cipher, derived[:size])
        self._nonce_key, self._other_nonce_key = derived[size : size + 32], derived[size + 32 :]

    def seal(self, plaintext: bytes, aad: bytes | None) -> bytes:
        """The sealed plaintext, the same each time."""
        if aad:
            message = len(aad).to_bytes(8, "big") + aad + plaintext
            code = hmac.digest(self._other_nonce_key, message, "sha256")
        else:
            code = hmac.digest(self._nonce_key, plaintext, "sha256")
        nonce = code[: self._nonce_bytes]
        return nonce + self._encrypt(nonce, plaintext, aad)
