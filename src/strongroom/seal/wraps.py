"""Wraps: the root key, encrypted several times over, by keys that know nothing of one another.

Each wrap is a row ``core/wraps/<name>``; any one of them unseals the server, and they are added and
removed while it runs. The associated data names the row, the type and the key, so a wrap put into
another row, or relabelled, does not open.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from strongroom.crypto.aead import Cipher, Unopenable

WRAPS_PREFIX = "core/wraps/"


class Sealer(Protocol):
    """What wraps a key: Shamir's combined key, a static key, a key in a KMS or HSM."""

    @property
    def type(self) -> str:
        """``shamir``, ``static``, ``awskms``, ..."""

    async def encrypt(self, plaintext: bytes, aad: bytes) -> tuple[str, bytes]:
        """The ID of the key that was used, and the ciphertext."""

    async def decrypt(self, key_id: str, ciphertext: bytes, aad: bytes) -> bytes:
        """The plaintext; raises :class:`~strongroom.crypto.aead.Unopenable`."""


class ShamirKey:
    """The key that the shares combine to."""

    type = "shamir"

    def __init__(self, key: bytes | bytearray) -> None:
        """Raises :class:`Unopenable` for a key that, by its length, never wrapped anything."""
        try:
            self._cipher = Cipher(key)
        except ValueError:
            raise Unopenable from None

    async def encrypt(self, plaintext: bytes, aad: bytes) -> tuple[str, bytes]:
        """Shamir keys have no ID: who holds the shares knows which they are."""
        return "", self._cipher.seal(plaintext, aad)

    async def decrypt(self, key_id: str, ciphertext: bytes, aad: bytes) -> bytes:
        """The plaintext; raises :class:`Unopenable`."""
        del key_id
        return self._cipher.open(ciphertext, aad)


@dataclass(frozen=True, slots=True)
class Wrap:
    """One encrypted copy of a key, stored at ``path``."""

    path: str
    type: str
    key_id: str
    ciphertext: bytes = field(repr=False)

    @classmethod
    async def make(cls, path: str, sealer: Sealer, key: bytes | bytearray) -> Wrap:
        """``key`` wrapped by ``sealer``, to be stored at ``path``."""
        key_id, ciphertext = await sealer.encrypt(bytes(key), _aad(path, sealer.type))
        return cls(path, sealer.type, key_id, ciphertext)

    async def open(self, sealer: Sealer) -> bytes:
        """The key; raises :class:`Unopenable`."""
        if sealer.type != self.type:
            raise Unopenable
        return await sealer.decrypt(self.key_id, self.ciphertext, _aad(self.path, self.type))

    def dump(self) -> bytes:
        """The row, in plain JSON around the ciphertext."""
        return orjson.dumps(
            {
                "type": self.type,
                "key_id": self.key_id,
                "ciphertext": base64.b64encode(self.ciphertext).decode("ascii"),
            }
        )

    @classmethod
    def load(cls, path: str, row: bytes) -> Wrap:
        """The wrap stored at ``path``; raises ValueError or KeyError when the row is damaged."""
        record = orjson.loads(row)
        ciphertext = base64.b64decode(record["ciphertext"], validate=True)
        return cls(path, record["type"], record["key_id"], ciphertext)


def _aad(path: str, kind: str) -> bytes:
    return f"{path}\0{kind}".encode()
