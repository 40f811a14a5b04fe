from __future__ import annotations

from typing import Any

import pytest

from strongroom.cli.value import duration, field_text, go_duration, plain, quoted
from strongroom.client.request import Number


@pytest.mark.parametrize(
    ("value", "text"),
    (
        (None, "<nil>"),
        (True, "true"),
        (1, "1"),
        (Number("1.50"), "1.50"),
        ("", ""),
        ([], "[]"),
        ({}, "map[]"),
        ([1, "a b", None, {"x": 1}], "[1 a b <nil> map[x:1]]"),
        ({"b": [True], "a": {"z": None}}, "map[a:map[z:<nil>] b:[true]]"),
    ),
)
def test_plain(value: Any, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    (
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3600, "1h"),
        (3660, "1h1m"),
        (3661, "1h1m1s"),
        (2764800, "768h"),
        (-5, "-5s"),
    ),
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_no_number_stays() -> None:
    assert duration("1h") == "1h"
    assert duration(Number("1.5")) == "1.5"


@pytest.mark.parametrize(
    ("seconds", "text"), ((300.0, "5m0s"), (5400, "1h30m0s"), (7, "7s"), (0.25, "0.25s"))
)
def test_for_the_api(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


def test_fields_named_after_durations_are_humanised() -> None:
    assert field_text("ttl", 90) == "1m30s"
    assert field_text("max_ttl", 90) == "1m30s"
    assert field_text("ttl", "90") == "90"
    assert field_text("lease", 90) == "90"
    assert field_text("period", True) == "true"


def test_policies() -> None:
    assert quoted(["a", "b"]) == '["a" "b"]'
    assert quoted(None) == "[]"
