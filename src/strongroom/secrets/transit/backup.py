"""Backups: a key with all its versions as one text, in the form that Vault and OpenBao exchange.

Source of the form: backups that the peer made. It is base64 of a JSON object; Go's names of its members and
its zero times are part of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom import codec
from strongroom.clock import parse_rfc3339, rfc3339
from strongroom.crypto import private_key
from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request
from strongroom.secrets.transit import key as rows
from strongroom.secrets.transit import wire
from strongroom.secrets.transit.creation import SHORTEST_HMAC, check
from strongroom.secrets.transit.description import public_text
from strongroom.secrets.transit.importing import checked
from strongroom.secrets.transit.key import Key, Version
from strongroom.secrets.transit.kind import BY_NUMBER, Kind

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

LONGEST = 16 * 1024 * 1024
_ZERO_TIME = "0001-01-01T00:00:00Z"
_COUNTER, _HKDF = 0, 1
_CONVERGENT_VERSION = 3
_MOST_VERSIONS = 100_000
_VAULTS_HMAC = 11
_UNREADABLE = "this is no backup of a key"


class _Entry(msgspec.Struct):
    """A version in a backup. Integers have any length."""

    key: str | None = None
    hmac_key: str | None = None
    time: str = _ZERO_TIME
    ec_x: Any = None
    ec_y: Any = None
    ec_d: Any = None
    rsa_key: dict[str, Any] | None = None
    rsa_public_key: dict[str, Any] | None = None
    public_key: str = ""
    convergent_version: int = 0
    creation_time: int = 0
    certificate_chain: list[str] | None = None
    external_key_ref: str = ""


class _Info(msgspec.Struct):
    """When a key was backed up or restored."""

    time: str
    version: int


class _Policy(msgspec.Struct):
    """A key in a backup."""

    name: str
    keys: dict[str, _Entry]
    latest_version: int
    type: int
    key_size: int = 0
    derived: bool = False
    kdf: int = 0
    convergent_encryption: bool = False
    exportable: bool = False
    min_decryption_version: int = 1
    min_encryption_version: int = 0
    archive_version: int = 0
    archive_min_version: int = 0
    min_available_version: int = 0
    deletion_allowed: bool = False
    convergent_version: int = 0
    backup_info: _Info | None = None
    restore_info: _Info | None = None
    allow_plaintext_backup: bool = False
    version_template: str = ""
    storage_prefix: str = ""
    auto_rotate_period: int = 0
    imported: bool = msgspec.field(default=False, name="Imported")
    allow_rotation: bool = msgspec.field(default=False, name="AllowImportedKeyRotation")
    soft_deleted: bool = False
    parameter_set: str = ""


class _Archive(msgspec.Struct):
    """All versions of a key, from that of the policy's ``archive_min_version`` on."""

    keys: list[_Entry]


class _Document(msgspec.Struct):
    """A backup."""

    policy: _Policy
    archived_keys: _Archive


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Document).decode


