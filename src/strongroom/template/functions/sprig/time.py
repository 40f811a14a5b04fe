"""Sprig's functions of times and spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from strongroom.template.duration import duration_text, parse_duration
from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.function import Library
from strongroom.template.functions.sprig.number import atoi
from strongroom.template.moment import ZERO, Time, read, since, unix, write, zone
from strongroom.template.value import Int32, Int64

LIBRARY = Library("sprig_")
function = LIBRARY.function
DAY = "2006-01-02"
SECOND = 1_000_000_000


def local(execution: Execution) -> tzinfo:
    """The zone of this machine."""
    return execution.world.now().tzinfo or UTC


def moment(execution: Execution, value: Any) -> datetime:
    """A moment from a time or from seconds since 1970; anything else is now."""
    if isinstance(value, Time):
        return value.moment
    if type(value) in {int, Int32, Int64}:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(value))
    return execution.world.now()


def written(execution: Execution, layout: str, value: Any, name: str) -> str:
    place = zone(name, local(execution))
    return write(moment(execution, value).astimezone(place), layout)


@function("now")
def now(execution: Execution) -> Any:
    """The time, of which ``.Format``, ``.Unix``, ``.Year`` and others can be asked."""
    return Time(execution.world.now())


@function("date")
def date(execution: Execution, layout: str, value: Any) -> str:
    """A time in a layout of Go's."""
    return written(execution, layout, value, "Local")


@function("date_in_zone", "dateInZone")
def date_in_zone(execution: Execution, layout: str, value: Any, name: str) -> str:
    """A time in a layout of Go's, in a zone."""
    return written(execution, layout, value, name)


@function("htmlDate")
def html_date(execution: Execution, value: Any) -> str:
    """A day as HTML has it: ``2006-01-02``."""
    return written(execution, DAY, value, "Local")


@function("htmlDateInZone")
def html_date_in_zone(execution: Execution, value: Any, name: str) -> str:
    """The same in a zone."""
    return written(execution, DAY, value, name)


def later(span: str, time: Time) -> Time:
    return Time(time.moment + timedelta(microseconds=parse_duration(span) // 1000))


@function("date_modify", "dateModify")
def date_modify(span: str, time: Time) -> Any:
    """A time so much later: ``-1.5h``; the same time for what is no span."""
    try:
        return later(span, time)
    except ValueError:
        return time


@function("mustDateModify", "must_date_modify")
def must_date_modify(span: str, time: Time) -> Any:
    """A time so much later."""
    try:
        return later(span, time)
    except ValueError:
        raise FunctionError("not a span of time") from None


@function("toDate")
def to_date(execution: Execution, layout: str, text: str) -> Any:
    """The time that a text in a layout stands for; the beginning of time for what does not fit."""
    try:
        return Time(read(text, layout, local(execution)))
    except ValueError:
        return ZERO


@function("mustToDate")
def must_to_date(execution: Execution, layout: str, text: str) -> Any:
    """The time that a text in a layout stands for."""
    try:
        return Time(read(text, layout, local(execution)))
    except ValueError:
        raise FunctionError("the text does not fit the layout") from None


@function("unixEpoch")
def unix_epoch(time: Time) -> str:
    """Seconds since 1970."""
    return str(unix(time.moment))


@function("ago")
def ago(execution: Execution, value: Any) -> str:
    """How long ago a time was, in whole seconds."""
    passed = since(moment(execution, value), execution.world.now())
    return duration_text(int(passed / SECOND + (0.5 if passed >= 0 else -0.5)) * SECOND)


@function("duration")
def duration(seconds: Any) -> str:
    """So many seconds, in a text or ``int64``, as hours, minutes and seconds; ``0s`` for any other value."""
    if isinstance(seconds, str):
        return duration_text(atoi(seconds) * SECOND)
    return duration_text(int(seconds) * SECOND if isinstance(seconds, Int64) else 0)


UNITS = (
    ("y", 365 * 24 * 3600 * SECOND),
    ("mo", 30 * 24 * 3600 * SECOND),
    ("d", 24 * 3600 * SECOND),
    ("h", 3600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
)


@function("durationRound")
def duration_round(execution: Execution, value: Any) -> str:
    """A span in its largest unit only: ``2h``."""
    span = _span(execution, value)
    for name, size in UNITS:
        if abs(span) > size or (name == "s" and abs(span) >= size):
            return f"{'-' if span < 0 else ''}{abs(span) // size}{name}"
    return "0s"


def _span(execution: Execution, value: Any) -> int:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError:
            return 0
    if isinstance(value, Time):
        return since(value.moment, execution.world.now())
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else 0
