"""Schedules: when the password of an account changes by plan, as cron writes it, in UTC.

Five fields, minute, hour, day of the month, month, day of the week: ``0 3 * * SAT``. Each is ``*``, a
number, a range ``1-5``, a step ``*/15`` or ``10-40/10``, or several with commas; months and days also have
names. Where both days are given, either will do. ``@hourly``, ``@daily``, ``@weekly``, ``@monthly`` and
``@yearly`` stand for what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strongroom.errors import BadRequest
from strongroom.logical import SECOND

_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    ("day of the week", 0, 6, _DAYS),
)
_HORIZON = 366 * 8 + 2
"""Days to look ahead; the 29th of February comes within eight years."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes that a schedule names."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next(self, after: int) -> int:
        """The first moment after ``after``; both are nanoseconds since the epoch."""
        start = datetime.fromtimestamp(after // SECOND, UTC).replace(second=0) + timedelta(minutes=1)
        day = start.replace(hour=0, minute=0)
        for _ in range(_HORIZON):
            if self._names(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        moment = day.replace(hour=hour, minute=minute)
                        if moment >= start:
                            return int(moment.timestamp()) * SECOND
            day += timedelta(days=1)
        raise BadRequest("rotation_schedule names a day that never comes")

    def _names(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


def parse(text: str) -> Schedule:
    """The schedule of a text. Raises BadRequest saying which field is wrong."""
    words = _WORDS.get(text.strip().lower(), text).split()
    if len(words) != len(_FIELDS):
        raise BadRequest("rotation_schedule has five fields: minute, hour, day, month, day of the week")
    sets = [_field(word.lower(), *field) for word, field in zip(words, _FIELDS, strict=True)]
    either = words[2][0] not in "*?" and words[4][0] not in "*?"
    schedule = Schedule(sets[0], sets[1], sets[2], sets[3], sets[4], either)
    schedule.next(0)
    return schedule


def _field(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, name, ()) if slash else 1
        if span in {"*", "?"}:
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, name, names)
            last = _number(end, name, names) if dash else high if slash else first
        top = 7 if name == "day of the week" else high
        if not (low <= first <= last <= top and step > 0):
            raise BadRequest(f"rotation_schedule: the {name} is out of range")
        found.update(number % 7 if top == 7 else number for number in range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, name: str, names: tuple[str, ...]) -> int:
    if text and text in names:
        return names.index(text)
    if text.isascii() and text.isdigit() and len(text) <= 4:
        return int(text)
    raise BadRequest(f"rotation_schedule: the {name} is not a number")
