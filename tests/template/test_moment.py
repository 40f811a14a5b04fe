"""Times in Go's layouts, and spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from strongroom.template.duration import duration_text, parse_duration
from strongroom.template.moment import read, write
from tests.template.world import rendered

MOMENT = datetime(2024, 2, 3, 16, 5, 6, 78_900, tzinfo=timezone(-timedelta(hours=3, minutes=30)))


@pytest.mark.parametrize(
    ("layout", "expected"),
    (
        ("2006-01-02T15:04:05Z07:00", "2024-02-03T16:05:06-03:30"),
        ("Mon Jan _2 15:04:05 2006", "Sat Feb  3 16:05:06 2024"),
        ("Monday, 02-Jan-06 03:04:05 PM -0700", "Saturday, 03-Feb-24 04:05:06 PM -0330"),
        ("January 2, 3pm .000 .999999 002", "February 3, 4pm .078 .0789 034"),
        ("Z0700 -07 MST", "-0330 -03 -0330"),
    ),
)
def test_layouts(layout: str, expected: str) -> None:
    assert write(MOMENT, layout) == expected


def test_reading_gives_back_what_was_written() -> None:
    for layout in ("2006-01-02T15:04:05.000000Z07:00", "Jan _2 2006 03:04:05.000000 PM -0700"):
        assert read(write(MOMENT, layout), layout, UTC) == MOMENT
    for text in ("", "2024", "2024-02-30", "x2024-01-01"):
        with pytest.raises(ValueError):  # noqa: PT011 - its words are not looked at
            read(text, "2006-01-02", UTC)


def test_timestamps() -> None:
    assert rendered("{{ timestamp }} {{ timestamp `unix` }}") == "2026-02-03T04:05:06Z 1770091506"
    assert rendered("{{ timestamp `2006-01-02 15:04:05.000` }}") == "2026-02-03 04:05:06.789"
    assert (
        rendered("{{ sprig_now.Year }} {{ sprig_now.Month }} {{ sprig_now.Weekday }}")
        == "2026 February Tuesday"
    )
    assert (
        rendered("{{ (sprig_now.AddDate 0 1 -3).Format `Jan 2` }} {{ sprig_ago sprig_now }}") == "Feb 28 0s"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    (
        ("1h30m", "1h30m0s"),
        ("90s", "1m30s"),
        ("1.5s", "1.5s"),
        ("-2ms", "-2ms"),
        ("0", "0s"),
        ("1us1ns", "1.001µs"),
    ),
)
def test_spans(text: str, shown: str) -> None:
    assert duration_text(parse_duration(text)) == shown


@pytest.mark.parametrize("text", ("", "1", "h", "1d", "1h ", "--1s", "99999999999h"))
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its words are not looked at
        parse_duration(text)
