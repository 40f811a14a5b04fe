"""Readers of single values: a node of the tree in, a Python value out. They raise BadValue."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

from strongroom.agent.config.error import BadValue
from strongroom.errors import BadRequest
from strongroom.hcl import List, Literal, Node, Object
from strongroom.hcl.duration import SECOND, parse_nanoseconds
from strongroom.secret import Secret

Reader = Callable[[Node], Any]

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_OCTAL = re.compile(r"0?o?[0-7]{1,4}", re.ASCII)


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


def count(node: Node) -> int:
    """A whole number, not negative."""
    value = integer(node)
    if value < 0:
        raise BadValue("cannot be negative")
    return value


def fraction(node: Node) -> float:
    """A number with or without a fraction."""
    try:
        return float(text(node))
    except ValueError:
        raise BadValue("must be a number") from None


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


def texts(node: Node) -> tuple[str, ...]:
    """A list of strings, or one string as it is."""
    return tuple(text(item) for item in node.items) if isinstance(node, List) else (text(node),)


def command(node: Node) -> tuple[str, ...]:
    """A command: a list of words is run as it stands, one string by the shell; a URL stands for itself."""
    found = texts(node)
    if len(found) != 1 or isinstance(node, List):
        return found
    line = found[0].strip()
    if not line:
        return ()
    return (line,) if line.startswith(("http://", "https://")) else ("/bin/sh", "-c", line)


def mode(node: Node) -> int:
    """Permission bits: octal in quotes or with a leading zero; any other number is taken as it is."""
    if isinstance(node, Literal) and isinstance(node.value, int) and not isinstance(node.value, bool):
        value = node.value
    else:
        word = text(node)
        if not _OCTAL.fullmatch(word):
            raise BadValue("must be octal permission bits such as 0640")
        value = int(word.lower().replace("o", ""), 8)
    if not 0 <= value <= 0o7777:
        raise BadValue("must be octal permission bits such as 0640")
    return value


def choice(*allowed: str) -> Reader:
    """One of some words, in any case."""

    def read(node: Node) -> str:
        word = text(node).lower()
        if word not in allowed:
            raise BadValue(f"must be one of {', '.join(filter(None, allowed))}")
        return word

    return read


def signal_number(node: Node) -> int:
    """The name of a signal, with or without SIG; 0 for none."""
    word = text(node).upper()
    if word in {"", "SIGNULL", "NULL"}:
        return 0
    found = getattr(signal.Signals, word if word.startswith("SIG") else f"SIG{word}", None)
    if not isinstance(found, signal.Signals):
        raise BadValue("must be the name of a signal such as SIGTERM")
    return int(found)


def table(node: Node) -> dict[str, Any]:
    """A block of keys that are read later, by whom they concern."""
    found: dict[str, Any] = {}
    bodies = node.items if isinstance(node, List) else (node,)
    for body in bodies:
        if not isinstance(body, Object):
            raise BadValue("must be a block")
        found |= body.plain()
    return found


def forced(node: Node) -> str:
    """``force``, ``true``, or nothing for false."""
    if isinstance(node, Literal) and node.value == "force":
        return "force"
    return "true" if flag(node) else ""


def text_or_block(node: Node) -> str | dict[str, Any]:
    """A string, or a block whose keys are read later."""
    return text(node) if isinstance(node, Literal) else table(node)


def duration_or_block(node: Node) -> float | dict[str, Any]:
    """Seconds, or a block whose keys are read later."""
    return duration(node) if isinstance(node, Literal) else table(node)


def anything(node: Node) -> Any:
    """Whatever stands there, unread: for keys that have no meaning here."""
    return node.plain()
