"""The static seal: a key from the configuration, a file or the environment unseals by itself.

For places where something outside (a systemd credential, a mounted Kubernetes secret) already
guards a file as well as a KMS would guard a key.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path

from strongroom.crypto.aead import KEY_BYTES, Cipher, Unopenable

_OPTIONS = {
    "current_key_id",
    "current_key",
    "previous_key_id",
    "previous_key",
    "disabled",
    "name",
    "priority",
}


class BadSealConfiguration(ValueError):
    """The seal stanza cannot be used; the words name the option, never its value."""


class StaticSeal:
    """Wraps with ``current``, opens with ``current`` or ``previous``; keys by their IDs."""

    type = "static"

    def __init__(self, current: tuple[str, bytes], previous: tuple[str, bytes] | None = None) -> None:
        self._current_id, key = current
        self._ciphers = {} if previous is None else {previous[0]: Cipher(previous[1])}
        self._ciphers[self._current_id] = Cipher(key)

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> StaticSeal:
        """The seal of a ``seal "static"`` stanza; raises :class:`BadSealConfiguration`."""
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            raise BadSealConfiguration(f'seal "static" has no option {", ".join(unknown)}')
        current = _key_pair(options, "current_key")
        if current is None:
            raise BadSealConfiguration('seal "static" needs current_key_id and current_key')
        previous = _key_pair(options, "previous_key")
        if previous is not None and previous[0] == current[0]:
            raise BadSealConfiguration("current_key_id and previous_key_id must differ")
        return cls(current, previous)

    async def encrypt(self, plaintext: bytes, aad: bytes) -> tuple[str, bytes]:
        """Always with the current key."""
        return self._current_id, self._ciphers[self._current_id].seal(
            plaintext, self._bound(self._current_id, aad)
        )

    async def decrypt(self, key_id: str, ciphertext: bytes, aad: bytes) -> bytes:
        """With the key of that ID; raises :class:`Unopenable`, also for an unknown ID."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unopenable
        return cipher.open(ciphertext, self._bound(key_id, aad))

    @staticmethod
    def _bound(key_id: str, aad: bytes) -> bytes:
        return aad + b"\0" + key_id.encode()


def _key_pair(options: Mapping[str, str], name: str) -> tuple[str, bytes] | None:
    key_id, reference = options.get(f"{name}_id", ""), options.get(name, "")
    if not key_id and not reference:
        return None
    if not key_id or not reference:
        raise BadSealConfiguration(f"{name} and {name}_id belong together")
    return key_id, read_key(reference, name)


def read_key(reference: str, name: str) -> bytes:
    """The 32 bytes that ``reference`` means: ``file://path``, ``env://VARIABLE``, or the key itself.

    A key is 32 raw bytes, 64 hex digits, or base64. Raises :class:`BadSealConfiguration`.
    """
    try:
        octets = _dereference(reference)
    except (OSError, KeyError) as error:
        raise BadSealConfiguration(f"{name} cannot be read: {type(error).__name__}") from None
    for candidate in (octets, octets.strip()):
        key = _decode(candidate)
        if key is not None:
            return key
    raise BadSealConfiguration(f"{name} must be {KEY_BYTES} bytes, raw, in hex or in base64")


def _dereference(reference: str) -> bytes:
    if reference.startswith("file://"):
        return Path(reference.removeprefix("file://")).read_bytes()
    if reference.startswith("env://"):
        return os.environb[reference.removeprefix("env://").encode()]
    return reference.encode()


def _decode(octets: bytes) -> bytes | None:
    if len(octets) == KEY_BYTES:
        return octets
    try:
        decoded = binascii.unhexlify(octets) if len(octets) == 2 * KEY_BYTES else _base64(octets)
    except ValueError:
        return None
    return decoded if len(decoded) == KEY_BYTES else None


def _base64(octets: bytes) -> bytes:
    padded = octets + b"=" * (-len(octets) % 4)
    return base64.b64decode(padded, altchars=b"-_" if set(octets) & set(b"-_") else None, validate=True)
