"""What plain scalars of YAML stand for, and in which order keys are written: the rules of Go's library."""

from __future__ import annotations

import math
import re
from itertools import takewhile
from typing import Any

from strongroom.template.literal import whole
from strongroom.template.value import Uint64, kind

WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:(?:[Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2}))"
    r"|(?: [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?))?",
)


def resolve(text: str) -> Any:
    """What a plain scalar stands for: nothing, a truth value, a number, or itself."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    number = whole(digits)
    if number is not None and -(1 << 63) <= number < 1 << 64:
        return number if number < 1 << 63 else Uint64(number)
    real = float(digits) if FLOAT.fullmatch(digits) else math.inf
    return text if math.isinf(real) else real


def is_plain_text(text: str) -> bool:
    """Whether a text stays a text when it is written without quotes."""
    return isinstance(resolve(text), str) and not DATE.fullmatch(text) and not SEXAGESIMAL.fullmatch(text)


KINDS = ("bool", "int", "uint", "float", "invalid", "string")


def order(left: Any, right: Any) -> int:
    """Keys: truth values and numbers by their size, then texts, in which numbers count as such."""
    kinds = kind(left), kind(right)
    if "string" not in kinds and "invalid" not in kinds:
        return _sign(float(left) - float(right)) or _sign(KINDS.index(kinds[0]) - KINDS.index(kinds[1]))
    if kinds != ("string", "string"):
        return _sign(KINDS.index(kinds[0]) - KINDS.index(kinds[1]))
    at = next((at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        return _sign(len(left) - len(right))
    if left[at].isalpha() or right[at].isalpha():
        both = left[at].isalpha() and right[at].isalpha()
        return _sign(ord(left[at]) - ord(right[at])) if both else -1 if right[at].isalpha() else 1
    numbers = _number(left, at), _number(right, at)
    if numbers[0] != numbers[1]:
        return -1 if numbers[0] < numbers[1] else 1
    return _sign(ord(left[at]) - ord(right[at]))


def _number(text: str, at: int) -> tuple[int, int]:
    """The number that stands at a place, from its first digit that counts, and how long it is."""
    digits = "".join(takewhile(str.isdecimal, text[at:]))
    before = "".join(takewhile(str.isdecimal, reversed(text[:at])))
    begun = "1" if before.strip("0") else ""
    return int((begun + digits)[:400] or "0"), len(digits)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
