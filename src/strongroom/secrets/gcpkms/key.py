"""Keys: which of Cloud KMS's this mount knows, by a name of its own, and which of their versions it uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import Duration, KVPairs, field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request
from strongroom.secrets.gcpkms.cloud import Cloud, version_of

if TYPE_CHECKING:
    from strongroom.secrets.gcpkms.engine import GcpKms

_ID = r"[a-zA-Z0-9_-]{1,63}"
_RING = re.compile(rf"(projects/[a-z0-9.:-]{{1,100}}/locations/[a-z0-9-]{{1,63}})/keyRings/({_ID})")
_KEY = re.compile(rf"{_RING.pattern}/cryptoKeys/{_ID}")
_SHORTEST = 24 * 3600
_PURPOSES = {"encrypt_decrypt": "ENCRYPT_DECRYPT", "asymmetric_decrypt": "ASYMMETRIC_DECRYPT"} | {
    "asymmetric_sign": "ASYMMETRIC_SIGN"
}
_SYMMETRIC = "symmetric_encryption"
_DEFAULTS = {
    "encrypt_decrypt": _SYMMETRIC,
    "asymmetric_decrypt": "rsa_decrypt_oaep_2048_sha256",
    "asymmetric_sign": "ec_sign_p256_sha256",
}
_ALGORITHM = re.compile(r"[a-z][a-z0-9_]{1,63}")


@dataclass(slots=True)
class Key:
    """A key of Cloud KMS by its resource name, and the versions that may be used; 0 is without bound."""

    crypto_key: str
    min_version: int = 0
    max_version: int = 0

    def check(self, version: int) -> None:
        """Raise BadRequest for a version that may not be used."""
        if version < 0:
            raise BadRequest("key_version cannot be negative")
        if self.min_version and version < self.min_version:
            raise BadRequest("requested version is less than minimum allowed version")
        if self.max_version and version > self.max_version:
            raise BadRequest("requested version is greater than maximum allowed version")

    def version(self, number: int) -> str:
        """The resource name of a version. Raises BadRequest for one that may not be used."""
        if number == 0:
            raise BadRequest("missing key_version")
        self.check(number)
        return f"{self.crypto_key}/cryptoKeyVersions/{number}"

    def newest(self, number: int) -> str:
        """What to encrypt with: the version asked for, or else the primary, or the newest one allowed."""
        if number or self.max_version:
            return self.version(number or self.max_version)
        return self.crypto_key


class Keys(Path):
    """The keys that this mount knows."""

    pattern = "keys/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, kms: GcpKms, request: Request) -> list[str]:
        """Their names here."""
        return await kms.keys(request).list("", self.after, self.limit)


class KeyPath(Path):
    """A key of Cloud KMS."""

    pattern = "keys/{key}"
    key: str = field("Name of the key here.")
    key_ring: str = field("Resource name of the key ring: projects/P/locations/L/keyRings/R.")
    crypto_key: str = field("Name of the key in its ring; that of the key here if none is given.")
    purpose: Literal["encrypt_decrypt", "asymmetric_decrypt", "asymmetric_sign"] = field(
        "What the key is for; it cannot be changed.", default="encrypt_decrypt"
    )
    algorithm: str = field(
        "Algorithm of the key, as symmetric_encryption, rsa_sign_pss_2048_sha256 or ec_sign_p256_sha256; it "
        "cannot be changed. What suits the purpose if none is given.",
        default=_SYMMETRIC,
    )
    protection_level: Literal["software", "hsm"] = field(
        "Whether the key is kept in software or in a hardware security module.", default="software"
    )
    labels: KVPairs = field("Labels of the key.")
    rotation_period: Duration = field(
        "Time between rotations that Cloud KMS makes by itself, at least 24 hours; for symmetric keys."
    )

    async def exists(self, kms: GcpKms, request: Request) -> bool:
        """Whether the key is known."""
        return await kms.keys(request).get(self.key) is not None

    async def read(self, kms: GcpKms, request: Request) -> dict[str, Any]:
        """What Cloud KMS says of the key."""
        known = await kms.key(request, self.key)
        cloud = await kms.cloud(request)
        return described(await cloud.call("GET", known.crypto_key, doing="reading the key"))

    async def write(self, kms: GcpKms, request: Request) -> None:
        """Create the key in Cloud KMS, and its ring where there is none, and know it from now on.

        A key that is there already is taken as it is, with the labels and the rotation that are given; its
        purpose and algorithm stay.
        """
        self._check()
        cloud = await kms.cloud(request)
        records = kms.keys(request)
        known = await records.get(self.key)
        name = known.crypto_key if known is not None and not self.key_ring else self._resource()
        if not await _there(cloud, name):
            await self._create(cloud, name)
        else:
            await self._update(cloud, name, request.now)
        if known is None or known.crypto_key != name:
            records.put(self.key, Key(name))

    async def delete(self, kms: GcpKms, request: Request) -> None:
        """Disable every version of the key in Cloud KMS, and know it no more.

        Cloud KMS deletes no keys. What was encrypted can be decrypted once somebody enables a version there.
        """
        known = await kms.key(request, self.key)
        cloud = await kms.cloud(request)
        for version in await cloud.versions(known.crypto_key):
            if version.get("state") == "ENABLED":
                query, state = {"updateMask": "state"}, {"state": "DISABLED"}
                await cloud.call(
                    "PATCH", version["name"], query=query, json=state, doing="disabling a version"
                )
        kms.keys(request).delete(self.key)

    def _check(self) -> None:
        if "rotation_period" in self.given and self.rotation_period < _SHORTEST:
            raise BadRequest("rotation period must be greater than 24 hours")
        if not _ALGORITHM.fullmatch(self.algorithm):
            raise BadRequest("algorithm is not the name of one")
        if self.rotation_period and self.purpose != "encrypt_decrypt":
            raise BadRequest("only keys for encrypt_decrypt are rotated by themselves")

    def _resource(self) -> str:
        if not self.key_ring:
            raise BadRequest("missing key_ring")
        if not _RING.fullmatch(self.key_ring):
            raise BadRequest("key_ring has to be projects/P/locations/L/keyRings/R")
        name = f"{self.key_ring}/cryptoKeys/{self.crypto_key or self.key}"
        if not _KEY.fullmatch(name):
            raise BadRequest("crypto_key cannot be the name of a key in Cloud KMS")
        return name

    async def _create(self, cloud: Cloud, name: str) -> None:
        ring, _, key = name.rpartition("/cryptoKeys/")
        place, _, ring_id = ring.rpartition("/keyRings/")
        if not await _there(cloud, ring):
            doing, query = "creating the key ring", {"keyRingId": ring_id}
            await cloud.once("POST", f"{place}/keyRings", query=query, json={}, doing=doing)
        algorithm = self.algorithm if "algorithm" in self.given else _DEFAULTS[self.purpose]
        body: dict[str, Any] = {
            "purpose": _PURPOSES[self.purpose],
            "labels": self.labels,
            "versionTemplate": {
                "algorithm": upper_algorithm(algorithm),
                "protectionLevel": self.protection_level.upper(),
            },
        }
        if self.rotation_period:
            body |= _rotation(self.rotation_period, cloud.now)
        doing, query = "creating the key", {"cryptoKeyId": key}
        await cloud.once("POST", f"{ring}/cryptoKeys", query=query, json=body, doing=doing)

    async def _update(self, cloud: Cloud, name: str, now: int) -> None:
        body: dict[str, Any] = {}
        if "labels" in self.given:
            body["labels"] = self.labels
        if "rotation_period" in self.given:
            body |= _rotation(self.rotation_period, now)
        if body:
            query = {"updateMask": ",".join(sorted(body))}
            await cloud.call("PATCH", name, query=query, json=body, doing="changing the key")


def _rotation(period: int, now: int) -> dict[str, str]:
    next_time = datetime.fromtimestamp(now // SECOND, UTC) + timedelta(seconds=period)
    return {"rotationPeriod": f"{period}s", "nextRotationTime": next_time.strftime("%Y-%m-%dT%H:%M:%SZ")}


async def _there(cloud: Cloud, name: str) -> bool:
    try:
        await cloud.call("GET", name, doing="looking for the key")
    except NotFound:
        return False
    return True


def upper_algorithm(name: str) -> str:
    """An algorithm as the API calls it."""
    return "GOOGLE_SYMMETRIC_ENCRYPTION" if name == _SYMMETRIC else name.upper()


def lower_algorithm(name: str) -> str:
    """An algorithm as it is called here."""
    return _SYMMETRIC if name == "GOOGLE_SYMMETRIC_ENCRYPTION" else name.lower()


def described(content: dict[str, Any]) -> dict[str, Any]:
    """A key as an answer shows it."""
    told: dict[str, Any] = {"id": content.get("name", ""), "purpose": str(content.get("purpose", "")).lower()}
    if content.get("labels"):
        told["labels"] = content["labels"]
    if "nextRotationTime" in content:
        told["next_rotation_time_seconds"] = int(
            datetime.fromisoformat(content["nextRotationTime"]).timestamp()
        )
    if "rotationPeriod" in content:
        told["rotation_schedule_seconds"] = int(float(str(content["rotationPeriod"]).rstrip("s")))
    primary, template = content.get("primary"), content.get("versionTemplate")
    if isinstance(primary, dict):
        told["primary_version"] = version_of(primary["name"])
        told["state"] = str(primary.get("state", "")).lower()
    if isinstance(template, dict):
        told["protection_level"] = str(template.get("protectionLevel", "")).lower()
        told["algorithm"] = lower_algorithm(str(template.get("algorithm", "")))
    return told


class KeyConfigPath(Path):
    """Which versions of a key may be used through this mount."""

    pattern = "keys/config/{key}"
    reader_safe = True
    key: str = field("Name of the key here.")
    min_version: int = field("Oldest version that may be used; 0 is without bound.")
    max_version: int = field("Newest version that may be used; 0 is without bound.")

    async def read(self, kms: GcpKms, request: Request) -> dict[str, Any]:
        """Where the key is, and the bounds that are set."""
        known = await kms.key(request, self.key)
        bounds = {"min_version": known.min_version, "max_version": known.max_version}
        set_ones = {name: value for name, value in bounds.items() if value}
        return {"name": self.key, "crypto_key": known.crypto_key} | set_ones

    async def write(self, kms: GcpKms, request: Request) -> None:
        """Change the bounds that are given; below 0 is without bound too."""
        known = await kms.key(request, self.key)
        for name in ("min_version", "max_version"):
            if name in self.given:
                setattr(known, name, max(0, getattr(self, name)))
        if known.max_version and known.min_version > known.max_version:
            raise BadRequest("min_version cannot be greater than max_version")
        kms.keys(request).put(self.key, known)


class RegisterPath(Path):
    """A key that is in Cloud KMS already."""

    pattern = "keys/register/{key}"
    key: str = field("Name of the key here.")
    crypto_key: str = field("Resource name: projects/P/locations/L/keyRings/R/cryptoKeys/K.", required=True)
    verify: bool = field("See first whether the key is there and can be read.", default=True)

    async def write(self, kms: GcpKms, request: Request) -> None:
        """Know the key from now on, under this name."""
        if not _KEY.fullmatch(self.crypto_key):
            raise BadRequest("crypto_key has to be projects/P/locations/L/keyRings/R/cryptoKeys/K")
        if self.verify:
            cloud = await kms.cloud(request)
            await cloud.call("GET", self.crypto_key, doing="looking for the key")
        kms.keys(request).put(self.key, Key(self.crypto_key))


class DeregisterPath(Path):
    """A key that this mount shall not know any more."""

    pattern = "keys/deregister/{key}"
    key: str = field("Name of the key here.")

    async def write(self, kms: GcpKms, request: Request) -> None:
        """Forget the key; in Cloud KMS it stays as it is."""
        kms.keys(request).delete(self.key)

    async def delete(self, kms: GcpKms, request: Request) -> None:
        """The same."""
        kms.keys(request).delete(self.key)


class RotatePath(Path):
    """New versions of a key."""

    pattern = "keys/rotate/{key}"
    key: str = field("Name of the key here.")

    async def write(self, kms: GcpKms, request: Request) -> dict[str, str]:
        """Make a version, which encrypts from now on, and answer its number.

        Keys for asymmetric use have no version that counts before others: whoever uses them names one.
        """
        known = await kms.key(request, self.key)
        cloud = await kms.cloud(request)
        about = await cloud.call("GET", known.crypto_key, doing="reading the key")
        made = await cloud.once(
            "POST", f"{known.crypto_key}/cryptoKeyVersions", json={}, doing="rotating the key"
        )
        number = version_of(str(made.get("name", "")))
        if about.get("purpose") == "ENCRYPT_DECRYPT":
            body = {"cryptoKeyVersionId": number}
            name = f"{known.crypto_key}:updatePrimaryVersion"
            await cloud.call("POST", name, json=body, doing="making the version the primary one")
        return {"key_version": number}


class TrimPath(Path):
    """Versions of a key that are too old."""

    pattern = "keys/trim/{key}"
    key: str = field("Name of the key here.")

    async def write(self, kms: GcpKms, request: Request) -> None:
        """Destroy all versions older than min_version of keys/config, after the time that Cloud KMS leaves.

        What only they could decrypt is lost then.
        """
        known = await kms.key(request, self.key)
        if not known.min_version:
            raise BadRequest("min_version is not set: there is nothing that is too old")
        cloud = await kms.cloud(request)
        for version in await cloud.versions(known.crypto_key):
            old = int(version_of(version["name"])) < known.min_version
            if old and version.get("state") in {"ENABLED", "DISABLED"}:
                await cloud.call("POST", f"{version['name']}:destroy", json={}, doing="destroying a version")

    async def delete(self, kms: GcpKms, request: Request) -> None:
        """The same."""
        await self.write(kms, request)
