"""Breakers and pauses: pure decisions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strongroom.breaker import LONGEST_PAUSE, Breaker, backoff
from strongroom.logical import SECOND

CHANCES = st.floats(0, 1)


@given(chances=st.lists(CHANCES, min_size=1, max_size=40))
def test_pauses_grow_to_a_bound_and_differ_by_chance(chances: list[float]) -> None:
    breaker, now = Breaker(), 1_000 * SECOND
    for number, chance in enumerate(chances):
        breaker.missed(now, "no", chance)
        pause = (breaker.probe_at - now) / SECOND
        fair = min(2.0**number, LONGEST_PAUSE)
        assert 0.75 * fair <= pause + 1e-6
        assert pause <= 1.25 * fair + 1e-6
        assert not breaker.admits(breaker.probe_at - 1, 0, 8)
        assert breaker.admits(breaker.probe_at, 0, 8)
        assert not breaker.admits(breaker.probe_at, 1, 8)
        now = breaker.probe_at


@given(gaps=st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_silence_is_counted_only_while_somebody_asks(gaps: list[int]) -> None:
    breaker, now = Breaker(), 0
    breaker.missed(now, "no", 0.5)
    for gap in gaps:
        now += gap * SECOND
        breaker.missed(now, "no", 0.5)
    assert breaker.down <= sum(gaps)
    assert breaker.down == sum(min(gap, 2 * LONGEST_PAUSE) for gap in gaps)
    breaker.answered()
    assert breaker == Breaker()


def test_a_closed_breaker_admits_up_to_the_limit() -> None:
    assert [Breaker().admits(0, busy, 2) for busy in range(4)] == [True, True, False, False]


@given(failures=st.integers(0, 100), chance=CHANCES)
def test_failures_are_tried_again_within_bounds(failures: int, chance: float) -> None:
    assert 7 * SECOND <= backoff(failures, chance) <= 810 * SECOND
    assert backoff(failures, 0.5) <= backoff(failures + 1, 0.5)
