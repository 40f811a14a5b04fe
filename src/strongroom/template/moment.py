"""Times: Go's layouts, written after the example ``Mon Jan 2 15:04:05 MST 2006``."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, ClassVar

from strongroom.template.function import TYPES, GoType, declared
from strongroom.template.value import Duration, Int64, Record, Sized

CHUNK = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|[.,](?:0+|9+)(?![0-9])",
)
FRACTION = re.compile(r"[.,](?:0+|9+)(?![0-9])")
LONGEST = 1000  # characters of a layout to read by
RFC3339 = "2006-01-02T15:04:05Z07:00"
RFC3339NANO = "2006-01-02T15:04:05.999999999Z07:00"
STRING = "2006-01-02 15:04:05.999999999 -0700 MST"


class Month(Sized):
    go_type = "time.Month"


class Weekday(Sized):
    go_type = "time.Weekday"


@dataclass(frozen=True)
class Time(Record):
    """A moment, in a zone."""

    go_type: ClassVar[str] = "time.Time"
    pointer: ClassVar[bool] = False

    moment: datetime

    def text(self) -> str:
        return write(self.moment, STRING)

    def json(self) -> str:
        return write(self.moment, RFC3339NANO)

    def syntax(self) -> str:
        m = self.moment
        name = getattr(m.tzinfo, "key", "")
        place = f'time.Location("{name}")' if name else "time.Local"
        place = "time.UTC" if m.tzinfo is UTC else place
        clock = f"{m.hour}, {m.minute}, {m.second}, {m.microsecond * 1000}"
        return f"time.Date({m.year}, time.{calendar.month_name[m.month]}, {m.day}, {clock}, {place})"


ZERO = Time(datetime(1, 1, 1, tzinfo=UTC))
TYPES[Time] = GoType("time.Time", "")


def write(moment: datetime, layout: str) -> str:
    """A moment in a layout."""
    return CHUNK.sub(lambda match: _chunk(moment, match.group()), layout)


def _chunk(moment: datetime, chunk: str) -> str:
    if chunk in PARTS:
        return PARTS[chunk](moment)
    if chunk[0] in "-Z":
        return _zone(moment, chunk)
    digits = f"{moment.microsecond * 1000:09d}"[: len(chunk) - 1]
    if chunk[1] == "9":
        digits = digits.rstrip("0")
        return chunk[0] + digits if digits else ""
    return chunk[0] + digits.ljust(len(chunk) - 1, "0")


def _hour(moment: datetime) -> int:
    return moment.hour % 12 or 12


PARTS: dict[str, Callable[[datetime], str]] = {
    "January": lambda m: calendar.month_name[m.month],
    "Jan": lambda m: calendar.month_abbr[m.month],
    "1": lambda m: str(m.month),
    "01": lambda m: f"{m.month:02d}",
    "Monday": lambda m: calendar.day_name[m.weekday()],
    "Mon": lambda m: calendar.day_abbr[m.weekday()],
    "2": lambda m: str(m.day),
    "_2": lambda m: f"{m.day:2d}",
    "02": lambda m: f"{m.day:02d}",
    "002": lambda m: f"{m.timetuple().tm_yday:03d}",
    "__2": lambda m: f"{m.timetuple().tm_yday:3d}",
    "15": lambda m: f"{m.hour:02d}",
    "3": lambda m: str(_hour(m)),
    "03": lambda m: f"{_hour(m):02d}",
    "4": lambda m: str(m.minute),
    "04": lambda m: f"{m.minute:02d}",
    "5": lambda m: str(m.second),
    "05": lambda m: f"{m.second:02d}",
    "2006": lambda m: f"{m.year:04d}",
    "06": lambda m: f"{m.year % 100:02d}",
    "PM": lambda m: "PM" if m.hour >= 12 else "AM",
    "pm": lambda m: "pm" if m.hour >= 12 else "am",
    "MST": lambda m: zone_name(m),  # noqa: PLW0108 - defined below
}


def zone_name(moment: datetime) -> str:
    """The zone's short name, or its offset where it has none."""
    name = moment.tzname() or "UTC"
    if name.startswith(("UTC+", "UTC-")) or not name.isalpha():
        return _zone(moment, "-0700" if _offset(moment) % 3600 else "-07")
    return name


