"""Single values of configurations, and what is said of those that are none."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.hcl import Object, parse
from strongroom.setting import BadValue, ConfigError, Place, Problem
from strongroom.setting import value as readers


def read(reader: readers.Reader, text: str) -> Any:
    tree = parse(f"x = {text}")
    assert isinstance(tree, Object)
    return reader(tree.items[0].value)


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    (
        (readers.text, '"a"', "a"),
        (readers.text, "5", "5"),
        (readers.flag, '"T"', True),
        (readers.flag, "0", False),
        (readers.integer, '"-3"', -3),
        (readers.whole, "3", 3),
        (readers.duration, '"1h30m"', 5_400.0),
        (readers.duration, "90", 90.0),
        (readers.words, '"a, b"', ("a", "b")),
        (readers.words, '["a", "b,c"]', ("a", "b,c")),
        (readers.choice("a", "b"), '"B"', "b"),
    ),
)
def test_values(reader: readers.Reader, text: str, value: Any) -> None:
    assert read(reader, text) == value


@pytest.mark.parametrize(
    ("reader", "text"),
    (
        (readers.text, "true"),
        (readers.flag, '"secret"'),
        (readers.integer, '"secret"'),
        (readers.whole, "-1"),
        (readers.duration, '"secret"'),
        (readers.duration, '"-1s"'),
        (readers.choice("a", "b"), '"secret"'),
    ),
)
def test_what_is_no_value_is_never_repeated(reader: readers.Reader, text: str) -> None:
    with pytest.raises(BadValue) as caught:
        read(reader, text)
    assert "secret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    assert "s3cr3t" not in repr(read(readers.secret, '"s3cr3t"'))


def test_all_problems_are_told_with_their_places() -> None:
    error = ConfigError([Problem(Place("a.hcl", 2, 3), "x is wrong"), Problem(Place("CT"), "y too")])
    assert error.public.splitlines() == ["a.hcl:2:3: x is wrong", "CT: y too"]
