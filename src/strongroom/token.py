"""Tokens: what a caller holds, and the row that stands for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class TokenEntry:
    """The row of a token. Times are nanoseconds since the epoch, durations seconds.

    ``key`` is the keyed hash under which the row stands; the token itself is not kept.
    ``expire_time`` 0 means never. ``num_uses`` 0 means unlimited. ``audit`` caches, per audit
    device, the hashes of the token and the accessor that every line of this token carries.
    """

    key: str
    accessor: str
    policies: list[str]
    path: str
    display_name: str = ""
    meta: dict[str, str] | None = None
    type: str = "service"
    parent: str = ""
    num_uses: int = 0
    creation_time: int = 0
    last_renewal: int = 0
    expire_time: int = 0
    ttl: int = 0
    explicit_max_ttl: int = 0
    period: int = 0
    renewable: bool = True
    role: str = ""
    entity_id: str = ""
    bound_cidrs: list[str] = field(default_factory=list)
    namespace_id: str = "root"
    no_identity_policies: bool = False
    identity_policies: list[str] = field(default_factory=list)
    inline_policy: str = ""
    internal: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)

    @property
    def orphan(self) -> bool:
        """Whether no other token's revocation takes this one along."""
        return not self.parent
