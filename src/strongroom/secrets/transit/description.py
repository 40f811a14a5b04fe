"""What a reading tells about a key: all but its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.crypto import certificate_chain, private_key
from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.transit import key as keys
from strongroom.secrets.transit import wire
from strongroom.secrets.transit.ready import Ready

if TYPE_CHECKING:
    from strongroom.logical import Request
    from strongroom.secrets.transit.key import Key, Version

_COUNTER = "hmac-sha256-counter"


async def describe(request: Request, name: str, key: Key, context: bytes = b"") -> dict[str, Any]:
    """The key as it is read; of a derived signing key the public key for a context, where one is given."""
    kind = key.kind
    told: dict[str, Any] = {
        "name": name,
        "type": key.type,
        "derived": key.derived,
        "deletion_allowed": key.deletion_allowed,
        "min_available_version": key.min_available,
        "min_decryption_version": key.min_decryption,
        "min_encryption_version": key.min_encryption,
        "latest_version": key.latest,
        "exportable": key.exportable,
        "allow_plaintext_backup": key.allow_plaintext_backup,
        "supports_encryption": kind.encrypts,
        "supports_decryption": kind.encrypts,
        "supports_signing": kind.signs,
        "supports_derivation": kind.derives,
        "auto_rotate_period": key.auto_rotate_period,
        "imported_key": key.imported,
        "soft_deleted": key.soft_deleted,
    }
    told |= _sometimes(key)
    if kind.family != "hmac":
        first = max(key.min_decryption, key.oldest)
        found = await keys.versions(request, name, key, first, key.latest)
        told["keys"] = {str(number): _version(key, each, context) for number, each in found.items()}
    return told


def _sometimes(key: Key) -> dict[str, Any]:
    """What is told only where it means something."""
    told: dict[str, Any] = {}
    if key.derived:
        told |= {"kdf": "hkdf_sha256", "convergent_encryption": key.convergent}
        if key.counter_kdf:
            told |= {"kdf": _COUNTER, "kdf_mode": _COUNTER}
        if key.convergent:
            told["convergent_encryption_version"] = -1
    if key.imported:
        told["imported_key_allow_rotation"] = key.allow_rotation
    if key.kind.family == "hmac":
        told["key_size"] = key.key_size
    if key.parameter_set:
        told["parameter_set"] = key.parameter_set
    if key.backed_up:
        told["backup_info"] = {"time": rfc3339(key.backed_up), "version": key.backed_up_version}
    if key.restored:
        told["restore_info"] = {"time": rfc3339(key.restored), "version": key.restored_version}
    return told


def _version(key: Key, material: Version, context: bytes) -> Any:
    if key.kind.symmetric:
        return material.created // SECOND
    return {
        "name": key.kind.label,
        "public_key": public_text(key, material, context),
        "creation_time": rfc3339(material.created),
        "certificate_chain": "".join(map(certificate_chain.pem, material.chain)).strip(),
    }


def public_text(key: Key, material: Version, context: bytes = b"") -> str:
    """The public key: base64 of its bytes for Ed25519 and ML-DSA, PEM for others.

    That of a derived key depends on the context: without one there is none to tell.
    """
    if key.derived and not context:
        return ""
    public = Ready(key, material).public(context)
    if key.kind.family in ("ed25519", "ml-dsa"):
        raw: bytes = public.public_bytes_raw()  # type: ignore[union-attr]  # these two have it
        return wire.encode(raw)
    return private_key.public_pem(public)  # type: ignore[arg-type]  # the others


def context_of(text: str) -> bytes:
    """The context of a reading. Raises BadRequest."""
    try:
        return wire.decode(text) if text else b""
    except BadRequest:
        raise BadRequest("failed to base64-decode context") from None
