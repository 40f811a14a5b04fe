"""One thing kept: an answer with a lease, or one with a token."""

from __future__ import annotations

from enum import StrEnum

import msgspec

GRACE = 0.1
"""Portion of its time at whose beginning a lease that nobody can extend is given out no more."""


class Kind(StrEnum):
    """What hangs on an entry."""

    LEASE = "lease"
    TOKEN = "token"


class Terms(msgspec.Struct, frozen=True):
    """What an answer says of what it grants. ``duration`` is seconds, 0 for ever."""

    kind: Kind
    duration: int
    renewable: bool
    lease_id: str = ""
    token: str = ""
    accessor: str = ""
    orphan: bool = True


class Entry(msgspec.Struct):
    """An answer that is given again, and what is known of its lease. Times are Unix seconds.

    ``owner`` stands for the token it was asked with, which ends with it: the token a lease belongs to, or the
    parent of a token; empty for a token without one. ``made`` stands for the token that the answer holds.
    """

    id: str
    kind: Kind
    method: str
    path: str
    namespace: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    token: str
    owner: str
    made: str
    accessor: str
    lease_id: str
    duration: int
    renewable: bool
    granted: float
    renewed: float

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.method} {self.path}>"

    @property
    def expires(self) -> float:
        """When the server ends it, unless it is renewed."""
        return self.renewed + self.duration if self.duration else float("inf")

    @property
    def last_call(self) -> float:
        """Until when it is given out if nobody extends it."""
        return self.renewed + self.duration * (1 - GRACE) if self.duration else float("inf")

    def age(self, now: float) -> int:
        """Whole seconds since the server vouched for it."""
        return max(0, int(now - self.renewed))
