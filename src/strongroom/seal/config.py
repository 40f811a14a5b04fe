"""The seal configuration: into how many shares a key is split. It is readable while sealed."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

CONFIG_PATH = "core/seal-config"
RECOVERY_CONFIG_PATH = "core/recovery-config"


@dataclass(frozen=True, slots=True)
class SealConfig:
    """How a key is shared: the barrier's under Shamir, or the recovery key under any other seal."""

    type: str = "shamir"
    shares: int = 1
    threshold: int = 1
    pgp_keys: tuple[str, ...] = ()
    nonce: str = ""
    backup: bool = False

    def problem(self) -> str:
        """What is wrong with the numbers, in the wire's words; empty when nothing is."""
        if self.shares < 1:
            return "shares must be at least one"
        if self.threshold < 1:
            return "threshold must be at least one"
        if self.shares > 1 and self.threshold == 1:
            return "threshold must be greater than one for multiple shares"
        if self.shares > 255:
            return "shares must be less than 256"
        if self.threshold > self.shares:
            return "threshold cannot be larger than shares"
        if self.pgp_keys and len(self.pgp_keys) != self.shares:
            return "count mismatch between number of provided PGP keys and number of shares"
        return ""

    def dump(self) -> bytes:
        """The row, in plain JSON."""
        return orjson.dumps(
            {
                "type": self.type,
                "secret_shares": self.shares,
                "secret_threshold": self.threshold,
                "pgp_keys": list(self.pgp_keys) or None,
                "nonce": self.nonce,
                "backup": self.backup,
            }
        )

    @classmethod
    def load(cls, row: bytes) -> SealConfig:
        """The configuration of a stored row; raises ValueError or KeyError when it is damaged."""
        record = orjson.loads(row)
        return cls(
            record["type"],
            record["secret_shares"],
            record["secret_threshold"],
            tuple(record["pgp_keys"] or ()),
            record["nonce"],
            record["backup"],
        )
