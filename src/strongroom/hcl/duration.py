"""Durations as Go writes them: ``1h30m``, ``1.5s``, ``250ms``; and Vault's plain seconds and ``2d``."""

from __future__ import annotations

import re
from fractions import Fraction

from strongroom.errors import BadRequest

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_PLAIN_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND}
_PLAIN_LENGTH = 7
_MAX_LENGTH = 64
_REASON = "time: invalid duration"
_MAX = (1 << 63) - 1


class InvalidDuration(BadRequest):
    """Not a duration; the sentence is Go's and quotes the value, ``reason`` is without it.

    For what a request submitted only the reason may be told: it could be a secret in the wrong field.
    """

    def __init__(self, public: str, reason: str = "") -> None:
        super().__init__(public)
        self.reason = reason or public


def parse(value: str | float) -> int:
    """Whole seconds, fractions dropped. Raises InvalidDuration."""
    nanoseconds = parse_nanoseconds(value)
    return nanoseconds // SECOND if nanoseconds >= 0 else -(-nanoseconds // SECOND)


def parse_nanoseconds(value: str | float) -> int:
    """Nanoseconds of a duration string or of a number of seconds.

    A number without a unit counts seconds, ``d`` is a day of 24 hours and stands alone; an
    empty string is zero. Negative values are returned as such: the caller knows whether they
    make sense. Raises InvalidDuration, also for what does not fit 63 bits.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidDuration("could not parse duration from input")
    if isinstance(value, str):
        result = _parse_text(value)
    elif isinstance(value, int) or abs(value) < _MAX:
        result = int(value * SECOND)
    else:
        raise InvalidDuration("could not parse duration from input")
    if abs(result) > _MAX:
        raise InvalidDuration(
            "multiplication of durations resulted in overflow, one operand may be too large"
        )
    return result


def _parse_text(text: str) -> int:
    if not text:
        return 0
    if len(text) > _MAX_LENGTH:
        raise _invalid(text[:_MAX_LENGTH] + "...")
    if _WHOLE.fullmatch(text):
        return int(text) * SECOND
    if text.endswith("d"):
        if not _WHOLE.fullmatch(text[:-1]):
            raise InvalidDuration(f"strconv.ParseInt: parsing {_quote(text[:-1])}: invalid syntax", _REASON)
        return int(text[:-1]) * DAY
    return parse_go(text)


def parse_go(text: str) -> int:
    """Nanoseconds of a string that Go's ``time.ParseDuration`` accepts. Raises InvalidDuration."""
    size = _PLAIN_UNITS.get(text[-1:])
    if size is not None and text[:-1].isdecimal() and text.isascii() and len(text) < _PLAIN_LENGTH:
        return int(text[:-1]) * size  # what nearly every request says, without fractions
    if len(text) > _MAX_LENGTH:
        raise _invalid(text[:_MAX_LENGTH] + "...")
    negative, rest = text[:1] == "-", text.lstrip("+-") if text[:1] in ("+", "-") else text
    if len(text) - len(rest) > 1 or not rest:
        raise _invalid(text)
    if rest == "0":
        return 0
    total, offset = 0, 0
    while offset < len(rest):
        match = _PART.match(rest, offset)
        if match is None:
            raise _invalid(text)
        number, unit = match.groups()
        if not unit:
            raise InvalidDuration(
                f"time: missing unit in duration {_quote(text)}", "time: missing unit in duration"
            )
        if unit not in _UNITS:
            raise InvalidDuration(
                f"time: unknown unit {_quote(unit)} in duration {_quote(text)}",
                "time: unknown unit in duration",
            )
        total += int(Fraction(number.rstrip(".")) * _UNITS[unit])
        offset = match.end()
    if total > _MAX:
        raise _invalid(text)
    return -total if negative else total


def _invalid(text: str) -> InvalidDuration:
    return InvalidDuration(f"time: invalid duration {_quote(text)}", _REASON)


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def format_go(nanoseconds: int) -> str:
    """As Go prints a duration: ``768h0m0s``, ``1m30s``, ``1.5s``, ``100ms``, ``0s``."""
    sign, rest = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    if rest == 0:
        return "0s"
    for unit, size in (("ns", NANOSECOND), ("µs", MICROSECOND), ("ms", MILLISECOND)):
        if rest < min(size * 1000, SECOND):
            return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, rest = divmod(rest, MINUTE)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{_decimal(rest, SECOND)}s"


def _decimal(value: int, size: int) -> str:
    whole, fraction = divmod(value, size)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:0{len(str(size)) - 1}d}".rstrip("0")


def format_short(seconds: int) -> str:
    """Without the zero parts at the end, as warnings about TTLs have it: ``768h``, ``1h30m``, ``0s``."""
    text = format_go(seconds * SECOND)
    if text.endswith("m0s"):
        text = text[:-2]
    if text.endswith("h0m"):
        text = text[:-2]
    return text
