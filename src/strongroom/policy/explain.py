"""A decision in words, for those who may ask why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.policy.decision import Decision, Reason

_SENTENCES: Mapping[Reason, str] = {
    Reason.ALLOWED: 'rule "{rule}" grants {wanted}',
    Reason.NO_RULE: "no rule of the token's policies covers this path",
    Reason.CAPABILITY_MISSING: 'rule "{rule}" governs this path and does not grant {wanted}',
    Reason.DENIED: 'rule "{rule}" denies everything on this path',
    Reason.PARAMETER_DENIED: 'rule "{rule}" does not admit parameter "{parameter}" with the value sent',
    Reason.PARAMETER_MISSING: 'rule "{rule}" requires parameter "{parameter}"',
    Reason.WRAPPING_TTL: 'rule "{rule}" requires response wrapping with a TTL within its bounds',
    Reason.PAGINATION: 'rule "{rule}" limits how many entries one listing may ask for',
    Reason.SUDO_NEEDED: 'the path is root-protected and rule "{rule}" does not grant sudo',
    Reason.EXPIRED: 'rule "{rule}" would cover this path but has expired',
    Reason.RELATIVE_PATH: 'paths with the segments "." or ".." are never granted',
    Reason.ENTITY_REFUSED: "the token's entity is disabled or gone: every request with it is refused",
}


def explain(decision: Decision) -> dict[str, Any]:
    """What ``sys/internal/explain`` and the command line show of a decision."""
    return {
        "allowed": decision.allowed,
        "reason": str(decision.reason),
        "sentence": sentence(decision),
        "policies": list(decision.policies),
        "rule": decision.rule,
        "wanted": decision.wanted,
        "held": list(decision.held),
        "parameter": decision.parameter or None,
        "nearest": decision.nearest,
    }


def sentence(decision: Decision) -> str:
    """The reason as one sentence; it names parameters, never their values."""
    if decision.root:
        return "the root policy grants everything"
    if decision.allowed and decision.rule is None:
        return "help is open to everyone"
    return _SENTENCES[decision.reason].format(
        rule=decision.rule, wanted=decision.wanted, parameter=decision.parameter
    )
