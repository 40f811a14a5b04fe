"""Readers of single values: a node of the tree in, a Python value out.

A reader raises BadValue with words that name what was expected, never what was written: the
value may be a secret in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from strongroom.errors import BadRequest
from strongroom.hcl import List, Literal, Node, Object
from strongroom.hcl.duration import SECOND, parse_nanoseconds
from strongroom.secret import Secret

Reader = Callable[[Node], Any]

Headers = dict[str, dict[str, str]]
"""Header values by name, by status code (``200``), class (``4xx``) or ``default``."""


class BadValue(ValueError):
    """Not a value for this key; the words complete a sentence that begins with the key."""


_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_STATUS = re.compile(r"default|[1-5](?:xx|\d\d)", re.ASCII)


def text(node: Node) -> str:
    """A string; numbers count as their spelling."""
    if not isinstance(node, Literal) or isinstance(node.value, bool):
        raise BadValue("must be a string")
    return str(node.value)


def secret(node: Node) -> Secret[str]:
    """A string that nothing may show."""
    return Secret(text(node))


def flag(node: Node) -> bool:
    """A bool, a number, or one of the words that Go's ``strconv.ParseBool`` takes."""
    value = node.value if isinstance(node, Literal) else ""
    if isinstance(value, bool | int):
        return bool(value)
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise BadValue("must be true or false")


def whole(node: Node) -> int:
    """A whole number, not negative, with or without quotes."""
    value = node.value if isinstance(node, Literal) else ""
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadValue("must be a whole number")
    if value < 0:
        raise BadValue("cannot be negative")
    return value


def duration(node: Node) -> float:
    """Seconds of a number or of a duration such as ``90s``, ``1h30m`` or ``2d``."""
    if not isinstance(node, Literal) or isinstance(node.value, bool):
        raise BadValue("must be a duration")
    try:
        nanoseconds = parse_nanoseconds(node.value)
    except BadRequest:
        raise BadValue("must be a duration such as 90s, 1h30m or 2d") from None
    if nanoseconds < 0:
        raise BadValue("cannot be negative")
    return nanoseconds / SECOND


def ttl(node: Node) -> int:
    """A duration in whole seconds."""
    return int(duration(node))


def words(node: Node) -> tuple[str, ...]:
    """A list of strings, or one string with commas."""
    if isinstance(node, List):
        return tuple(text(item) for item in node.items)
    return tuple(part.strip() for part in text(node).split(",") if part.strip())


def networks(node: Node) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and CIDR blocks."""
    try:
        return tuple(ip_network(word, strict=False) for word in words(node))
    except ValueError:
        raise BadValue("must be a list of IP addresses or CIDR blocks") from None


def mode(node: Node) -> int:
    """Permission bits in octal."""
    try:
        return int(text(node), 8)
    except ValueError:
        raise BadValue("must be octal permission bits such as 0600") from None


def choice(*allowed: str) -> Reader:
    """One of some words, in any case."""

    def read(node: Node) -> str:
        word = text(node).lower()
        if word not in allowed:
            raise BadValue(f"must be one of {', '.join(filter(None, allowed))}")
        return word

    return read


def choices(*allowed: str) -> Reader:
    """Several of some words, in any case."""

    def read(node: Node) -> tuple[str, ...]:
        found = tuple(word.lower() for word in words(node))
        if not set(found) <= set(allowed):
            raise BadValue(f"must be a list of {', '.join(allowed)}")
        return found

    return read


def table(node: Node) -> dict[str, str]:
    """Strings by name; the numbers and bools in it become strings."""
    if not isinstance(node, Object):
        raise BadValue("must be a block")
    return {item.name: _word(item.value) for item in node.items}


def _word(node: Node) -> str:
    if isinstance(node, Literal) and isinstance(node.value, bool):
        return "true" if node.value else "false"
    return text(node)


def headers(node: Node) -> Headers:
    """Response headers by status; several values of one header are joined with ``; ``."""
    if not isinstance(node, Object):
        raise BadValue("must be a block")
    found: Headers = {}
    for item in node.items:
        if not _STATUS.fullmatch(item.name):
            raise BadValue("must be keyed by default, a class such as 4xx, or a status code")
        if not isinstance(item.value, Object):
            raise BadValue("must hold header names and values for every status")
        found[item.name] = {header.name: _joined(header.value) for header in item.value.items}
    return found


def _joined(node: Node) -> str:
    values = [text(item) for item in node.items] if isinstance(node, List) else [text(node)]
    if any("\r" in value or "\n" in value for value in values):
        raise BadValue("header values cannot hold line breaks")
    return "; ".join(values)


def anything(node: Node) -> Any:
    """Whatever stands there, unread: for keys that have no meaning here."""
    return node.plain()
