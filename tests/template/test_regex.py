"""Regular expressions of templates: Python's own is the referee where the two languages agree."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.template.regex import compile_pattern

pieces = st.sampled_from(("a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\d", "x", "^"))
counts = st.sampled_from(("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,3}?"))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, counts),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(pieces, _larger, max_leaves=8), st.text("abcx1 \n", max_size=8))
def test_the_leftmost_match_is_that_of_perl(expression: str, text: str) -> None:
    expected = re.search(expression, text)
    found = compile_pattern(expression).search(text)
    assert (found[:2] if found else None) == (expected.span() if expected else None)


@pytest.mark.parametrize("expression", ("(a*)*b", "(x+x+)+y", "(a|a)*b", "(a|aa)+$", "(.*)*c"))
def test_time_grows_with_the_text_only(expression: str) -> None:
    begun = time.process_time()
    assert compile_pattern(expression).search("a" * 3000 + "!") is None
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("expression", "text", "replacement", "expected"),
    (
        ("(?i)HELLO", "Hello hellO", "x", "x x"),
        ("(?m)^a", "a\na", "b", "b\nb"),
        (r"(?s)a.b", "a\nb", "", ""),
        (r"\bw\w*", "ow wow", "<$0>", "ow <wow>"),
        (r"(?P<year>\d+)-(\d+)", "2026-11", "${2}/$year$$", "11/2026$"),
        (r"[[:alpha:]]+", "ab1", "-", "-1"),
        (r"\pL+|\d", "é1", ".", ".."),
        (r"[^\s\x41]", "A b", "_", "A _"),
        (r"\Qa.b\E+", "a.bb", "", ""),
        ("a|b|", "xab", "-", "-x--"),
    ),
)
def test_replacing(expression: str, text: str, replacement: str, expected: str) -> None:
    assert compile_pattern(expression).replace(text, replacement) == expected


@pytest.mark.parametrize(
    "expression",
    (
        *("(", ")", "a**", "*a", "[z-a]", "[a", r"\8", "a{2,1}", "a{1001}", "(?P<>a)", "(?x)a"),
        *("((a{100}){100}){100}", "(" * 500, r"\pX", r"\p{Nope}", "(?P<n>a)(?P<n>b)", "[[:nope:]]"),
    ),
)
def test_what_is_no_expression_is_refused_without_repeating_it(expression: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]") as caught:
        compile_pattern(expression)
    assert expression not in str(caught.value) or len(expression) == 1
