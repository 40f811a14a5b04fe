from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.hcl import duration
from strongroom.hcl.duration import HOUR, MILLISECOND, MINUTE, SECOND, InvalidDuration

GOOD = (
    ("30", 30 * SECOND),
    (30, 30 * SECOND),
    (1.5, 1_500 * MILLISECOND),
    ("", 0),
    ("0", 0),
    ("0s", 0),
    ("1h30m", 90 * MINUTE),
    ("1.5h", 90 * MINUTE),
    (".5h", 30 * MINUTE),
    ("5.h", 5 * HOUR),
    ("100ms", 100 * MILLISECOND),
    ("1us", 1_000),
    ("1µs", 1_000),
    ("1μs", 1_000),
    ("1ns", 1),
    ("2d", 48 * HOUR),
    ("-2d", -48 * HOUR),
    ("-1h", -HOUR),
    ("+5s", 5 * SECOND),
    ("-30", -30 * SECOND),
    ("0.1s", 100 * MILLISECOND),
    ("2562047h47m16.854775807s", (1 << 63) - 1),
)
BAD: tuple[tuple[Any, str], ...] = (
    ("bogus", 'time: invalid duration "bogus"'),
    ("zz", 'time: invalid duration "zz"'),
    (" 5 ", 'time: invalid duration " 5 "'),
    ("-", 'time: invalid duration "-"'),
    (".", 'time: invalid duration "."'),
    ("--5s", 'time: invalid duration "--5s"'),
    ("5x", 'time: unknown unit "x" in duration "5x"'),
    ("1w", 'time: unknown unit "w" in duration "1w"'),
    ("1e3", 'time: unknown unit "e" in duration "1e3"'),
    ("2d1h", 'time: unknown unit "d" in duration "2d1h"'),
    ("5h3", 'time: missing unit in duration "5h3"'),
    ("1.5d", 'strconv.ParseInt: parsing "1.5": invalid syntax'),
    ("1h2d", 'strconv.ParseInt: parsing "1h2": invalid syntax'),
    ("9999999999h", 'time: invalid duration "9999999999h"'),
    ("9999999999999", "multiplication of durations resulted in overflow, one operand may be too large"),
    (True, "could not parse duration from input"),
    (None, "could not parse duration from input"),
    ([], "could not parse duration from input"),
    (float("inf"), "could not parse duration from input"),
    (float("nan"), "could not parse duration from input"),
)


@pytest.mark.parametrize(("value", "expected"), GOOD)
def test_what_counts_as_a_duration(value: str | float, expected: int) -> None:
    assert duration.parse_nanoseconds(value) == expected


@pytest.mark.parametrize(("value", "sentence"), BAD)
def test_what_does_not_and_in_which_words(value: Any, sentence: str) -> None:
    with pytest.raises(InvalidDuration) as caught:
        duration.parse(value)
    assert caught.value.public == sentence


@pytest.mark.parametrize(("value", "expected"), (("1500ms", 1), ("-1500ms", -1), ("999ms", 0), ("1h", 3600)))
def test_seconds_drop_the_fraction(value: str, expected: int) -> None:
    assert duration.parse(value) == expected


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    (
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (768 * HOUR, "768h0m0s"),
        (HOUR, "1h0m0s"),
        (90 * SECOND, "1m30s"),
        (4 * MINUTE + 5 * SECOND + MILLISECOND, "4m5.001s"),
        (-HOUR, "-1h0m0s"),
        ((1 << 63) - 1, "2562047h47m16.854775807s"),
    ),
)
def test_go_prints_it_so(nanoseconds: int, text: str) -> None:
    assert duration.format_go(nanoseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    (
        (768 * 3600, "768h"),
        (7200, "2h"),
        (5400, "1h30m"),
        (3605, "1h0m5s"),
        (60, "1m"),
        (90, "1m30s"),
        (600, "10m"),
        (0, "0s"),
    ),
)
def test_the_short_form(seconds: int, text: str) -> None:
    assert duration.format_short(seconds) == text


@given(st.integers(-(1 << 63) + 1, (1 << 63) - 1))
def test_printing_is_undone_by_parsing(nanoseconds: int) -> None:
    assert duration.parse_nanoseconds(duration.format_go(nanoseconds)) == nanoseconds


@given(st.one_of(st.text(max_size=100), st.text(alphabet="0123456789.-+hmsdnuµ", max_size=30)))
def test_any_text_gives_nanoseconds_or_the_error(text: str) -> None:
    try:
        value = duration.parse_nanoseconds(text)
    except InvalidDuration:
        return
    assert abs(value) < 1 << 63
