"""The shares of a key, as they are handed to the people who keep them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from strongroom.errors import BadRequest
from strongroom.seal import pgp, shamir
from strongroom.seal.config import SealConfig


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares in the order of their keepers; encrypted when ``fingerprints`` are there."""

    parts: tuple[bytes, ...] = field(default=(), repr=False)
    fingerprints: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """In hex."""
        return [part.hex() for part in self.parts]

    @property
    def keys_base64(self) -> list[str]:
        """In standard base64."""
        return [base64.b64encode(part).decode("ascii") for part in self.parts]

    def backup(self, nonce: str) -> dict[str, Any]:
        """What the backup endpoint answers later: the encrypted shares by fingerprint."""
        kept: dict[str, Any] = {"nonce": nonce, "keys": {}, "keys_base64": {}}
        for owner, key, key_base64 in zip(self.fingerprints, self.keys, self.keys_base64, strict=True):
            kept["keys"].setdefault(owner, []).append(key)
            kept["keys_base64"].setdefault(owner, []).append(key_base64)
        return kept


def issue(key: bytes | bytearray, config: SealConfig) -> Shares:
    """Split ``key`` as ``config`` says, each share encrypted to its keeper's PGP key if there are any.

    What is encrypted is the share in hex, as clients expect. Raises what :mod:`pgp` raises.
    """
    parts = shamir.split(key, config.shares, config.threshold)
    if not config.pgp_keys:
        return Shares(tuple(parts))
    sealed = (
        pgp.encrypt(owner, part.hex().encode()) for owner, part in zip(config.pgp_keys, parts, strict=True)
    )
    return Shares(tuple(sealed), tuple(pgp.fingerprint(owner) for owner in config.pgp_keys))


def check(config: SealConfig, what: str) -> None:
    """Refuse a configuration that :func:`issue` could not serve, PGP keys included.

    Raises BadRequest with ``what`` before the reason, as in ``invalid seal configuration: ...``.
    """
    problem = config.problem()
    if problem:
        raise BadRequest(f"invalid {what}: {problem}")
    for owner in config.pgp_keys:
        try:
            pgp.encrypt(owner, b"")
        except pgp.BadPGPKey as error:
            raise BadRequest(f"invalid {what}: {error.public}", cause=error.cause) from None