class Backup(Path):
    """A key with all its versions, in clear, for another place."""

    pattern = "backup/{name}"
    reads_write = True
    name: str = field("Name of the key. It must be exportable and allow backups in clear.")

    async def read(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The backup. Who has it has the key."""
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest(f'key "{self.name}" not found')
        if not key.usable().exportable:
            raise BadRequest("exporting is disallowed on the policy")
        if not key.allow_plaintext_backup:
            raise BadRequest("plaintext backup is disallowed on the policy")
        noted = replace(key, backed_up=request.now, backed_up_version=key.latest)
        rows.put(request, self.name, noted, key)
        found = await rows.versions(request, self.name, key, key.oldest, key.latest)
        return {"backup": wire.encode(_encode(document(self.name, noted, found)))}


def document(name: str, key: Key, found: dict[int, Version]) -> _Document:
    """The backup of a key with these versions."""
    entries = {number: _entry(key, material) for number, material in found.items()}
    kept = {str(number): entry for number, entry in entries.items() if number >= key.min_decryption}
    archive = list(entries.values())
    if not key.min_available:
        archive.insert(0, _Entry())
    policy = _Policy(
        name=name,
        key_size=key.key_size,
        keys=kept,
        latest_version=key.latest,
        type=key.kind.number,
        derived=key.derived,
        kdf=_HKDF if key.derived and not key.counter_kdf else _COUNTER,
        convergent_encryption=key.convergent,
        exportable=key.exportable,
        min_decryption_version=key.min_decryption,
        min_encryption_version=key.min_encryption,
        archive_version=key.latest,
        archive_min_version=key.min_available,
        min_available_version=key.min_available,
        deletion_allowed=key.deletion_allowed,
        convergent_version=-1 if key.convergent else 0,
        backup_info=_Info(rfc3339(key.backed_up), key.backed_up_version) if key.backed_up else None,
        restore_info=_Info(rfc3339(key.restored), key.restored_version) if key.restored else None,
        allow_plaintext_backup=key.allow_plaintext_backup,
        auto_rotate_period=key.auto_rotate_period * SECOND,
        imported=key.imported,
        allow_rotation=key.allow_rotation,
        soft_deleted=key.soft_deleted,
        parameter_set=key.parameter_set,
    )
    return _Document(policy, _Archive(archive))


def _entry(key: Key, material: Version) -> _Entry:
    family = key.kind.family
    entry = _Entry(
        hmac_key=wire.encode(material.hmac_key),
        time=rfc3339(material.created),
        creation_time=material.created // SECOND,
        convergent_version=_CONVERGENT_VERSION if key.convergent else 0,
        certificate_chain=[wire.encode(der) for der in material.chain] or None,
    )
    if family not in ("rsa", "ec"):
        entry.key = wire.encode(material.key)
    if family in ("ec", "ed25519") and not key.derived:
        entry.public_key = public_text(key, material)
    if family == "rsa":
        _put_rsa(entry, material)
    elif family == "ec":
        _put_ec(entry, material)
    return entry


def _put_rsa(entry: _Entry, material: Version) -> None:
    if not material.key:
        modulus, exponent = private_key.rsa_public_numbers(private_key.load_public(material.public))
        entry.rsa_public_key = {"N": modulus, "E": exponent}
        return
    numbers = private_key.rsa_numbers(private_key.load_own(material.key))
    entry.rsa_key = {
        "N": numbers.modulus,
        "E": numbers.exponent,
        "D": numbers.private,
        "Primes": list(numbers.primes),
        "Precomputed": {
            "Dp": numbers.remainders[0],
            "Dq": numbers.remainders[1],
            "Qinv": numbers.inverse,
            "CRTValues": [],
        },
    }


def _put_ec(entry: _Entry, material: Version) -> None:
    if material.key:
        entry.ec_d, entry.ec_x, entry.ec_y = private_key.ec_numbers(private_key.load_own(material.key))
    else:
        entry.ec_x, entry.ec_y = private_key.ec_public_numbers(private_key.load_public(material.public))


class Restore(Path):
    """A key from a backup."""

    pattern = "restore/{name?}"
    name: str = field("Name of the key; without it that of the backup.")
    backup: str = field("The backup.", sensitive=True)
    force: bool = field("Whether a key of the name is replaced.")

    async def write(self, transit: Transit, request: Request) -> None:
        """Store the key with all its versions."""
        if not self.backup:
            raise BadRequest("'backup' must be supplied")
        name, key, found = restored(self.backup, request.now)
        name = self.name or name
        if not type(self).names(name):
            raise BadRequest("key names cannot be paths")
        before = await rows.find(request, name)
        if before is not None:
            if not self.force:
                raise BadRequest(f'key "{name}" already exists')
            rows.delete(request, name, before)
            request.on_commit.append(transit.rings.clear)
        current = found.pop(key.latest)
        for number, material in found.items():
            rows.put_old(request, name, number, material)
        rows.put(request, name, replace(key.scheduled(request.now), current=current), None)

    @classmethod
    def names(cls, name: str) -> bool:
        """Whether a key can have this name."""
        return Backup.regex.fullmatch(f"backup/{name}") is not None


def restored(text: str, now: int) -> tuple[str, Key, dict[int, Version]]:
    """Name, key and versions of a backup, all checked to be what they say. Raises BadRequest."""
    if len(text) > LONGEST:
        raise BadRequest("the backup is too long")
    try:
        read = _decode(wire.decode(text))
    except (msgspec.DecodeError, codec.NotJSON, RecursionError, ValueError):
        raise BadRequest(_UNREADABLE) from None
    policy = read.policy
    kind = _kind(policy)
    key = _checked_key(policy, kind, now)
    found = {number: _version(key, kind, entry, now) for number, entry in _entries(read, key).items()}
    return policy.name, key, found


def _kind(policy: _Policy) -> Kind:
    kind = BY_NUMBER.get(policy.type)
    if policy.type == _VAULTS_HMAC and policy.key_size:
        kind = BY_NUMBER[10]  # Vault's number for HMAC; the peer's XChaCha20 has no size
    if kind is None:
        raise BadRequest("the backup is of a key of an unknown type")
    return kind


def _checked_key(policy: _Policy, kind: Kind, now: int) -> Key:
    counted = policy.derived and policy.kdf == _COUNTER
    if policy.derived and policy.kdf != _HKDF and not counted:
        raise BadRequest("the backup is of a key with a derivation that is not known")
    if counted and (kind.family != "aead" or policy.convergent_encryption):
        raise BadRequest("the backup is of a key with an old derivation that is not served")
    if policy.version_template not in ("", "vault:v{{version}}:"):
        raise BadRequest("the backup is of a key with a version template of its own, which is not served")
    latest, oldest = policy.latest_version, policy.min_available_version
    ordered = 0 <= oldest <= latest and 0 <= policy.min_encryption_version <= latest
    if not ordered or not 1 <= latest <= _MOST_VERSIONS or not 0 <= policy.min_decryption_version <= latest:
        raise BadRequest("the versions that the backup tells contradict each other")
    key = Key(
        kind.name,
        latest=latest,
        derived=policy.derived,
        convergent=policy.convergent_encryption,
        counter_kdf=counted,
        exportable=policy.exportable,
        allow_plaintext_backup=policy.allow_plaintext_backup,
        deletion_allowed=policy.deletion_allowed,
        soft_deleted=policy.soft_deleted,
        min_decryption=policy.min_decryption_version or 1,
        min_encryption=policy.min_encryption_version,
        min_available=oldest,
        auto_rotate_period=max(policy.auto_rotate_period, 0) // SECOND,
        imported=policy.imported,
        allow_rotation=policy.allow_rotation,
        key_size=(policy.key_size or SHORTEST_HMAC) if kind.family == "hmac" else 0,
        parameter_set=policy.parameter_set if kind.family == "ml-dsa" else "",
        restored=now,
        restored_version=latest,
    )
    if policy.backup_info is not None:
        key = replace(
            key,
            backed_up=_time(policy.backup_info.time, now),
            backed_up_version=policy.backup_info.version,
        )
    return check(kind, key)


def _entries(read: _Document, key: Key) -> dict[int, _Entry]:
    """The versions of a backup by their numbers. Raises BadRequest where one is missing."""
    first = read.policy.archive_min_version
    archived = {first + at: entry for at, entry in enumerate(read.archived_keys.keys)}
    found = {}
    for number in range(key.oldest, key.latest + 1):
        entry = read.policy.keys.get(str(number)) or archived.get(number)
        if entry is None:
            raise BadRequest(f"the backup lacks version {number} of the key")
        found[number] = entry
    return found


def _version(key: Key, kind: Kind, entry: _Entry, now: int) -> Version:
    if key.convergent and entry.convergent_version not in (0, _CONVERGENT_VERSION):
        raise BadRequest("the backup is of a key with an old convergent scheme that is not served")
    public = b""
    try:
        secret = wire.decode(entry.key) if entry.key else b""
        hmac_key = wire.decode(entry.hmac_key) if entry.hmac_key else b""
        chain = [wire.decode(text) for text in entry.certificate_chain or ()]
        if kind.family == "rsa":
            secret, public = _rsa(entry)
        elif kind.family == "ec":
            secret, public = _ec(entry, kind)
        elif kind.family == "ed25519":
            secret, public = _ed25519(entry, secret)
        if secret:
            secret = checked(kind, key, secret)
        else:
            _check_public(kind, public)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise BadRequest("the backup holds a version that is no key of its type") from None
    if kind.family == "hmac":
        hmac_key = secret
    return Version(
        _time(entry.time, now), secret, hmac_key or random_bytes(32), public if not secret else b"", chain
    )


def _check_public(kind: Kind, public: bytes) -> None:
    if not private_key.fits(private_key.load_public(public), kind.family, kind.size):  # type: ignore[arg-type]
        raise ValueError("a key of another type")


def _rsa(entry: _Entry) -> tuple[bytes, bytes]:
    if entry.rsa_key is None:
        numbers = entry.rsa_public_key or {}
        return b"", private_key.public_der(private_key.rsa_public_from_numbers(numbers["N"], numbers["E"]))
    numbers = entry.rsa_key
    p, q = numbers["Primes"]
    made = private_key.rsa_from_numbers(numbers["N"], numbers["E"], numbers["D"], (p, q))
    return private_key.der(made), b""


def _ec(entry: _Entry, kind: Kind) -> tuple[bytes, bytes]:
    if entry.ec_d is None:
        public = private_key.ec_public_from_numbers(kind.size, entry.ec_x, entry.ec_y)
        return b"", private_key.public_der(public)
    return private_key.der(private_key.ec_from_numbers(kind.size, entry.ec_d, entry.ec_x, entry.ec_y)), b""


def _ed25519(entry: _Entry, secret: bytes) -> tuple[bytes, bytes]:
    if not secret:
        return b"", private_key.public_der(private_key.ed25519_public(wire.decode(entry.public_key)))
    made = private_key.ed25519_from_seed(secret[:32])
    if len(secret) != 64 or private_key.ed25519_halves(secret[:32]) != secret:
        raise ValueError("seed and public key do not belong together")
    return private_key.der(made), b""


def _time(text: str, now: int) -> int:
    """A time of a backup; now where it is none, or that of Go's zero."""
    try:
        return max(parse_rfc3339(text), 0) or now
    except (ValueError, OverflowError):
        return now


PATHS: tuple[type[Path], ...] = (Backup, Restore)
