"""The kinds of keys there are, and what each can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strongroom.errors import BadRequest

Family = Literal["aead", "rsa", "ec", "ed25519", "ml-dsa", "hmac", "cmac"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of key. ``size`` is bytes of a symmetric key, bits of an asymmetric one.

    ``number`` is what backups say in place of the name. ``label`` is what a reading calls the public key.
    """

    name: str
    family: Family
    size: int
    number: int
    label: str = ""

    @property
    def encrypts(self) -> bool:
        """Whether it encrypts and decrypts."""
        return self.family in ("aead", "rsa")

    @property
    def signs(self) -> bool:
        """Whether it signs and verifies."""
        return self.family in ("rsa", "ec", "ed25519", "ml-dsa")

    @property
    def derives(self) -> bool:
        """Whether keys for contexts can be derived from it."""
        return self.family in ("aead", "ed25519")

    @property
    def symmetric(self) -> bool:
        """Whether there is but one key, for both ways."""
        return self.family in ("aead", "hmac", "cmac")

    @property
    def slow(self) -> bool:
        """Whether making a key takes so long that it wants a thread of its own."""
        return self.family == "rsa"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("aes256-gcm96", "aead", 32, 0),
        Kind("ecdsa-p256", "ec", 256, 1, "P-256"),
        Kind("ed25519", "ed25519", 0, 2, "ed25519"),
        Kind("rsa-2048", "rsa", 2048, 3, "rsa-2048"),
        Kind("rsa-4096", "rsa", 4096, 4, "rsa-4096"),
        Kind("chacha20-poly1305", "aead", 32, 5),
        Kind("ecdsa-p384", "ec", 384, 6, "P-384"),
        Kind("ecdsa-p521", "ec", 521, 7, "P-521"),
        Kind("aes128-gcm96", "aead", 16, 8),
        Kind("rsa-3072", "rsa", 3072, 9, "rsa-3072"),
        Kind("hmac", "hmac", 0, 10),
        Kind("xchacha20-poly1305", "aead", 32, 11),
        Kind("aes128-cmac", "cmac", 16, 12),
        Kind("aes256-cmac", "cmac", 32, 13),
        Kind("ml-dsa", "ml-dsa", 0, 14, "ml-dsa"),
        Kind("aes192-cmac", "cmac", 24, 16),
    )
}
BY_NUMBER = {kind.number: kind for kind in KINDS.values()}
DEFAULT = "aes256-gcm96"


def named(name: str) -> Kind:
    """The kind of a name. Raises BadRequest."""
    kind = KINDS.get(name)
    if kind is None:
        raise BadRequest(f"unknown key type {name}" if len(name) <= 64 else "unknown key type")
    return kind
