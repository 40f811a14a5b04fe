"""The barrier: every value in the storage is encrypted with the active data key, bound to its path.

An entry is ``term (4 bytes, big endian) || version (1) || nonce (12) || ciphertext || tag (16)``, with
the storage path as associated data: an entry copied to another path does not open there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strongroom.barrier.keyring import (
    HEADER_BYTES,
    ROOT_KEY_PATH,
    VERSION,
    Keyring,
    RotationConfig,
    Unreadable,
    timestamp,
)
from strongroom.crypto.aead import Cipher, Unopenable, zeroize
from strongroom.errors import Internal, Sealed

_NANOSECOND = 1_000_000_000
_PERSIST_EVERY = 100_000
_PERSIST_AFTER = 600 * _NANOSECOND
"""The counter is stored after so many encryptions or so much time, whichever comes first. A crash
loses at most that many of the 2^31.85 an unlucky key may do, and the limit has room for it."""


class WrongRootKey(Internal):
    """The root key does not open the stored keyring."""


def _unmeasured(_: float) -> None:
    """Nobody wants to know."""


class Barrier:
    """Encrypts and decrypts entries while unlocked. One instance serves one process.

    ``got``, ``put``, ``deleted`` and ``listed`` are told the milliseconds that each such access through a
    view took.
    """

    __slots__ = (
        "_ciphers",
        "_encryptions",
        "_header",
        "_persisted",
        "_persisted_at",
        "_ring",
        "_seal",
        "deleted",
        "got",
        "listed",
        "put",
    )

    def __init__(self) -> None:
        self.got: Callable[[float], None] = _unmeasured
        self.put: Callable[[float], None] = _unmeasured
        self.deleted: Callable[[float], None] = _unmeasured
        self.listed: Callable[[float], None] = _unmeasured
        self._clear()

    def _clear(self) -> None:
        self._ring: Keyring | None = None
        self._seal: Cipher | None = None
        self._ciphers: dict[bytes, Cipher] = {}
        self._header = b""
        self._encryptions = self._persisted = self._persisted_at = 0

    @property
    def sealed(self) -> bool:
        """Whether the data keys are absent from memory."""
        return self._ring is None

    def unlock(self, root_key: bytes | bytearray, keyring: bytes) -> None:
        """Open the stored keyring with the root key; raises :class:`WrongRootKey`."""
        try:
            self.adopt(Keyring.open(root_key, keyring))
        except Unreadable:
            raise WrongRootKey(cause="the root key does not open the stored keyring") from None

    def follow(self, keyring: bytes, root_key: bytes) -> None:
        """Take over what another process changed, from its two rows; the root key may be new too.

        Raises Sealed, or :class:`WrongRootKey` when the rows are of another keyring.
        """
        try:
            ring = Keyring.open(self.ring.root_key, keyring)
        except Unreadable:
            self.unlock(self.decrypt(ROOT_KEY_PATH, root_key), keyring)
        else:
            self.adopt(ring)

    def lock(self) -> None:
        """Forget every key, overwriting what Python lets us reach."""
        if self._ring is not None:
            self._ring.zeroize()
        self._clear()

    def adopt(self, ring: Keyring) -> None:
        """Use ``ring`` from now on. Store its rows durably first.

        Raises Sealed when the barrier was locked since the ring was made: its keys are gone then.
        """
        if ring.wiped:
            raise Sealed
        same_key = self._ring is not None and self._ring.active.term == ring.active.term
        encryptions = max(self._encryptions, ring.active.encryptions) if same_key else ring.active.encryptions
        self._retire(ring)
        self._ring = ring
        self._ciphers = {
            key.term.to_bytes(4, "big") + bytes([VERSION]): Cipher(key.value) for key in ring.keys
        }
        self._header = ring.active.term.to_bytes(4, "big") + bytes([VERSION])
        self._seal = self._ciphers[self._header]
        self._encryptions = encryptions
        self._persisted = ring.active.encryptions

    def succeed(self, ring: Keyring) -> None:
        """Use ``ring``, whose rows are stored, in place of the one in use.

        Nothing when the barrier was locked meanwhile: it must stay so, and the next unseal reads the rows.
        """
        if self._ring is not None:
            self.adopt(ring)

    def _retire(self, successor: Keyring) -> None:
        """Overwrite the previous root key, unless the successor goes on using it."""
        if self._ring is not None and self._ring.root_key is not successor.root_key:
            zeroize(self._ring.root_key)

    def encrypt(self, key: str, plaintext: bytes) -> bytes:
        """The entry to store at ``key``; raises Sealed."""
        cipher = self._seal
        if cipher is None:
            raise Sealed
        self._encryptions += 1
        return self._header + cipher.seal(plaintext, key.encode())

    def decrypt(self, key: str, blob: bytes) -> bytes:
        """What was encrypted for ``key``.

        Raises Sealed, or Internal when the entry is damaged, moved, or of an unknown term.
        """
        cipher = self._ciphers.get(blob[:HEADER_BYTES])
        if cipher is None:
            raise self._unknown(key)
        try:
            return cipher.open(blob, key.encode(), HEADER_BYTES)
        except Unopenable:
            raise Internal(cause=f"the entry at {key!r} is damaged or was moved there") from None

    def _unknown(self, key: str) -> Sealed | Internal:
        if self._ring is None:
            return Sealed()
        return Internal(cause=f"the entry at {key!r} names a term that the keyring does not have")

    @property
    def ring(self) -> Keyring:
        """The keyring with its counter up to date; raises Sealed."""
        if self._ring is None:
            raise Sealed
        return self._ring.counted(self._encryptions)

    def status(self) -> dict[str, Any]:
        """What sys/key-status answers: the active term, since when, and its encryptions."""
        active = self.ring.active
        return {
            "term": active.term,
            "install_time": timestamp(active.installed),
            "encryptions": active.encryptions,
        }

    @property
    def rotation(self) -> RotationConfig:
        """When the active key retires by itself; raises Sealed."""
        return self.ring.rotation

    def should_rotate(self, now: int) -> bool:
        """Whether the active key is due to retire at ``now`` (nanoseconds since the epoch)."""
        if self._ring is None or not self._ring.rotation.enabled:
            return False
        rotation = self._ring.rotation
        if self._encryptions >= rotation.max_operations:
            return True
        age = now - self._ring.active.installed
        return rotation.interval > 0 and age >= rotation.interval * _NANOSECOND

    def should_persist(self, now: int) -> bool:
        """Whether the stored counter is too old; then store :attr:`ring` and call :meth:`persisted`."""
        fresh = self._encryptions - self._persisted
        if self._ring is None or fresh == 0:
            return False
        return fresh >= _PERSIST_EVERY or now - self._persisted_at >= _PERSIST_AFTER

    def persisted(self, ring: Keyring, now: int) -> None:
        """The rows of ``ring`` (from :attr:`ring`) are stored: note how far the counter got."""
        self._persisted = ring.active.encryptions
        self._persisted_at = now
