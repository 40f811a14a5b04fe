"""Schedules: the moments that five fields name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.database.schedule import parse


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    (
        ("* * * * *", "2026-03-01 10:00:30", "2026-03-01 10:01:00"),
        ("*/15 * * * *", "2026-03-01 10:00:00", "2026-03-01 10:15:00"),
        ("0 3 * * SAT", "2026-03-01 10:00:00", "2026-03-07 03:00:00"),
        ("0 3 * * 6,0", "2026-03-01 10:00:00", "2026-03-07 03:00:00"),
        ("0 0 * * 7", "2026-03-02 00:00:00", "2026-03-08 00:00:00"),
        ("30 4 1,15 * *", "2026-03-01 04:30:00", "2026-03-15 04:30:00"),
        ("0 0 13 * FRI", "2026-03-01 00:00:00", "2026-03-06 00:00:00"),
        ("0 0 29 2 *", "2026-03-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 29 feb *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"),
        ("10-40/10 8-10 * jan-feb mon-fri", "2026-03-01 00:00:00", "2027-01-01 08:10:00"),
        ("5/20 * * * ?", "2026-03-01 10:26:00", "2026-03-01 10:45:00"),
        ("@daily", "2026-12-31 23:59:59", "2027-01-01 00:00:00"),
        ("@monthly", "2026-12-31 23:59:59", "2027-01-01 00:00:00"),
    ),
)
def test_the_next_moment(text: str, after: str, expected: str) -> None:
    assert parse(text).next(_time(after)) == _time(expected)


def _time(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    "text",
    (
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "x * * * *",
        "1,,2 * * * *",
        "* * * * fun",
        "-1 * * * *",
        "1-2-3 * * * *",
        "99999999999999 * * * *",
        "0 0 31 2 *",
        "0 0 30 feb *",
        "@sometimes",
    ),
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(BadRequest, match="rotation_schedule"):
        parse(text)
