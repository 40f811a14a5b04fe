"""Whether the parameters of a request are what a rule admits. Values never leave this module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.policy.decision import Reason
from strongroom.policy.rule import Parameters

ANY = "*"


def missing(required: Sequence[str], data: Mapping[str, Any]) -> str | None:
    """The first required parameter that the request lacks; engines know its name in one spelling only."""
    return next((name for name in required if name not in data and name.lower() not in data), None)


def refused(allowed: Parameters, denied: Parameters, data: Mapping[str, Any]) -> str | None:
    """The first parameter that may not be sent with its value; denials come before grants."""
    for name, value in data.items():
        if ANY in denied or _is_denied(denied.get(name.lower()), value):
            return name
        if allowed and not _is_allowed(allowed, name.lower(), value):
            return name
    return None


def check(
    required: Sequence[str], allowed: Parameters, denied: Parameters, data: Mapping[str, Any]
) -> tuple[Reason, str] | None:
    """None when the parameters pass, else the reason and the parameter's name."""
    if required and (name := missing(required, data)) is not None:
        return Reason.PARAMETER_MISSING, name
    if data and (allowed or denied) and (name := refused(allowed, denied, data)) is not None:
        return Reason.PARAMETER_DENIED, name
    return None


def _is_allowed(allowed: Parameters, name: str, value: Any) -> bool:
    values = allowed.get(name)
    if values is None:
        return ANY in allowed
    return not values or any(_equal(wanted, value) for wanted in values)


def _is_denied(values: Sequence[Any] | None, value: Any) -> bool:
    """Stricter than equality: engines turn ``5`` into ``"5"`` and ``["a"]`` into ``"a"``, so both count."""
    if values is None:
        return False
    if not values:
        return True
    items = value if isinstance(value, list) else (value,)
    return any(_equal(wanted, item) or _text(wanted) == _text(item) for wanted in values for item in items)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equal(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return glob(wanted, value)
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return bool(wanted == value)


def glob(pattern: str, value: str) -> bool:
    """Match with a ``*`` at the begin, the end, or both; a lone ``*`` is no wildcard but itself."""
    if len(pattern) < 2:
        return pattern == value
    if pattern[0] == "*" and pattern[-1] == "*":
        return pattern[1:-1] in value
    if pattern[0] == "*":
        return value.endswith(pattern[1:])
    if pattern[-1] == "*":
        return value.startswith(pattern[:-1])
    return pattern == value
