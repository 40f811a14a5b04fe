"""Paths that depend on who asks: ``{{identity.entity.id}}`` and its kin.

The identity is a mapping of this shape, any part of which may be absent::

    {"entity": {"id": "", "name": "", "metadata": {}, "aliases": {"<accessor>": {
         "id": "", "name": "", "metadata": {}, "custom_metadata": {}}}},
     "groups": [{"id": "", "name": "", "metadata": {}}]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from strongroom.errors import BadRequest, PermissionDenied
from strongroom.policy.rule import Policy, Rule

_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}")


class ForbiddenValue(PermissionDenied):
    """A value of the identity would widen a path, so no policy of the token is trusted."""


def validate(path: str) -> None:
    """Raise BadRequest when the braces of a path do not pair."""
    rest = _DIRECTIVE.sub("", path)
    if "{{" in rest or "}}" in rest:
        raise BadRequest("failed to validate policy templating: unbalanced templating characters")


def render(policy: Policy, identity: Mapping[str, Any]) -> Policy:
    """The policy for one identity: a rule whose path asks for a value that is not there drops out.

    Raises ForbiddenValue when a value holds ``*`` or ``+`` (unless the policy allows wildcards) or
    ``/`` (unless it allows slashes): leaving only that rule out could drop a ``deny``.
    """
    if not policy.templated:
        return policy
    rules = (_render_rule(policy, rule, identity) for rule in policy.rules)
    return replace(policy, rules=tuple(rule for rule in rules if rule is not None))


def _render_rule(policy: Policy, rule: Rule, identity: Mapping[str, Any]) -> Rule | None:
    if not rule.templated:
        return rule
    parts: list[str] = []
    offset = 0
    for match in _DIRECTIVE.finditer(rule.path):
        value = lookup(match[1].strip(), identity)
        if not value:
            return None
        _refuse_widening(policy, rule, value)
        parts += (rule.path[offset : match.start()], value)
        offset = match.end()
    path = "".join(parts) + rule.path[offset:]
    if "{{" in path or "+*" in path:
        raise ForbiddenValue(cause=f"policy {policy.name!r}: template in path {rule.path!r} yields no path")
    return replace(rule, path=path.removeprefix("/"))


def _refuse_widening(policy: Policy, rule: Rule, value: str) -> None:
    forbidden = ("" if policy.allow_wildcards else "*+") + ("" if policy.allow_slashes else "/")
    found = next((char for char in forbidden if char in value), None)
    if found:
        cause = f"policy {policy.name!r}: template in path {rule.path!r} yields a value with {found!r}"
        raise ForbiddenValue(cause=cause)


def lookup(directive: str, identity: Mapping[str, Any]) -> str | None:
    """The value of a directive such as ``identity.entity.name``, None when there is no such thing."""
    match directive.split(".", 3):
        case ["identity", "entity", "id" | "name" as key]:
            return _text(_part(identity, "entity"), key)
        case ["identity", "entity", "metadata", key]:
            return _text(_part(identity, "entity", "metadata"), key)
        case ["identity", "entity", "aliases", rest]:
            accessor, _, field = rest.partition(".")
            return _field(_part(identity, "entity", "aliases", accessor), field)
        case ["identity", "groups", "ids", rest]:
            group, _, field = rest.partition(".")
            return _field(_group(identity, "id", group), field)
        case ["identity", "groups", "names", rest]:
            group, _, field = rest.partition(".")
            return _field(_group(identity, "name", group), field)
    return None


def _field(owner: Mapping[str, Any], field: str) -> str | None:
    if field in ("id", "name"):
        return _text(owner, field)
    section, _, key = field.partition(".")
    if section in ("metadata", "custom_metadata"):
        return _text(_part(owner, section), key)
    return None


def _group(identity: Mapping[str, Any], by: str, value: str) -> Mapping[str, Any]:
    return next((group for group in identity.get("groups") or () if group.get(by) == value), {})


def _part(owner: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        owner = owner.get(key) or {}
    return owner


def _text(owner: Mapping[str, Any], key: str) -> str | None:
    value = owner.get(key)
    return value if isinstance(value, str) else None
