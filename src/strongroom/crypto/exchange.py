"""A message for the holder of an X25519 key: a fresh key pair a message, AES-256-GCM under the shared key.

The form is that of the encrypted sinks of Vault's agent; its key is the X25519 secret itself, or HKDF-SHA256
(RFC 5869) of it over both public keys, the smaller one first.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.crypto.aead import KEY_BYTES, NONCE_BYTES, Cipher

PUBLIC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the receiver needs besides his own key."""

    public_key: bytes
    nonce: bytes
    payload: bytes


class UnusableKey(Exception):
    """Not a public key of X25519, or one that gives no secret."""


def seal_for(public_key: bytes, plaintext: bytes, aad: bytes, *, derive: bool) -> Envelope:
    """``plaintext`` for whoever holds the private half of ``public_key``. Raises UnusableKey."""
    ours = X25519PrivateKey.generate()
    mine = ours.public_key().public_bytes_raw()
    sealed = Cipher(_shared(ours, mine, public_key, derive=derive)).seal(plaintext, aad)
    return Envelope(mine, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:])


def open_with(private_key: bytes, envelope: Envelope, aad: bytes, *, derive: bool) -> bytes:
    """The plaintext of an envelope. Raises UnusableKey, or Unopenable."""
    ours = X25519PrivateKey.from_private_bytes(private_key)
    mine = ours.public_key().public_bytes_raw()
    key = _shared(ours, mine, envelope.public_key, derive=derive)
    return Cipher(key).open(envelope.nonce + envelope.payload, aad)


def new_pair() -> tuple[bytes, bytes]:
    """A private key and its public half."""
    made = X25519PrivateKey.generate()
    return made.private_bytes_raw(), made.public_key().public_bytes_raw()


def _shared(ours: X25519PrivateKey, mine: bytes, theirs: bytes, *, derive: bool) -> bytes:
    try:
        secret = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise UnusableKey from None
    if not derive:
        return secret
    low, high = sorted((mine, theirs))
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=low, info=high).derive(secret)
