from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import hcl

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), TREES, max_size=4), st.booleans())
def test_every_json_object_is_read_as_json_reads_it(value: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert hcl.parse(text).plain() == value


def test_null_counts_as_an_empty_string() -> None:
    assert hcl.parse('{"a": null}').plain() == {"a": ""}


def test_positions() -> None:
    tree = hcl.parse('{\n  "a": [1,\n    {"b": true}]\n}')
    item = tree.get("a")
    assert item is not None
    assert (item.line, item.column, item.value.line, item.value.column, item.value.end_line) == (
        2,
        3,
        2,
        8,
        3,
    )
    assert tree.end_line == 4


ERRORS = (
    ("{", 1, 2, "expected string, got end of text"),
    ('{"path":', 1, 9, "expected a value, got end of text"),
    ('{"a" 1}', 1, 6, "expected :, got number"),
    ('{"a": 1 "b": 2}', 1, 9, "expected comma, got string"),
    ('{"a": 1,}', 1, 9, "expected string, got }"),
    ('{"a": [1,]}', 1, 10, "expected a value, got ]"),
    ('{"a": 1} x', 1, 10, "illegal character or literal"),
    ('{"a": 1} 2', 1, 10, "expected end of text, got number"),
    ('{"a": 01}', 1, 7, "illegal character or literal"),
    ('{"a": nul}', 1, 7, "illegal character or literal"),
    ('{"a":\n "x\ny"}', 2, 2, "illegal character or literal"),
    ('{"a": "\\ud800"}', 1, 7, "illegal string"),
    ('{"a": 1e999}', 1, 7, "illegal number"),
    ('{"a": // no\n 1}', 1, 7, "illegal character or literal"),
)


@pytest.mark.parametrize(("text", "line", "column", "sentence"), ERRORS)
def test_errors_name_the_place(text: str, line: int, column: int, sentence: str) -> None:
    with pytest.raises(hcl.ParseError) as caught:
        hcl.parse(text)
    assert (caught.value.line, caught.value.column, caught.value.sentence) == (line, column, sentence)


@given(st.text(alphabet='{}[]":,0123456789-.eE truefalsnx\\ud8\n', max_size=80))
def test_any_text_gives_a_tree_or_a_parse_error(text: str) -> None:
    with suppress(hcl.ParseError):
        hcl.parse("{" + text)
