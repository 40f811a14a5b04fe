"""What all policies of a token say together about one pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.policy.decision import Decision
from strongroom.policy.pattern import Pattern
from strongroom.policy.rule import Capability, ControlGroup, Parameters, Rule, names

_DENY = int(Capability.DENY)
_SHOWN = ("create", "delete", "list", "read", "sudo", "update", "patch", "scan")


@dataclass(slots=True)
class Grant:
    """Merged rules of one pattern.

    ``mask`` holds capability bits; DENY stands alone. ``sources`` are the rules it came from with
    their policies' names. ``restricted`` tells that a capability alone does not decide.
    ``answers`` keeps the decisions already given that depend on nothing but the operation.
    """

    pattern: Pattern
    mask: int
    sources: tuple[tuple[str, Rule], ...]
    allowed_parameters: Parameters
    denied_parameters: Parameters
    required_parameters: tuple[str, ...]
    min_wrapping_ttl: int
    max_wrapping_ttl: int
    pagination_limit: int
    filter_path: str
    mfa_methods: tuple[str, ...]
    control_group: ControlGroup | None
    held: tuple[str, ...]
    restricted: bool
    answers: dict[str, Decision] = field(default_factory=dict)

    def policies(self, bit: int) -> tuple[str, ...]:
        """Names of the policies that give a capability here, in their order."""
        return tuple(dict.fromkeys(name for name, rule in self.sources if rule.capabilities & bit))


def merge(pattern: Pattern, sources: Sequence[tuple[str, Rule]]) -> Grant:
    """Capabilities add up and deny wins; an empty list of values admits all of them.

    Of wrapping bounds the smallest each wins, of pagination limits the lowest above zero.
    """
    rules = [rule for _, rule in sources]
    mask = 0
    for rule in rules:
        mask |= rule.capabilities
    if mask & _DENY:
        mask = _DENY
    grant = Grant(
        pattern=pattern,
        mask=mask,
        sources=tuple(sources),
        allowed_parameters=_merge_parameters([rule.allowed_parameters for rule in rules]),
        denied_parameters=_merge_parameters([rule.denied_parameters for rule in rules]),
        required_parameters=_distinct(name for rule in rules for name in rule.required_parameters),
        min_wrapping_ttl=_lowest([rule.min_wrapping_ttl for rule in rules]),
        max_wrapping_ttl=_lowest([rule.max_wrapping_ttl for rule in rules]),
        pagination_limit=_lowest([rule.pagination_limit for rule in rules]),
        filter_path=next((rule.filter_path for rule in rules if rule.filter_path), ""),
        mfa_methods=_distinct(name for rule in rules for name in rule.mfa_methods),
        control_group=next((rule.control_group for rule in rules if rule.control_group), None),
        held=names(mask),
        restricted=False,
    )
    grant.restricted = bool(
        grant.allowed_parameters
        or grant.denied_parameters
        or grant.required_parameters
        or grant.min_wrapping_ttl
        or grant.max_wrapping_ttl
        or grant.pagination_limit
    )
    return grant


def _distinct(names_: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names_))


def _lowest(values: Sequence[int]) -> int:
    if not any(values):
        return 0
    return min((value for value in values if value > 0), default=0)


def _merge_parameters(all_parameters: Sequence[Parameters]) -> Parameters:
    if len(all_parameters) == 1:
        return all_parameters[0]
    merged: dict[str, tuple[Any, ...]] = {}
    for parameters in all_parameters:
        for name, values in parameters.items():
            known = merged.get(name)
            if known is None:
                merged[name] = values
            elif not known or not values:
                merged[name] = ()
            else:
                merged[name] = known + tuple(value for value in values if value not in known)
    return merged


def resultant(grant: Grant) -> Mapping[str, Any]:
    """The grant as ``sys/internal/ui/resultant-acl`` shows it."""
    held = [name for name in _SHOWN if name in grant.held] or list(grant.held)
    shown: dict[str, Any] = {"capabilities": held}
    if grant.allowed_parameters:
        shown["allowed_parameters"] = {name: list(v) for name, v in grant.allowed_parameters.items()}
    if grant.denied_parameters:
        shown["denied_parameters"] = {name: list(v) for name, v in grant.denied_parameters.items()}
    if grant.required_parameters:
        shown["required_parameters"] = list(grant.required_parameters)
    if grant.min_wrapping_ttl:
        shown["min_wrapping_ttl"] = grant.min_wrapping_ttl
    if grant.max_wrapping_ttl:
        shown["max_wrapping_ttl"] = grant.max_wrapping_ttl
    return shown