def _offset(moment: datetime) -> int:
    return int((moment.utcoffset() or timedelta()).total_seconds())


def _zone(moment: datetime, chunk: str) -> str:
    offset = _offset(moment)
    if chunk[0] == "Z" and not offset:
        return "Z"
    sign = "-" if offset < 0 else "+"
    hours, rest = divmod(abs(offset), 3600)
    colon = ":" if ":" in chunk else ""
    parts = [f"{hours:02d}", f"{rest // 60:02d}", f"{rest % 60:02d}"]
    count = len(re.findall("[0-9]{2}", chunk))
    return sign + colon.join(parts[:count])


READING = {
    "January": f"(?P<month_name>{'|'.join(calendar.month_name[1:])})",
    "Jan": f"(?P<month_name>{'|'.join(calendar.month_abbr[1:])})",
    "1": "(?P<month>[0-9]{1,2}+)",
    "01": "(?P<month>[0-9]{2})",
    "Monday": "|".join(calendar.day_name),
    "Mon": "|".join(calendar.day_abbr),
    "2": "(?P<day>[0-9]{1,2}+)",
    "_2": " ?(?P<day>[0-9]{1,2}+)",
    "02": "(?P<day>[0-9]{2})",
    "15": "(?P<hour>[0-9]{2})",
    "3": "(?P<hour>[0-9]{1,2}+)",
    "03": "(?P<hour>[0-9]{2})",
    "4": "(?P<minute>[0-9]{1,2}+)",
    "04": "(?P<minute>[0-9]{2})",
    "5": "(?P<second>[0-9]{1,2}+)",
    "05": "(?P<second>[0-9]{2})",
    "2006": "(?P<year>[0-9]{4})",
    "06": "(?P<short_year>[0-9]{2})",
    "PM": "(?P<half>AM|PM)",
    "pm": "(?P<half>am|pm)",
    "MST": "(?P<zone_name>[A-Z]{3,4})",
}
ZONES = {
    "-0700": "[-+][0-9]{4}",
    "-07:00": "[-+][0-9]{2}:[0-9]{2}",
    "-07": "[-+][0-9]{2}",
    "Z0700": "Z|[-+][0-9]{4}",
    "Z07:00": "Z|[-+][0-9]{2}:[0-9]{2}",
    "Z07": "Z|[-+][0-9]{2}",
}


def read(text: str, layout: str, local: tzinfo) -> datetime:
    """A moment from a text in a layout. ValueError where it does not fit."""
    if len(layout) > LONGEST:
        raise ValueError
    expression: list[str] = []
    position = 0
    for match in CHUNK.finditer(layout):
        expression += [re.escape(layout[position : match.start()]), _reading(match.group())]
        position = match.end()
        if match.group() in {"5", "05"} and not FRACTION.match(layout, position):
            expression.append("(?P<fraction>[.,][0-9]{1,9})?")
    expression.append(re.escape(layout[position:]))
    try:
        found = re.fullmatch("".join(expression), text)
    except re.error:
        raise ValueError from None
    if found is None:
        raise ValueError
    return _moment({key: value for key, value in found.groupdict().items() if value is not None}, local)


def _reading(chunk: str) -> str:
    if chunk in ZONES:
        return f"(?P<zone>{ZONES[chunk]})"
    return READING.get(chunk, "") or (_fraction(chunk) if chunk[0] in ".," else re.escape(chunk))


def _fraction(chunk: str) -> str:
    return "(?P<fraction>[.,][0-9]+)" + ("?" if chunk[1] == "9" else "")


