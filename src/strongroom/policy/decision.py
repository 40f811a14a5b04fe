"""What the ACL answers: not a bool, but why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.policy.rule import ControlGroup


class Reason(StrEnum):
    """Why a request passes or not."""

    ALLOWED = "allowed"
    NO_RULE = "no rule"
    CAPABILITY_MISSING = "capability missing"
    DENIED = "denied"
    PARAMETER_DENIED = "parameter denied"
    PARAMETER_MISSING = "required parameter missing"
    WRAPPING_TTL = "wrapping ttl"
    PAGINATION = "pagination limit"
    SUDO_NEEDED = "sudo needed"
    EXPIRED = "expired"
    RELATIVE_PATH = "relative path"
    ENTITY_REFUSED = "entity refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one operation on one path.

    ``rule`` is the pattern that governs the path, None when there is none. ``policies`` are the
    names of those that grant the wanted capability there, or, for a refusal, of those the rule
    comes from. ``held`` are the rule's capabilities in alphabetical order. ``parameter`` is a
    parameter's name, never its value. ``nearest`` is the closest other pattern, for refusals.
    ``pagination_limit`` 0 means none; the caller puts it into a listing that names no limit.
    """

    allowed: bool
    reason: Reason
    root: bool = False
    rule: str | None = None
    policies: tuple[str, ...] = ()
    wanted: str = ""
    held: tuple[str, ...] = ()
    parameter: str = ""
    nearest: str | None = None
    pagination_limit: int = 0
    filter_path: str = ""
    mfa_methods: tuple[str, ...] = ()
    control_group: ControlGroup | None = None
