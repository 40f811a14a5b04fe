"""Time as it stands on the wire: RFC 3339, UTC, nanoseconds without trailing zeros."""

from __future__ import annotations

import calendar
import time

now = time.time_ns
"""Nanoseconds since the epoch; the core takes it as a parameter, tests pass their own."""

_SECOND = 1_000_000_000
_cached: tuple[int, str] = (-1, "")


def rfc3339(nanoseconds: int) -> str:
    """``2026-11-22T20:09:24.723377545Z``; the text of the last second is kept."""
    global _cached  # noqa: PLW0603  one second's text serves thousands of requests
    seconds, fraction = divmod(nanoseconds, _SECOND)
    if _cached[0] != seconds:
        _cached = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)))
    text = _cached[1]
    if not fraction:
        return text + "Z"
    return f"{text}.{f'{fraction:09d}'.rstrip('0')}Z"


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch of such a text. Raises ValueError."""
    if not text.endswith("Z"):
        raise ValueError("time is not in UTC")
    whole, _, fraction = text[:-1].partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * _SECOND + int(fraction.ljust(9, "0")[:9] or "0")
