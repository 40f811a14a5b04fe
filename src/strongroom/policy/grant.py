"""What all policies of a token say together about one pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from strongroom.policy.decision import Decision
from strongroom.policy.pattern import Pattern
from strongroom.policy.rule import CAPABILITIES, Parameters, Rule, names

_DENY = CAPABILITIES["deny"]
_SHOWN = ("create", "delete", "list", "read", "sudo", "update", "patch", "scan")


@dataclass(slots=True)
class Grant:
    """The merged rule of one pattern.

    ``mask`` holds capability bits; DENY stands alone. ``sources`` are the rules it came from with
    their policies' names. ``restricted`` tells that a capability alone does not decide.
    ``answers`` keeps the decisions already given that depend on nothing but the operation.
    """

    pattern: Pattern
    rule: Rule
    sources: Sequence[tuple[str, Rule]]
    mask: int
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
    rule = sources[0][1] if len(sources) == 1 else reduce(_combine, (rule for _, rule in sources))
    mask = _DENY if rule.capabilities & _DENY else rule.capabilities
    restricted = (
        rule.max_wrapping_ttl > 0
        or rule.min_wrapping_ttl > 0
        or rule.pagination_limit > 0
        or bool(rule.allowed_parameters or rule.denied_parameters or rule.required_parameters)
    )
    return Grant(pattern, rule, sources, mask, names(mask), restricted)


def _combine(one: Rule, other: Rule) -> Rule:
    return replace(
        one,
        capabilities=one.capabilities | other.capabilities,
        allowed_parameters=_combine_parameters(one.allowed_parameters, other.allowed_parameters),
        denied_parameters=_combine_parameters(one.denied_parameters, other.denied_parameters),
        required_parameters=_distinct(one.required_parameters + other.required_parameters),
        min_wrapping_ttl=_lowest(one.min_wrapping_ttl, other.min_wrapping_ttl),
        max_wrapping_ttl=_lowest(one.max_wrapping_ttl, other.max_wrapping_ttl),
        pagination_limit=_lowest(one.pagination_limit, other.pagination_limit),
        filter_path=one.filter_path or other.filter_path,
        mfa_methods=_distinct(one.mfa_methods + other.mfa_methods),
        control_group=one.control_group or other.control_group,
    )


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _lowest(one: int, other: int) -> int:
    return min((value for value in (one, other) if value > 0), default=0)


def _combine_parameters(one: Parameters, other: Parameters) -> Parameters:
    combined = dict(one)
    for name, values in other.items():
        known = combined.get(name)
        if known is None:
            combined[name] = values
        elif not known or not values:
            combined[name] = ()
        else:
            combined[name] = known + tuple(value for value in values if not _listed(value, known))
    return combined


def _listed(value: Any, values: Sequence[Any]) -> bool:
    """Whether a value is among others; ``true`` is not 1 here."""
    return any(type(value) is type(other) and value == other for other in values)


def resultant(grant: Grant) -> Mapping[str, Any]:
    """The grant as ``sys/internal/ui/resultant-acl`` shows it."""
    rule = grant.rule
    held = [name for name in _SHOWN if name in grant.held] or list(grant.held)
    optional = {
        "allowed_parameters": {name: list(values) for name, values in rule.allowed_parameters.items()},
        "denied_parameters": {name: list(values) for name, values in rule.denied_parameters.items()},
        "required_parameters": list(rule.required_parameters),
        "min_wrapping_ttl": rule.min_wrapping_ttl,
        "max_wrapping_ttl": rule.max_wrapping_ttl,
    }
    return {"capabilities": held} | {key: value for key, value in optional.items() if value}
