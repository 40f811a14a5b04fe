"""What a policy says: its rules, one for each path stanza, in the order of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from functools import cache
from typing import Any, TypeAlias

Parameters: TypeAlias = Mapping[str, tuple[Any, ...]]
"""Parameter name in lower case to its values; no values means any value, ``*`` any parameter."""


class Capability(IntFlag):
    """What a rule grants; DENY stands above all others. Masks are plain ints: their operators are cheap."""

    DENY = 1
    CREATE = 2
    READ = 4
    UPDATE = 8
    PATCH = 16
    DELETE = 32
    LIST = 64
    SCAN = 128
    SUDO = 256


CAPABILITIES: Mapping[str, int] = {str(capability.name).lower(): int(capability) for capability in Capability}

_READ = int(Capability.READ | Capability.LIST)
_WRITE = _READ | int(Capability.CREATE | Capability.UPDATE | Capability.DELETE)
LEGACY: Mapping[str, int] = {
    "deny": int(Capability.DENY),
    "read": _READ,
    "write": _WRITE,
    "sudo": _WRITE | int(Capability.SUDO),
}
"""What the old one-word ``policy`` key stands for."""


@cache
def names(mask: int) -> tuple[str, ...]:
    """Capability names in alphabetical order; none at all is ``deny``, which hides all others."""
    if not mask or mask & CAPABILITIES["deny"]:
        return ("deny",)
    return tuple(sorted(name for name, bit in CAPABILITIES.items() if mask & bit))


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
