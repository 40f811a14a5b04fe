from __future__ import annotations

from typing import Any

import pytest

from strongroom.policy.decision import Reason
from strongroom.policy.parameters import check, glob

# Asked of the peer: values a rule lists, value sent, whether it passes.
ALLOWED: tuple[tuple[tuple[Any, ...], Any, bool], ...] = (
    ((), "x", True),
    ((), None, True),
    (("*",), "xyz", False),
    (("*",), "*", True),
    ((True,), True, True),
    (("2",), "2", True),
    (("2",), 2, False),
    (("x*",), "xx", True),
    (("*y",), "ay", True),
    (("*z*",), "azb", True),
    (("x*",), ["xx"], False),
    (("x*",), None, False),
    (("x",), "", False),
    ((1,), True, False),
)


@pytest.mark.parametrize(("values", "sent", "passes"), ALLOWED)
def test_values_that_are_allowed(values: tuple[Any, ...], sent: Any, passes: bool) -> None:
    assert (check((), {"a": values}, {}, {"A": sent}) is None) == passes


@pytest.mark.parametrize(
    ("values", "sent", "passes"),
    (
        ((), "x", False),
        (("2",), "2", False),
        (("2",), 2, False),
        ((2,), "2", False),
        (("2",), ["1", "2"], False),
        (("true",), True, False),
        (("x*",), "xyz", False),
        (("2",), "3", True),
        (("2",), [], True),
    ),
)
def test_denied_values_are_denied_in_any_type(values: tuple[Any, ...], sent: Any, passes: bool) -> None:
    assert (check((), {}, {"a": values}, {"a": sent}) is None) == passes


def test_names_are_compared_without_case() -> None:
    assert check(("Must",), {}, {}, {"must": 1}) is None
    assert check(("must",), {}, {}, {"MUST": 1}) == (Reason.PARAMETER_MISSING, "must"), (
        "engines would not see it"
    )
    assert check((), {}, {"a": ()}, {"A": 1}) == (Reason.PARAMETER_DENIED, "A")
    assert check(("b",), {}, {}, {"a": 1}) == (Reason.PARAMETER_MISSING, "b")


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    (("", "", True), ("", "a", False), ("**", "anything", True), ("a", "a", True), ("a*b", "axb", False)),
)
def test_globs(pattern: str, value: str, matches: bool) -> None:
    assert glob(pattern, value) is matches
