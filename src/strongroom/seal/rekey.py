"""A rekey as a value: current keepers authorise, new shares are issued, new keepers may verify.

Nothing here touches storage or makes keys; :mod:`~strongroom.seal.ceremony` does, between the steps.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import Any

from strongroom.errors import BadRequest
from strongroom.seal.config import SealConfig
from strongroom.seal.quorum import Quorum
from strongroom.seal.shares import Shares


@dataclass(frozen=True, slots=True)
class Rekey:
    """One rekey under way. ``key`` and ``verification`` are there once verification is awaited."""

    config: SealConfig
    quorum: Quorum
    verify: bool = False
    fingerprints: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)
    verification: Quorum | None = None

    def submit(self, share: bytes, nonce: str) -> Rekey:
        """With one more share of the current key. Raises BadRequest."""
        if self.verification is not None:
            raise BadRequest("rotation already finished; verification must be performed")
        return replace(self, quorum=_with(self.quorum, share, nonce, "rotation"))

    def restarted(self) -> Rekey:
        """The same attempt after shares that did not make the key."""
        return replace(self, quorum=self.quorum.emptied())

    def issued(self, key: bytes) -> Rekey:
        """Waiting for the new keepers to show that they can make ``key``."""
        return replace(self.restarted(), key=key, verification=Quorum(self.config.threshold))

    def submit_verification(self, share: bytes, nonce: str) -> Rekey:
        """With one more share of the new key. Raises BadRequest."""
        return replace(self, verification=_with(self._awaited(), share, nonce, "verification"))

    def verification_restarted(self) -> Rekey:
        """Verification from its start, under a new nonce; raises BadRequest when none is awaited."""
        self._awaited()
        return replace(self, verification=Quorum(self.config.threshold))

    def verified(self) -> bool:
        """Whether the verification's shares make the new key; raises BadRequest if they make none."""
        return hmac.compare_digest(self._awaited().combined(), self.key)

    def status(self, *, legacy: bool = False) -> dict[str, Any]:
        """What init and update answer. The old paths always name the PGP keys, the new if there are any."""
        verification_nonce = self.verification.nonce if self.verification else ""
        answer: dict[str, Any] = {
            "nonce": self.quorum.nonce,
            "started": True,
            "t": self.config.threshold,
            "n": self.config.shares,
            "progress": self.quorum.progress,
            "required": self.quorum.required,
            "verification_required": self.verify,
        }
        if verification_nonce or not legacy:
            answer["verification_nonce"] = verification_nonce
        if self.fingerprints or legacy:
            answer["pgp_fingerprints"] = list(self.fingerprints) or None
            answer["backup"] = self.config.backup
        return answer

    def result(self, shares: Shares) -> dict[str, Any]:
        """What the update that completes the quorum answers."""
        return {
            "nonce": self.quorum.nonce,
            "complete": True,
            "keys": shares.keys,
            "keys_base64": shares.keys_base64,
            "pgp_fingerprints": list(shares.fingerprints) or None,
            "backup": self.config.backup,
            "verification_required": self.verify,
            "verification_nonce": self.verification.nonce if self.verification else "",
        }

    def verification_status(self) -> dict[str, Any]:
        """What the verify path answers meanwhile; raises BadRequest when no verification is awaited."""
        verification = self._awaited()
        return {
            "nonce": verification.nonce,
            "started": True,
            "t": self.config.threshold,
            "n": self.config.shares,
            "progress": verification.progress,
        }

    def _awaited(self) -> Quorum:
        if self.verification is None:
            raise BadRequest("no rotation verification in progress")
        return self.verification


def idle(required: int, *, legacy: bool = False) -> dict[str, Any]:
    """The status when no rekey is under way."""
    answer: dict[str, Any] = {"started": False, "t": 0, "n": 0, "required": required}
    if legacy:
        answer |= {
            "nonce": "",
            "progress": 0,
            "pgp_fingerprints": None,
            "backup": False,
            "verification_required": False,
        }
    return answer


def _with(quorum: Quorum, share: bytes, nonce: str, operation: str) -> Quorum:
    """``quorum`` with ``share``, if ``nonce`` names it. The right nonce is never told to a wrong one."""
    if not hmac.compare_digest(nonce.encode(), quorum.nonce.encode()):
        raise BadRequest(f"incorrect nonce supplied for this {operation}")
    if quorum.has(share):
        raise BadRequest(f"given key has already been provided during this {operation}")
    return quorum.add(share)
