from __future__ import annotations

from typing import Any

import pytest
import yaml as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.cli import yaml
from strongroom.client.request import Number

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(JSON)
def test_another_reader_reads_what_was_written(value: Any) -> None:
    assert oracle.load(yaml.emit(value), Loader=oracle.CSafeLoader) == value


@settings(deadline=None)
@given(
    st.from_regex(yaml.OTHER, fullmatch=True)
    | st.sampled_from(["1e3", "0x1F", "1:20", "on", "~", "2020-01-01"])
)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert oracle.load(yaml.emit({"k": text}), Loader=oracle.CSafeLoader) == {"k": text}


@pytest.mark.parametrize(
    ("value", "text"),
    (
        ({"b": 1, "a": None}, "a: null\nb: 1\n"),
        ({"l": [1, {"x": "y", "z": True}], "m": {"k": []}}, 'l:\n- 1\n- x: "y"\n  z: true\nm:\n  k: []\n'),
        ({"n": "2", "y": "on"}, '"n": "2"\n"y": "on"\n'),
        ({"t": "a\nb"}, "t: |-\n  a\n  b\n"),
        ({"j": '{"a":1}'}, "j: '{\"a\":1}'\n"),
        ({"s": "  x "}, "s: '  x '\n"),
        ({"f": Number("1.50")}, "f: 1.50\n"),
        ({"10": 1, "9": 1}, '"9": 1\n"10": 1\n'),
        (["a", "b"], "- a\n- b\n"),
        ({}, "{}\n"),
        ("kv", "kv\n"),
    ),
)
def test_layout(value: Any, text: str) -> None:
    assert yaml.emit(value) == text
