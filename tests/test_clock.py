from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.clock import parse_rfc3339, rfc3339


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    (
        (0, "1970-01-01T00:00:00Z"),
        (1_795_377_930_000_000_000, "2026-11-22T20:05:30Z"),
        (1_795_377_930_723_377_545, "2026-11-22T20:05:30.723377545Z"),
        (1_795_377_930_500_000_000, "2026-11-22T20:05:30.5Z"),
    ),
)
def test_as_the_wire_has_it(nanoseconds: int, text: str) -> None:
    assert rfc3339(nanoseconds) == text
    assert parse_rfc3339(text) == nanoseconds


@given(st.integers(min_value=0, max_value=4_000_000_000 * 10**9))
def test_there_and_back(nanoseconds: int) -> None:
    assert parse_rfc3339(rfc3339(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("text", ("", "2026-11-22", "2026-11-22T20:05:30+01:00", "2026-13-22T20:05:30Z"))
def test_what_is_no_time_in_utc(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_rfc3339(text)
