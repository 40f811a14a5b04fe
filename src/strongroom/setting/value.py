"""Readers of single values: a node of the tree in, a Python value out. They raise BadValue."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from strongroom.errors import BadRequest
from strongroom.hcl import List, Literal, Node
from strongroom.hcl.duration import SECOND, parse_nanoseconds
from strongroom.secret import Secret
from strongroom.setting.problem import BadValue

Reader = Callable[[Node], Any]

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


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


def integer(node: Node) -> int:
    """A whole number, with or without quotes."""
    value = node.value if isinstance(node, Literal) else ""
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadValue("must be a whole number")
    return value


def whole(node: Node) -> int:
    """A whole number, not negative."""
    value = integer(node)
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


def words(node: Node) -> tuple[str, ...]:
    """A list of strings, or one string with commas."""
    if isinstance(node, List):
        return tuple(text(item) for item in node.items)
    return tuple(part.strip() for part in text(node).split(",") if part.strip())


def choice(*allowed: str) -> Reader:
    """One of some words, in any case."""

    def read(node: Node) -> str:
        word = text(node).lower()
        if word not in allowed:
            raise BadValue(f"must be one of {', '.join(filter(None, allowed))}")
        return word

    return read


def anything(node: Node) -> Any:
    """Whatever stands there, unread: for keys that have no meaning here."""
    return node.plain()
