"""A named key: what it may be used for, and its versions, of which the latest stands with it, others alone.

So what a request does with a key costs one row, or two, however often it was rotated. Rows are read in each
request; what is made of them (:mod:`~strongroom.secrets.transit.ready`) is kept by their content.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as item
from typing import TYPE_CHECKING

import msgspec

from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.transit.kind import KINDS, Kind

if TYPE_CHECKING:
    from strongroom.logical import Request

KEYS = "key/"
_VERSIONS = "version/"
WAKE = "rotate/"
"""What a wake for the rotation of a key begins with."""

TOO_OLD = "ciphertext or signature version is disallowed by policy (too old)"
SOFT_DELETED = "refusing to use soft-deleted key"
NO_CONTEXT = (
    "missing 'context' for key derivation; the key was created using a derived key, which means additional,"
    " per-request information must be included in order to perform operations with the key"
)
SHORTEST_PERIOD = 3600
SHORT_PERIOD = "auto rotate period must be 0 to disable or at least an hour"


@dataclass(slots=True, frozen=True)
class Version:
    """The material of one version.

    ``key`` is: the bytes of a symmetric key, seed and public key of Ed25519, the seed of ML-DSA, PKCS #8 of
    other private keys; empty where only ``public`` (SubjectPublicKeyInfo) is known. ``chain`` are
    certificates of its public key, DER.
    """

    created: int
    key: bytes = item(default=b"", repr=False)
    hmac_key: bytes = item(default=b"", repr=False)
    public: bytes = b""
    chain: list[bytes] = item(default_factory=list)


@dataclass(slots=True, frozen=True)
class Key:
    """A named key with its latest version. Periods are seconds, times nanoseconds since the epoch.

    Keys for contexts are derived by HKDF, or, where ``counter_kdf`` says so, by counter mode.
    Of its versions those from ``min_available`` (1 where that is 0) to ``latest`` are stored. ``current`` is
    None only while the key is being made.
    """

    type: str
    latest: int = 1
    current: Version | None = item(default=None, repr=False)
    derived: bool = False
    convergent: bool = False
    counter_kdf: bool = False
    exportable: bool = False
    allow_plaintext_backup: bool = False
    deletion_allowed: bool = False
    soft_deleted: bool = False
    min_decryption: int = 1
    min_encryption: int = 0
    min_available: int = 0
    auto_rotate_period: int = 0
    rotate_at: int = 0
    imported: bool = False
    allow_rotation: bool = False
    key_size: int = 0
    parameter_set: str = ""
    backed_up: int = 0
    backed_up_version: int = 0
    restored: int = 0
    restored_version: int = 0

    @property
    def kind(self) -> Kind:
        """What the key can do."""
        return KINDS[self.type]

    @property
    def oldest(self) -> int:
        """The oldest version that is stored."""
        return self.min_available or 1

    def usable(self) -> Key:
        """The key itself. Raises BadRequest while it is softly deleted."""
        if self.soft_deleted:
            raise BadRequest(SOFT_DELETED)
        return self

    def encrypting(self, wanted: int, doing: str = "encryption") -> int:
        """The version that encrypts or signs where ``wanted`` (0: any) is asked for. Raises BadRequest."""
        if wanted == 0:
            return self.latest
        if wanted < 0:
            raise BadRequest(f"requested version for {doing} is negative")
        if wanted > self.latest:
            raise BadRequest(f"requested version for {doing} is higher than the latest key version")
        if wanted < max(self.min_encryption, self.oldest, 1):
            raise BadRequest(f"requested version for {doing} is less than the minimum encryption key version")
        return wanted

    def decrypting(self, version: int, what: str) -> int:
        """The version that an output names, if it may still be used. Raises BadRequest."""
        if version > self.latest:
            raise BadRequest(f"{what}: version is too new")
        if version < max(self.min_decryption, self.oldest):
            raise BadRequest(TOO_OLD)
        return version

    def scheduled(self, now: int) -> Key:
        """The key with its next rotation set, a period from now."""
        return replace(
            self, rotate_at=now + self.auto_rotate_period * SECOND if self.auto_rotate_period else 0
        )


_encoder = msgspec.json.Encoder()
_key_decoder = msgspec.json.Decoder(Key)
_version_decoder = msgspec.json.Decoder(Version)
decode_key = _key_decoder.decode
decode_version = _version_decoder.decode


def check_period(seconds: int) -> int:
    """A period of automatic rotation that is allowed. Raises BadRequest."""
    if 0 < seconds < SHORTEST_PERIOD:
        raise BadRequest(SHORT_PERIOD)
    return seconds


# -- rows ----------------------------------------------------------------------------------------------


async def find(request: Request, name: str) -> Key | None:
    """The key of a name, or None."""
    blob = await request.view.get(KEYS + name)
    return None if blob is None else decode_key(blob)


async def names(request: Request, after: str, limit: int) -> list[str]:
    """Names of the keys, in order."""
    return await request.view.list(KEYS, after, limit)


def put(request: Request, name: str, key: Key, before: Key | None) -> None:
    """Store a key, and when it wants to be rotated."""
    request.view.put(KEYS + name, _encoder.encode(key))
    old = 0 if before is None else before.rotate_at
    if old and old != key.rotate_at:
        request.let_sleep(old, WAKE + name)
    if key.rotate_at and key.rotate_at != old:
        request.wake_at(key.rotate_at, WAKE + name)


def version_row(name: str, number: int) -> str:
    """Where a version stands: in order, whatever their number."""
    return f"{_VERSIONS}{name}/{number:08x}"


async def version(request: Request, name: str, key: Key, number: int) -> Version:
    """The material of a version that the key says is there."""
    if number == key.latest and key.current is not None:
        return key.current
    blob = await request.view.get(version_row(name, number))
    if blob is None:
        raise BadRequest("the key was changed meanwhile")
    return decode_version(blob)


def put_old(request: Request, name: str, number: int, material: Version) -> None:
    """Store the material of a version that is not the latest."""
    request.view.put(version_row(name, number), _encoder.encode(material))


def succeeded(request: Request, name: str, key: Key, material: Version) -> Key:
    """The key with one more version, to be put; the one that was the latest gets its own row."""
    if key.current is not None:
        put_old(request, name, key.latest, key.current)
    return replace(key, latest=key.latest + 1, current=material)


def put_changed(request: Request, name: str, key: Key, number: int, material: Version) -> None:
    """Store other material for a version that is there."""
    if number == key.latest:
        put(request, name, replace(key, current=material), key)
    else:
        put_old(request, name, number, material)


async def versions(request: Request, name: str, key: Key, first: int, last: int) -> dict[int, Version]:
    """The material of all versions from ``first`` to ``last``."""
    return {number: await version(request, name, key, number) for number in range(first, last + 1)}


def delete_versions(request: Request, name: str, first: int, last: int) -> None:
    """Forget versions for good."""
    for number in range(first, last + 1):
        request.view.delete(version_row(name, number))


def delete(request: Request, name: str, key: Key) -> None:
    """Forget a key for good: nothing that it encrypted can be read any more."""
    request.view.delete(KEYS + name)
    request.view.delete_prefix(f"{_VERSIONS}{name}/")
    if key.rotate_at:
        request.let_sleep(key.rotate_at, WAKE + name)
