"""What decides, without a server: when to renew, whose turn it is, what is due."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.agent.auth.lifetime import NEVER, Lifetime
from strongroom.agent.cycle.slots import Slots, Watch, parsed
from strongroom.agent.render.lease import Held, Rules, plan_held, plan_unleased
from strongroom.agent.render.schedule import Schedule
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import backoff
from strongroom.secret import Secret

draws = st.floats(0, 1)


@given(draws, st.integers(0, 100))
def test_back_off_doubles_is_capped_and_spreads(draw: float, attempt: int) -> None:
    wait = backoff(attempt, 1.0, 300.0, draw=lambda: draw)
    full = min(2.0**attempt, 300.0)
    assert full * 0.75 <= wait <= full


@given(draws, st.floats(1, 1e6))
def test_tokens_are_renewed_after_two_thirds_and_replaced_before_they_end(draw: float, ttl: float) -> None:
    what, when = Lifetime(100, ttl, True, ttl).plan(draw=lambda: draw)
    assert what == "renew"
    assert 100 + ttl * 0.59 <= when <= 100 + ttl * 0.67
    what, when = Lifetime(100, ttl * 0.5, True, ttl).plan(draw=lambda: draw)
    assert what == "login"
    assert when < 100 + ttl * 0.25
    what, when = Lifetime(100, ttl, False, ttl).plan(draw=lambda: draw)
    assert what == "login"
    assert 100 + ttl * 0.5 <= when <= 100 + ttl * 0.91


def test_a_token_without_an_end_is_left_alone() -> None:
    assert Lifetime(5, 0, True, 0).plan() == ("wait", NEVER)


@given(draws, st.floats(60, 1e6))
def test_leases_are_renewed_and_replaced_in_time(draw: float, duration: float) -> None:
    rules = Rules()
    plan = plan_held(Held("x", duration, True, 0, duration), rules, draw=lambda: draw)
    assert plan.what == "renew"
    assert duration * 0.67 <= plan.seconds <= duration * 0.76
    capped = plan_held(Held("x", duration / 3, True, 0, duration), rules, draw=lambda: draw)
    assert capped.what == "read"
    assert capped.seconds <= duration / 3 * 0.45 + 0.001
    fixed = plan_held(Held("x", duration, False, 0, duration), rules, draw=lambda: draw)
    assert fixed.what == "read"
    assert duration * 0.85 <= fixed.seconds <= duration * 0.95 + 0.001


@pytest.mark.parametrize(
    ("data", "duration", "least", "most"),
    (
        ({}, 0, 285, 300),
        ({}, 2_764_800, 285, 300),
        ({}, 60, 48, 57),
        ({"certificate": "x", "expiration": 1_000_000 + 3_600}, 0, 3_060, 3_420),
        ({"certificate": "x", "expiration": 999_999}, 0, 1, 1),
        ({"rotation_period": 600, "ttl": 30}, 0, 31, 31),
        ({"secret_id": "x", "secret_id_ttl": 100}, 0, 85, 95),
    ),
)
def test_what_has_no_lease_is_read_again(
    data: dict[str, object], duration: float, least: float, most: float
) -> None:
    for draw in (0.0, 0.5, 1.0):
        plan = plan_unleased(data, duration, Rules(), 1_000_000, draw=partial(float, draw))
        assert plan.what == "read"
        assert least - 1 <= plan.seconds <= most + 0.001


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=40), st.integers(1, 4))
def test_turns_are_never_more_than_allowed_and_fences_only_rise(
    steps: list[tuple[str, bool]], most: int
) -> None:
    slots, last = Slots(), 0
    for member, takes in steps:
        before = slots.held.get(member)
        if takes and (taken := slots.taken(member, most, 3.0)) is not None:
            slots = taken
            assert slots.held[member].fence > last
            last = slots.held[member].fence
            assert before is None or slots.beaten(member, before.fence) is None, "the old fence still holds"
        elif not takes and before is not None:
            released = slots.released(member, before.fence)
            assert released is not None
            slots = released
        assert len(slots.held) <= most
        assert parsed(slots.document()) == slots


def test_the_dead_lose_their_turn_and_the_living_keep_it() -> None:
    watch, slots = Watch(), Slots()
    for name in ("dead", "alive"):
        taken = slots.taken(name, 4, 3.0)
        assert taken
        slots = taken
    assert watch.dead(slots, 0.0) == set()
    beaten = slots.beaten("alive", 2)
    assert beaten
    assert watch.dead(beaten, 2.0) == set()
    assert watch.dead(beaten, 3.5) == {"dead"}
    assert beaten.without({"dead"}).beaten("dead", 1) is None


def test_nobody_is_called_dead_for_what_went_unseen() -> None:
    watch, taken = Watch(), Slots().taken("m", 4, 3.0)
    assert taken
    watch.dead(taken, 0.0)
    watch.lost_sight()
    assert watch.dead(taken, 100.0) == set()
    assert watch.dead(taken, 103.5) == {"m"}


@pytest.mark.parametrize(
    "stored", (None, [], {"slots": {"a": 1}}, {"fence": "x", "slots": {"a": {"fence": "y"}}})
)
def test_what_makes_no_sense_is_nobodys_turn(stored: object) -> None:
    assert parsed(stored).held == {}


def test_one_timer_calls_what_is_due_in_order() -> None:
    async def play() -> list[object]:
        called: list[object] = []
        schedule = Schedule(called.append)
        schedule.set("late", 0.04)
        schedule.set("soon", 0.02)
        schedule.set("never", 0.01)
        schedule.set("moved", 0.01)
        schedule.set("moved", 0.03)
        schedule.drop("never")
        await asyncio.sleep(0.1)
        assert len(schedule) == 0
        schedule.close()
        return called

    assert asyncio.run(play()) == ["soon", "moved", "late"]


def test_whoever_waits_for_a_token_is_woken() -> None:
    async def play() -> None:
        holder = TokenHolder()
        waiting = asyncio.create_task(holder.get())
        await asyncio.sleep(0)
        holder.set(Secret("one"))
        assert (await waiting).reveal() == "one"
        seen = holder.generation
        holder.set(Secret("one"))
        assert holder.generation == seen
        holder.set(Secret("two"))
        assert await holder.changed(seen) == seen + 1

    asyncio.run(play())
