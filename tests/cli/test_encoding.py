from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.cli.encoding import json_text, ordered
from strongroom.client.request import Number

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(JSON)
def test_another_reader_reads_what_was_written(value: Any) -> None:
    assert json.loads(json_text(value)) == value


def test_layout() -> None:
    assert json_text({"a": [1, {}], "b": None}) == '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": null\n}'


def test_numbers_keep_their_spelling() -> None:
    assert json_text([Number("1.50"), Number("1e3"), 10**30]) == f"[\n  1.50,\n  1e3,\n  {10**30}\n]"


def test_text_cannot_close_a_tag() -> None:
    assert json_text("<a>&\u2028") == '"\\u003ca\\u003e\\u0026\\u2028"'


def test_order() -> None:
    assert json_text(ordered({"b": {"d": 1, "c": 2}, "a": 0})) == json_text({"a": 0, "b": {"c": 2, "d": 1}})
