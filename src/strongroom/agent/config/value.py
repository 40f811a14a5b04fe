"""Readers of single values that only the agent's configuration has."""

from __future__ import annotations

import re
import signal
from typing import Any

from strongroom.hcl import List, Literal, Node, Object
from strongroom.setting import BadValue
from strongroom.setting.value import flag, text

_OCTAL = re.compile(r"0?o?[0-7]{1,4}", re.ASCII)


def fraction(node: Node) -> float:
    """A number with or without a fraction."""
    try:
        return float(text(node))
    except ValueError:
        raise BadValue("must be a number") from None


def texts(node: Node) -> tuple[str, ...]:
    """A list of strings, or one string as it is."""
    return tuple(text(item) for item in node.items) if isinstance(node, List) else (text(node),)


def command(node: Node) -> tuple[str, ...]:
    """A command: a list of words is run as it stands, a line of several words by the shell."""
    found = texts(node)
    if len(found) != 1:
        return found
    line = found[0].strip()
    if not line:
        return ()
    return ("/bin/sh", "-c", line) if len(line.split()) > 1 else (line,)


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


def signal_number(node: Node) -> int:
    """The name of a signal, with or without SIG; 0 for none."""
    word = text(node).upper()
    if word in {"", "SIGNULL", "NULL"}:
        return 0
    found = getattr(signal.Signals, word if word.startswith("SIG") else f"SIG{word}", None)
    if not isinstance(found, signal.Signals):
        raise BadValue("must be the name of a signal such as SIGTERM")
    return int(found)


def caught_signal(node: Node) -> int:
    """The name of a signal that a process can hear."""
    number = signal_number(node)
    if number in {signal.SIGKILL, signal.SIGSTOP}:
        raise BadValue("must be a signal that can be caught")
    return number


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
