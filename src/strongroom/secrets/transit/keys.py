"""Named keys: made, read, configured, rotated, trimmed, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.transit import creation
from strongroom.secrets.transit import key as rows
from strongroom.secrets.transit.description import context_of, describe
from strongroom.secrets.transit.key import Key, check_period
from strongroom.secrets.transit.kind import DEFAULT, named

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

_TYPES = (
    "aes128-gcm96, aes256-gcm96, chacha20-poly1305, xchacha20-poly1305 (these encrypt), rsa-2048, rsa-3072,"
    " rsa-4096 (encrypt and sign), ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, ml-dsa (sign), hmac,"
    " aes128-cmac, aes192-cmac, aes256-cmac (codes)."
)
_EXTERNAL = "must provide type=external-key to use external_key_ref"
_EXPORTABLE = "Whether the key may be read. It cannot be taken back."
_BACKUP = "Whether the key may be backed up in clear. It cannot be taken back."
_PERIOD = "Seconds after which the key is rotated by itself, an hour at least; 0 is never."

_FIRST_VERSION = "the versions of a key begin at 1, which is taken for the minimum"


class Names(Path):
    """The names of the keys."""

    pattern = "keys/?"
    reader_safe = True
    after: str = field("List only names after this one.", query=True)
    limit: int = field("List at most this many names.", default=-1, query=True)

    async def list(self, transit: Transit, request: Request) -> list[str]:
        """Names of the keys."""
        return await rows.names(request, self.after, self.limit)


class Keys(Path):
    """A named key."""

    pattern = "keys/{name}"
    reader_safe = True
    name: str = field("Name of the key.")
    type: str = field(f"What the key is for: {_TYPES}", default=DEFAULT)
    derived: bool = field("Whether each use needs a context, for which a key of its own is derived.")
    convergent_encryption: bool = field(
        "Whether equal data in equal contexts give equal ciphertexts. For derived keys only."
    )
    exportable: bool = field(_EXPORTABLE)
    allow_plaintext_backup: bool = field(_BACKUP)
    context: str = field("Base64 of a context; tells the public key that is derived for it.", query=True)
    key_size: int = field("Bytes of a key of type hmac, 32 (the default) to 512.")
    parameter_set: str = field("Strength of a key of type ml-dsa: 44, 65 or 87.", default="44")
    auto_rotate_period: Duration = field(_PERIOD)
    external_key_ref: str = field("Name of a key outside; there are none.")

    async def read(self, transit: Transit, request: Request) -> dict[str, Any] | None:
        """What the key is for, its versions and public keys, never its secrets."""
        key = await rows.find(request, self.name)
        return None if key is None else await describe(request, self.name, key, context_of(self.context))

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """Make the key. One that is there already stays as it is."""
        if self.external_key_ref:
            raise BadRequest(_EXTERNAL)
        wanted = Key(
            named(self.type).name,
            derived=self.derived,
            convergent=self.convergent_encryption,
            exportable=self.exportable,
            allow_plaintext_backup=self.allow_plaintext_backup,
            key_size=self.key_size or (creation.SHORTEST_HMAC if self.type == "hmac" else 0),
            parameter_set=self.parameter_set if self.type == "ml-dsa" else "",
            auto_rotate_period=check_period(self.auto_rotate_period),
        )
        wanted = creation.check(wanted.kind, wanted)
        key = await rows.find(request, self.name)
        if key is None:
            key = await creation.create(request, self.name, wanted)
        return await describe(request, self.name, key)

    async def delete(self, transit: Transit, request: Request) -> None:
        """Delete the key for good, if its configuration allows it: what it encrypted is then lost."""
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest(f"error deleting policy {self.name}: could not delete key; not found")
        if not key.deletion_allowed:
            raise BadRequest(f"error deleting policy {self.name}: deletion is not allowed for this key")
        rows.delete(request, self.name, key)
        request.on_commit.append(transit.rings.clear)


class _Named(Path):
    """A path that changes a key that is there."""

    name: str = field("Name of the key.")


class Config(_Named):
    """How a key may be used."""

    pattern = "keys/{name}/config"
    min_decryption_version: int = field("The oldest version that still decrypts and verifies.")
    min_encryption_version: int = field("The oldest version that still encrypts and signs; 0 is the latest.")
    deletion_allowed: bool = field("Whether the key may be deleted.")
    exportable: bool = field(_EXPORTABLE)
    allow_plaintext_backup: bool = field(_BACKUP)
    auto_rotate_period: Duration = field(_PERIOD)

    async def write(self, transit: Transit, request: Request) -> Response:
        """Change what is given."""
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest(f"no existing key named {self.name} could be found")
        fresh = self._versions(key)
        if "deletion_allowed" in self.given:
            fresh = replace(fresh, deletion_allowed=self.deletion_allowed)
        fresh = replace(
            fresh,
            exportable=key.exportable or self.exportable,
            allow_plaintext_backup=key.allow_plaintext_backup or self.allow_plaintext_backup,
        )
        if "auto_rotate_period" in self.given:
            fresh = replace(fresh, auto_rotate_period=check_period(self.auto_rotate_period))
            if fresh.auto_rotate_period != key.auto_rotate_period:
                fresh = fresh.scheduled(request.now)
        if fresh != key:
            rows.put(request, self.name, fresh, key)
        raised = "min_decryption_version" in self.given and not self.min_decryption_version
        warnings = [_FIRST_VERSION] if raised else []
        return Response(data=await describe(request, self.name, fresh), warnings=warnings)

    def _versions(self, key: Key) -> Key:
        decryption, encryption = key.min_decryption, key.min_encryption
        if "min_decryption_version" in self.given:
            decryption = self.min_decryption_version or 1
            _check(decryption, key.latest, "decryption")
        if "min_encryption_version" in self.given:
            encryption = self.min_encryption_version
            _check(encryption, key.latest, "encryption")
        if 0 < encryption < decryption:
            raise BadRequest(
                "cannot set min encryption/decryption values; min encryption version of"
                f" {encryption} must be greater than or equal to min decryption version of {decryption}"
            )
        if decryption < key.min_available:
            raise BadRequest("min decryption version should not be less then min available version")
        return replace(key, min_decryption=decryption, min_encryption=encryption)


def _check(version: int, latest: int, what: str) -> None:
    if version < 0:
        raise BadRequest(f"min {what} version cannot be negative")
    if version > latest:
        raise BadRequest(f"cannot set min {what} version of {version}, latest key version is {latest}")


class Rotate(_Named):
    """The next version of a key."""

    pattern = "keys/{name}/rotate"
    external_key_ref: str = field("Name of a key outside; there are none.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """Add a version, which encrypts and signs from now on; older ones decrypt and verify as before."""
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest("key not found")
        if self.external_key_ref:
            raise BadRequest(f"cannot use external_key_ref on key of type {key.type}")
        return await describe(request, self.name, await creation.rotate(request, self.name, key))


class Trim(_Named):
    """The versions of a key that are kept."""

    pattern = "keys/{name}/trim"
    min_available_version: int = field("The oldest version that is kept; all before it are lost for good.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """Delete old versions, which must not be needed for encryption or decryption any more."""
        if "min_available_version" not in self.given:
            raise BadRequest("missing min_available_version")
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest("invalid key name")
        fresh = replace(key, min_available=self._checked(key.usable()))
        rows.delete_versions(request, self.name, key.oldest, fresh.min_available - 1)
        rows.put(request, self.name, fresh, key)
        request.on_commit.append(transit.rings.clear)
        return await describe(request, self.name, fresh)

    def _checked(self, key: Key) -> int:
        wanted = self.min_available_version
        if wanted < key.min_available:
            raise BadRequest("minimum available version cannot be decremented")
        if key.min_encryption == 0:
            raise BadRequest(
                "minimum available version cannot be set when minimum encryption version is not set"
            )
        if key.min_decryption == 0:
            raise BadRequest(
                "minimum available version cannot be set when minimum decryption version is not set"
            )
        if wanted <= 0:
            raise BadRequest("minimum available version should be positive")
        if wanted > key.min_encryption:
            raise BadRequest("minimum available version cannot be greater than minmum encryption version")
        if wanted > key.min_decryption:
            raise BadRequest("minimum available version cannot be greater than minimum decryption version")
        return wanted


class SoftDelete(_Named):
    """Whether a key is put aside: kept, but of no use."""

    pattern = "keys/{name}/soft-delete"

    async def delete(self, transit: Transit, request: Request) -> Response | None:
        """Put the key aside."""
        return await _put_aside(request, self.name, aside=True)


class SoftDeleteRestore(_Named):
    """The return of a key that was put aside."""

    pattern = "keys/{name}/soft-delete-restore"

    async def write(self, transit: Transit, request: Request) -> Response | None:
        """Take the key back into use."""
        return await _put_aside(request, self.name, aside=False)


async def _put_aside(request: Request, name: str, *, aside: bool) -> Response | None:
    key = await rows.find(request, name)
    if key is None:
        return None
    fresh = replace(key, soft_deleted=aside)
    done = key.soft_deleted is aside
    if not done:
        rows.put(request, name, fresh, key)
    already = ["key was already marked as soft deleted" if aside else "key was already restored"]
    return Response(data=await describe(request, name, fresh), warnings=already if done else [])


PATHS: tuple[type[Path], ...] = (Names, Keys, Config, Rotate, Trim, SoftDelete, SoftDeleteRestore)
