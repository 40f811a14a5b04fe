"""Patterns: a star stands for any text, and nothing takes long."""

from __future__ import annotations

import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.auth.cert.constraint import matches


@settings(max_examples=300, deadline=None)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_patterns_mean_what_a_regular_expression_does(pattern: str, text: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, text) == bool(re.fullmatch(expression, text))


def test_a_text_chosen_by_an_enemy() -> None:
    began = time.monotonic()
    assert not matches("*a" * 30 + "*b", "a" * 100_000)
    assert time.monotonic() - began < 1
