"""Templates of claims: JSON in which ``{{...}}`` stands for what is known of an entity, as JSON.

What is put in is encoded as JSON, quotes included, so that no name or metadata can change the shape of
the claims.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from strongroom.errors import BadRequest
from strongroom.hcl import duration
from strongroom.identity.record import Alias, Entity, Group
from strongroom.logical import SECOND

RESERVED = ("iat", "aud", "exp", "iss", "sub", "namespace", "nonce", "auth_time", "at_hash", "c_hash")
"""Claims that the server makes itself."""

_DIRECTIVE = re.compile(r"\{\{([^{}]*)\}\}")
_LONGEST = 1 << 40
"""Seconds by which a time may be moved: far beyond any use, well within what JSON readers can hold."""


@dataclass(slots=True)
class Subject:
    """Whom claims are about, and when. ``now`` is nanoseconds since the epoch."""

    entity: Entity = field(default_factory=lambda: Entity("", ""))
    groups: list[Group] = field(default_factory=list)
    now: int = 0


def decoded(text: str) -> str:
    """A template as it was meant: base64 is undone."""
    if text.lstrip().startswith("{"):
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text


def check(template: str) -> set[str]:
    """The claims that a template makes. Raises BadRequest where it makes none, or some that it may not."""
    claims = render(template, Subject())
    for name in claims:
        if name in RESERVED:
            raise BadRequest(f'top level key "{name}" not allowed. Restricted keys: {", ".join(RESERVED)}')
    return set(claims)


def render(template: str, subject: Subject) -> dict[str, Any]:
    """The claims of a subject. Raises BadRequest for what is no template."""
    if not template.strip():
        return {}
    rest = _DIRECTIVE.sub("", template)
    if "{{" in rest:
        raise BadRequest("error parsing template: unbalanced templating characters")
    text = _DIRECTIVE.sub(lambda found: orjson.dumps(_value(found[1].strip(), subject)).decode(), template)
    try:
        claims = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"error parsing template JSON: {error.msg}") from None
    if not isinstance(claims, dict):
        raise BadRequest("error parsing template JSON: expected an object")
    return claims


def _value(directive: str, subject: Subject) -> Any:
    """What a directive stands for; empty, of its type, where there is no such thing."""
    entity = subject.entity
    match directive.split(".", 3):
        case ["identity", "entity", "id"]:
            return entity.id
        case ["identity", "entity", "name"]:
            return entity.name
        case ["identity", "entity", "metadata"]:
            return entity.metadata or {}
        case ["identity", "entity", "metadata", key]:
            return (entity.metadata or {}).get(key, "")
        case ["identity", "entity", "groups", "names"]:
            return [group.name for group in subject.groups]
        case ["identity", "entity", "groups", "ids"]:
            return [group.id for group in subject.groups]
        case ["identity", "entity", "aliases", rest]:
            return _of_alias(*rest.partition(".")[::2], entity)
        case ["time", "now", *operation]:
            return _time(operation, subject.now)
        case ["identity", "groups", *_]:
            raise BadRequest(
                "error parsing template: string contains groups template directives "
                "but no groups were provided"
            )
    raise _nothing()


def _of_alias(accessor: str, part: str, entity: Entity) -> Any:
    alias = entity.alias_at(accessor) or Alias("", "", accessor, "")
    section, dot, key = part.partition(".")
    if section in ("id", "name") and not dot:
        return getattr(alias, section)
    if section in ("metadata", "custom_metadata"):
        pairs = getattr(alias, section) or {}
        return pairs.get(key, "") if dot else pairs
    raise _nothing()


def _time(operation: list[str], now: int) -> int:
    """The time in seconds, moved by ``plus`` or ``minus`` a duration."""
    seconds = now // SECOND
    if not operation:
        return seconds
    if len(operation) < 2:
        raise BadRequest("error parsing template: missing time operand")
    sign = {"plus": 1, "minus": -1}.get(operation[0])
    if sign is None:
        raise BadRequest(f'error parsing template: invalid time operator "{operation[0]}"')
    try:
        moved = duration.parse(operation[1])
    except duration.InvalidDuration as error:
        raise BadRequest(f"error parsing template: invalid duration: {error.reason}") from None
    if abs(moved) > _LONGEST:
        raise BadRequest("error parsing template: invalid duration: too long")
    return seconds + sign * moved


def _nothing() -> BadRequest:
    return BadRequest("error parsing template: no value could be found for one of the template directives")
