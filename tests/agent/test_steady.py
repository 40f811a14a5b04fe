"""A lease does not get longer because the machine's time is set back."""

from __future__ import annotations

import time

import pytest

from strongroom.agent.cache.steady import steady_clock
from strongroom.agent.child import LONGEST_VARIABLE, unfit


def test_the_clock_does_not_follow_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = steady_clock()
    before = clock()
    assert abs(before - time.time()) < 1
    monkeypatch.setattr(time, "time", lambda: before - 7_200)
    assert 0 <= clock() - before < 60


def test_variables_that_no_process_can_be_given() -> None:
    assert unfit({"A": "x" * (LONGEST_VARIABLE - 3), "B": "y"}) == ""
    assert unfit({"A": "x" * (LONGEST_VARIABLE - 2)}) == "A"
    assert unfit({"A": "x", "B": "y\0"}) == "B"
