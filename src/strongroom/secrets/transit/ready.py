"""Key material made ready to work with, and a cache of it by the content of the rows it was made from.

A row that has changed has other bytes, so what the cache gives is never older than what a request has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from strongroom.crypto import counter_kdf, hkdf, private_key, signature
from strongroom.crypto.symmetric import ConvergentSealer, Sealer, key_bytes
from strongroom.errors import BadRequest
from strongroom.secrets.transit.key import (
    KEYS,
    NO_CONTEXT,
    Key,
    Version,
    decode_key,
    decode_version,
    version_row,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.logical import Request

T = TypeVar("T")
USUAL_SIZE = 2048
"""Rows that are kept where no one says otherwise."""


class Ready:
    """One version of a key. What it takes to work is made at the first use."""

    __slots__ = ("_private", "_public", "_sealer", "key", "material")

    def __init__(self, key: Key, material: Version) -> None:
        self.key, self.material = key, material
        self._sealer: Sealer | None = None
        self._private: signature.Private | None = None
        self._public: signature.Public | None = None

    def serves(self, key: Key) -> bool:
        """Whether what was made holds for this key, too: all that it depends on is the same."""
        own = self.key
        same = own.type == key.type and own.derived == key.derived
        same = same and own.convergent == key.convergent and own.counter_kdf == key.counter_kdf
        return same and own.parameter_set == key.parameter_set

    def sealer(self, context: bytes) -> Sealer:
        """What encrypts, for a context where the key is derived. Raises BadRequest without one."""
        key = self.key
        if not key.derived:
            if self._sealer is None:
                self._sealer = Sealer(key.type, self.material.key)
            return self._sealer
        if not context:
            raise BadRequest(NO_CONTEXT)
        if key.convergent:
            return ConvergentSealer(key.type, self.material.key, context)
        size = key_bytes(key.type)
        if key.counter_kdf:
            return Sealer(key.type, counter_kdf.derive(self.material.key, context)[:size])
        return Sealer(key.type, hkdf.derive(self.material.key, context, size))

    def private(self, context: bytes = b"") -> signature.Private | None:
        """The private key, for a context where it is derived; None where only the public one is known."""
        if self.key.derived:
            return ed25519_key(self._derived_seed(context))
        if self._private is None and self.material.key:
            self._private = self._load()
        return self._private

    def public(self, context: bytes = b"") -> signature.Public:
        """The public key, for a context where it is derived."""
        if self._public is not None and not self.key.derived:
            return self._public
        private = self.private(context)
        if private is None:
            public: signature.Public = private_key.load_public(self.material.public)
        else:
            public = private.public_key()
        if not self.key.derived:
            self._public = public
        return public

    def _derived_seed(self, context: bytes) -> bytes:
        if not context:
            raise BadRequest(NO_CONTEXT)
        return hkdf.derive(self.material.key, context, 32)

    def _load(self) -> signature.Private:
        family, material = self.key.kind.family, self.material.key
        if family == "ed25519":
            return ed25519_key(material[:32])
        if family == "ml-dsa":
            return signature.mldsa_from_seed(self.key.parameter_set, material)
        return private_key.load_own(material)


def ed25519_key(seed: bytes) -> signature.Private:
    """The Ed25519 key of a seed."""
    return private_key.ed25519_from_seed(seed)


class Ring(Generic[T]):
    """What was made of rows, by their bytes; the oldest go when there is no room."""

    __slots__ = ("_made", "size")

    def __init__(self) -> None:
        self._made: dict[bytes, T] = {}
        self.size = USUAL_SIZE

    def get(self, blob: bytes, make: Callable[[bytes], T]) -> T:
        """What ``make`` makes of the bytes, made once."""
        made = self._made.get(blob)
        if made is None:
            while len(self._made) >= self.size:
                del self._made[next(iter(self._made))]
            made = self._made[blob] = make(blob)
        return made

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()


class Rings:
    """The caches of one mount: keys, and versions of them."""

    __slots__ = ("_current", "_keys", "_versions")

    def __init__(self) -> None:
        self._keys: Ring[Key] = Ring()
        self._current: dict[int, Ready] = {}
        self._versions: Ring[Ready] = Ring()

    async def find(self, request: Request, name: str) -> Key | None:
        """The key of a name, or None."""
        blob = await request.view.get(KEYS + name)
        return None if blob is None else self._keys.get(blob, decode_key)

    async def version(self, request: Request, name: str, key: Key, number: int) -> Ready:
        """A version of a key, ready."""
        current = self.current(key)
        if number == key.latest and current is not None:
            return current
        blob = await request.view.get(version_row(name, number))
        if blob is None:
            raise BadRequest("the key was changed meanwhile")
        ready = self._versions.get(blob, lambda row: Ready(key, decode_version(row)))
        if ready.key is key or ready.serves(key):
            return ready
        return Ready(key, ready.material)  # the same bytes in another key, which a backup can hold

    def current(self, key: Key) -> Ready | None:
        """The version that stands with the key, found by the very object that the key's row gave."""
        if key.current is None:
            return None
        ready = self._current.get(id(key))
        if ready is None or ready.key is not key:
            if len(self._current) >= self._keys.size:
                self._current.clear()
            ready = self._current[id(key)] = Ready(key, key.current)
        return ready

    def resize(self, size: int) -> None:
        """Keep as many rows of each kind as ``size`` says, 0 being the usual number."""
        self._keys.size = self._versions.size = size or USUAL_SIZE

    def clear(self) -> None:
        """Forget all: keys have been deleted, or the server seals."""
        self._keys.clear()
        self._current.clear()
        self._versions.clear()
