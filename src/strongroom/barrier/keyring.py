"""The keyring: the data keys, one per term, and the root key that encrypts the ring at rest.

A keyring is a value: rotation and re-rooting give a new one, which the barrier adopts once the
rows that :meth:`Keyring.rows` gives are durable. Old terms stay, so that old entries stay readable.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from strongroom.crypto.aead import Cipher, Unopenable, new_key, zeroize
from strongroom.errors import Sealed

KEYRING_PATH = "core/keyring"
ROOT_KEY_PATH = "core/root-key"

HEADER_BYTES = 5
VERSION = 2
"""Entries of version 2 are bound to their storage path; nothing else was ever written."""

_RING_HEADER = (1).to_bytes(4, "big") + bytes([VERSION])
"""The ring itself is encrypted with the root key, under the fixed term 1."""

MAX_OPERATIONS = 3_865_470_566
"""2^31.85: beyond it random nonces would repeat with more than the odds NIST SP 800-38D allows."""

MIN_OPERATIONS = 1_000_000
MIN_INTERVAL = 24 * 3600


class Unreadable(Exception):
    """This is not the row of a keyring under this root key."""


@dataclass(frozen=True, slots=True)
class RotationConfig:
    """When a new term starts by itself: after ``max_operations`` encryptions or ``interval`` seconds.

    An ``interval`` of 0 means never by time.
    """

    enabled: bool = True
    max_operations: int = MAX_OPERATIONS
    interval: int = 0


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one term. ``installed`` is in nanoseconds since the epoch."""

    term: int
    value: bytearray = field(repr=False)
    installed: int
    encryptions: int = 0


@dataclass(frozen=True, slots=True)
class Keyring:
    """All terms and the root key."""

    root_key: bytearray = field(repr=False)
    keys: tuple[DataKey, ...]
    rotation: RotationConfig = field(default_factory=RotationConfig)

    @classmethod
    def create(cls, root_key: bytes | bytearray, now: int) -> Keyring:
        """A first ring, with one new key of term 1."""
        return cls(bytearray(root_key), (DataKey(1, new_key(), now),))

    @property
    def active(self) -> DataKey:
        """The key that encrypts; all others only decrypt."""
        return self.keys[-1]

    @property
    def wiped(self) -> bool:
        """Whether :meth:`zeroize` was called on this ring or one that shares its keys."""
        return not all(any(secret) for secret in (self.root_key, *(key.value for key in self.keys)))

    def rotated(self, now: int) -> Keyring:
        """With a new term on top."""
        return replace(self, keys=(*self.keys, DataKey(self.active.term + 1, new_key(), now)))

    def rooted(self, root_key: bytes | bytearray) -> Keyring:
        """Under another root key."""
        return replace(self, root_key=bytearray(root_key))

    def configured(self, rotation: RotationConfig) -> Keyring:
        """With another rotation policy."""
        return replace(self, rotation=rotation)

    def counted(self, encryptions: int) -> Keyring:
        """With the active key's counter set."""
        return replace(self, keys=(*self.keys[:-1], replace(self.active, encryptions=encryptions)))

    def rows(self) -> dict[str, bytes]:
        """The rows to store, encrypted.

        The second row holds the root key under the active data key: a process that still has the
        previous root key but knows the data keys finds the new one there. Raises Sealed when the
        ring was wiped: zero keys must never reach the storage.
        """
        if self.wiped:
            raise Sealed
        ring = _RING_HEADER + Cipher(self.root_key).seal(self._dump(), KEYRING_PATH.encode())
        active = self.active
        header = active.term.to_bytes(4, "big") + bytes([VERSION])
        root = header + Cipher(active.value).seal(bytes(self.root_key), ROOT_KEY_PATH.encode())
        return {KEYRING_PATH: ring, ROOT_KEY_PATH: root}

    @classmethod
    def open(cls, root_key: bytes | bytearray, sealed: bytes) -> Keyring:
        """The ring of a stored row; raises :class:`Unreadable`."""
        if sealed[:HEADER_BYTES] != _RING_HEADER:
            raise Unreadable
        try:
            plain = Cipher(root_key).open(sealed, KEYRING_PATH.encode(), HEADER_BYTES)
            return cls._load(orjson.loads(plain))
        except (Unopenable, ValueError, KeyError, TypeError):
            raise Unreadable from None

    def zeroize(self) -> None:
        """Overwrite every key. Rings made from one another share the buffers."""
        zeroize(self.root_key)
        for key in self.keys:
            zeroize(key.value)

    def _dump(self) -> bytes:
        rotation = self.rotation
        return orjson.dumps(
            {
                "MasterKey": base64.b64encode(self.root_key).decode("ascii"),
                "Keys": [_dump_key(key) for key in self.keys],
                "RotationConfig": {
                    "Disabled": not rotation.enabled,
                    "MaxOperations": rotation.max_operations,
                    "Interval": rotation.interval * 1_000_000_000,
                },
            }
        )

    @classmethod
    def _load(cls, record: dict[str, Any]) -> Keyring:
        keys = sorted((_load_key(key) for key in record["Keys"]), key=lambda key: key.term)
        if not keys:
            raise Unreadable
        rotation = record["RotationConfig"]
        return cls(
            bytearray(base64.b64decode(record["MasterKey"], validate=True)),
            tuple(keys),
            RotationConfig(
                not rotation["Disabled"],
                rotation["MaxOperations"],
                rotation["Interval"] // 1_000_000_000,
            ),
        )


def timestamp(nanoseconds: int) -> str:
    """RFC 3339 in UTC with nine decimals, the wire's form, of nanoseconds since the epoch."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def _nanoseconds(text: str) -> int:
    moment, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def _dump_key(key: DataKey) -> dict[str, Any]:
    return {
        "Term": key.term,
        "Version": 1,
        "Value": base64.b64encode(key.value).decode("ascii"),
        "InstallTime": timestamp(key.installed),
        "encryptions": key.encryptions,
    }


def _load_key(record: dict[str, Any]) -> DataKey:
    return DataKey(
        record["Term"],
        bytearray(base64.b64decode(record["Value"], validate=True)),
        _nanoseconds(record["InstallTime"]),
        record["encryptions"],
    )
