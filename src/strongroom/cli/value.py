"""Values as text: the way Go's %v prints them, since that is what table readers parse."""

from __future__ import annotations

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

DURATION_NAMES = frozenset({"period", "ttl", "duration", "lease_max", "ttl_max"})
DURATION_ENDS = ("_period", "_ttl", "_duration")


def plain(value: Any) -> str:
    """``map[a:1 b:<nil>]``, ``[x y]``, ``true``, ``<nil>``, or the text itself."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(plain, value)) + "]"
    return str(value)


def quoted(values: list[str] | None) -> str:
    """``["a" "b"]``: how lists of policies are shown."""
    return "[" + " ".join(f'"{value}"' for value in values or []) + "]"


def is_duration(name: str) -> bool:
    """Whether a field of this name holds seconds."""
    return name in DURATION_NAMES or name.endswith(DURATION_ENDS)


def duration(seconds: Any) -> str:
    """``1h30m`` for 5400; whatever is not a whole number of seconds stays as it is."""
    try:
        left = int(str(seconds))
    except ValueError:
        return plain(seconds)
    sign, left = ("-", -left) if left < 0 else ("", left)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    parts = ((hours, "h"), (minutes, "m"), (left, "s"))
    return (
        sign + "".join(f"{count}{unit}" for count, unit in parts if count)
        if any((hours, minutes, left))
        else "0s"
    )


def go_duration(seconds: float) -> str:
    """``1h30m0s`` for 5400: the spelling the API's headers and fields take."""
    whole = int(seconds)
    if whole != seconds:
        return f"{seconds:g}s"
    sign, whole = ("-", -whole) if whole < 0 else ("", whole)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    text = f"{left}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else sign + text


def field_text(name: str, value: Any) -> str:
    """A table cell: seconds humanised where the name says so."""
    if is_duration(name) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return duration(value)
    return plain(value)
