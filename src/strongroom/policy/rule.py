"""What a policy says: its rules, one for each path stanza, in the order of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, TypeAlias

Parameters: TypeAlias = Mapping[str, tuple[Any, ...]]
"""Parameter name in lower case to its values; no values means any value, ``*`` any parameter."""


class Capability(IntFlag):
    """What a rule grants; DENY stands above all others."""

    DENY = 1
    CREATE = 2
    READ = 4
    UPDATE = 8
    PATCH = 16
    DELETE = 32
    LIST = 64
    SCAN = 128
    SUDO = 256


CAPABILITIES: Mapping[str, Capability] = {str(c.name).lower(): c for c in Capability}

_READ = Capability.READ | Capability.LIST
_WRITE = _READ | Capability.CREATE | Capability.UPDATE | Capability.DELETE
LEGACY: Mapping[str, Capability] = {
    "deny": Capability.DENY,
    "read": _READ,
    "write": _WRITE,
    "sudo": _WRITE | Capability.SUDO,
}
"""What the old one-word ``policy`` key stands for."""


def names(mask: int) -> list[str]:
    """Capability names in alphabetical order; none at all is ``deny``, which hides all others."""
    if not mask or mask & Capability.DENY:
        return ["deny"]
    return sorted(name for name, bit in CAPABILITIES.items() if mask & bit)


@dataclass(frozen=True, slots=True)
class Factor:
    """One sort of approval that a control group needs."""

    name: str
    capabilities: tuple[str, ...]
    group_names: tuple[str, ...]
    group_ids: tuple[str, ...]
    approvals: int


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """Approvals wanted before an answer is handed out; ``ttl`` in seconds."""

    ttl: int
    self_auth_allowed: bool
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One path stanza. TTLs are seconds, ``expiration`` is nanoseconds since the epoch, 0 means not set."""

    path: str
    capabilities: int = 0
    allowed_parameters: Parameters = field(default_factory=dict)
    denied_parameters: Parameters = field(default_factory=dict)
    required_parameters: tuple[str, ...] = ()
    min_wrapping_ttl: int = 0
    max_wrapping_ttl: int = 0
    mfa_methods: tuple[str, ...] = ()
    control_group: ControlGroup | None = None
    pagination_limit: int = 0
    expiration: int = 0
    filter_path: str = ""
    comment: str = ""
    line: int = 0

    @property
    def templated(self) -> bool:
        """Whether the path must be rendered for an identity before it means anything."""
        return "{{" in self.path


@dataclass(frozen=True, slots=True)
class Policy:
    """A named set of rules. The flags let values of identity templates hold ``*``, ``+`` or ``/``."""

    name: str
    rules: tuple[Rule, ...] = ()
    allow_wildcards: bool = False
    allow_slashes: bool = False

    @property
    def templated(self) -> bool:
        """Whether any rule depends on who asks."""
        return any(rule.templated for rule in self.rules)
