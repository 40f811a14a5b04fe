"""The key of a persistent cache, and how it is kept.

A random key seals the entries. It stands in the same file, sealed in turn with a key derived from the
service account's token, so that the file alone opens nothing. Kubernetes replaces that token from time to
time: then the key is sealed anew.
"""

from __future__ import annotations

from pathlib import Path

from strongroom.crypto.aead import KEY_BYTES, Cipher, Unopenable, new_key
from strongroom.crypto.derivation import derive
from strongroom.crypto.entropy import random_bytes
from strongroom.errors import StrongroomError

_LABEL = b"strongroom agent cache, version 1"
_SALT_BYTES = 16


class KeyUnusable(StrongroomError):
    """The cache's key cannot be had."""


class TokenFile:
    """The file of a service account's token."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen = (0, 0)

    def read(self) -> bytes:
        """The token. Raises KeyUnusable."""
        try:
            self._seen = self._stamp()
            token = self._path.read_bytes().strip()
        except OSError as error:
            raise KeyUnusable(f"the service account's token cannot be read: {error.strerror}") from None
        if not token:
            raise KeyUnusable("the service account's token is empty")
        return token

    def changed(self) -> bool:
        """Whether the file is another than the one that was read."""
        try:
            return self._stamp() != self._seen
        except OSError:
            return False

    def forget(self) -> None:
        """Count the file as another than the one that was read."""
        self._seen = (0, 0)

    def _stamp(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_mtime_ns


def wrap(key: bytes | bytearray, token: bytes) -> bytes:
    """A key as it may stand in a file."""
    salt = random_bytes(_SALT_BYTES)
    return salt + _wrapping(token, salt).seal(bytes(key), _LABEL)


def unwrap(wrapped: bytes, token: bytes) -> bytearray:
    """The key in what :func:`wrap` gave. Raises KeyUnusable."""
    salt = wrapped[:_SALT_BYTES]
    try:
        return bytearray(_wrapping(token, salt).open(wrapped, _LABEL, _SALT_BYTES))
    except Unopenable:
        raise KeyUnusable("the cache was sealed with another service account's token, or changed") from None


def _wrapping(token: bytes, salt: bytes) -> Cipher:
    return Cipher(derive(token, salt=salt, info=_LABEL, length=KEY_BYTES))


__all__ = ["KeyUnusable", "TokenFile", "new_key", "unwrap", "wrap"]