def _moment(parts: dict[str, str], local: tzinfo) -> datetime:
    month = int(parts.get("month", "1"))
    if "month_name" in parts:
        names = [name.lower()[:3] for name in calendar.month_name]
        month = names.index(parts["month_name"].lower()[:3])
    year = int(parts.get("year", "0001"))
    if "short_year" in parts:
        short = int(parts["short_year"])
        year = short + (1900 if short >= 69 else 2000)
    hour = int(parts.get("hour", "0"))
    if "half" in parts:
        hour = hour % 12 + (12 if parts["half"].lower() == "pm" else 0)
    fraction = parts.get("fraction", "0").lstrip(".,").ljust(6, "0")[:6]
    return datetime(
        year,
        month,
        int(parts.get("day", "1")),
        hour,
        int(parts.get("minute", "0")),
        int(parts.get("second", "0")),
        int(fraction),
        tzinfo=_read_zone(parts, local),
    )


def _read_zone(parts: dict[str, str], local: tzinfo) -> tzinfo:
    text = parts.get("zone")
    if text is None:
        return UTC if parts.get("zone_name") in {"UTC", "GMT"} else local
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
    return timezone(-offset if text[0] == "-" else offset) if offset else UTC


def zone(name: str, local: tzinfo) -> tzinfo:
    """A zone by its name; UTC where there is none of that name."""
    if name == "Local":
        return local
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415  few templates name a zone

    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


# Methods


def _years_later(self: Time, years: int, months: int, days: int) -> Time:
    """So many years, months and days later."""
    month = self.moment.month - 1 + months
    first = self.moment.replace(year=self.moment.year + years + month // 12, month=month % 12 + 1, day=1)
    return Time(first + timedelta(days=self.moment.day - 1 + days))


def _later(self: Time, span: Duration) -> Time:
    """So much later."""
    return Time(self.moment + timedelta(microseconds=span // 1000))


def _format(self: Time, layout: str) -> str:
    """The moment in a layout."""
    return write(self.moment, layout)


def _simple(read_value: Callable[[datetime], Any]) -> Callable[[Time], Any]:
    def method(self: Time) -> Any:
        """A part of the moment."""
        return read_value(self.moment)

    return method


def _compared(compare: Callable[[datetime, datetime], Any]) -> Callable[[Time, Time], Any]:
    def method(self: Time, other: Time) -> Any:
        """The moment beside another."""
        return compare(self.moment, other.moment)

    return method


def unix(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1))


def _between(left: datetime, right: datetime) -> Duration:
    return Duration((left - right) // timedelta(microseconds=1) * 1000)


_METHODS: dict[str, Callable[..., Any]] = {
    "Format": _format,
    "AddDate": _years_later,
    "Add": _later,
    "Sub": _compared(_between),
    "Before": _compared(lambda left, right: left < right),
    "After": _compared(lambda left, right: left > right),
    "Equal": _compared(lambda left, right: left == right),
    "Year": _simple(lambda m: m.year),
    "Month": _simple(lambda m: Month(m.month)),
    "Day": _simple(lambda m: m.day),
    "Hour": _simple(lambda m: m.hour),
    "Minute": _simple(lambda m: m.minute),
    "Second": _simple(lambda m: m.second),
    "Nanosecond": _simple(lambda m: m.microsecond * 1000),
    "YearDay": _simple(lambda m: m.timetuple().tm_yday),
    "Weekday": _simple(lambda m: Weekday((m.weekday() + 1) % 7)),
    "Unix": _simple(lambda m: Int64(unix(m))),
    "UnixMilli": _simple(lambda m: Int64(unix(m) * 1000 + m.microsecond // 1000)),
    "UnixNano": _simple(lambda m: Int64(unix(m) * 10**9 + m.microsecond * 1000)),
    "UTC": _simple(lambda m: Time(m.astimezone(UTC))),
    "IsZero": _simple(lambda m: m == ZERO.moment),
    "String": _simple(lambda m: write(m, STRING)),
}
Time.methods = {name: declared(name, method) for name, method in _METHODS.items()}


def since(moment: datetime, now: datetime) -> int:
    """Nanoseconds that have passed."""
    return int(_between(now, moment))
