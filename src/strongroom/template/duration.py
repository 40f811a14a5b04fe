"""Spans of time in Go's notation: ``1h30m0s``."""

from __future__ import annotations

import re

UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")


def duration_text(nanoseconds: int) -> str:
    """Hours, minutes and seconds; spans below a second in the largest unit that fits."""
    size = abs(int(nanoseconds))
    sign = "-" if nanoseconds < 0 else ""
    if size == 0:
        return "0s"
    if size < UNITS["s"]:
        unit = next(name for name in ("ms", "µs", "ns") if size >= UNITS[name])
        return sign + _with_fraction(size, UNITS[unit]) + unit
    minutes, rest = divmod(size, UNITS["m"])
    seconds = _with_fraction(rest, UNITS["s"]) + "s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _with_fraction(size: int, unit: int) -> str:
    whole, rest = divmod(size, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def parse_duration(text: str) -> int:
    """Nanoseconds of ``1h30m`` and its like. ValueError where it is none."""
    body = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if body == "0":
        return 0
    total = 0
    position = 0
    while position < len(body):
        match = PART.match(body, position)
        if match is None or not (match.group(1) or match.group(2)):
            raise ValueError
        whole, fraction, unit = match.group(1) or "0", match.group(2) or "", UNITS[match.group(3)]
        total += int(whole) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        position = match.end()
    if not body or total >= 1 << 63:
        raise ValueError
    return -total if text.startswith("-") else total
