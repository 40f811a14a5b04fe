"""What becomes of a lease, and when: decided here, without a clock or a connection."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from strongroom.agent.cache.entry import Entry

EARLIEST, LATEST = 0.66, 0.76
"""Portions of its time between which a lease is renewed: spread, so that a fleet does not come at once."""
RETRY_LEAST, RETRY_MOST = 1.0, 60.0


class Verdict(Enum):
    """What an attempt to renew has shown."""

    RENEWED = "renewed"
    FINAL = "final"
    """The server extends it no more: it lasts until its end."""
    GONE = "gone"
    AWAY = "away"
    """Nobody answered, or not for now."""
    FORBIDDEN = "forbidden"
    """Its token may not renew it, or is no token any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """When to look at an entry again, and whether that is to renew it or to give it up."""

    at: float
    renew: bool


def first(entry: Entry, draw: Callable[[], float] = random.random) -> Step | None:
    """The first step of a fresh entry; None for one without an end."""
    if not entry.duration:
        return None
    if not entry.renewable:
        return Step(entry.last_call, renew=False)
    portion = EARLIEST + (LATEST - EARLIEST) * draw()
    return Step(entry.renewed + entry.duration * portion, renew=True)


def extended(entry: Entry, duration: int, now: float, *, renewable: bool) -> None:
    """Write into an entry what the server has granted anew.

    A grant that adds next to nothing is its last: what is left of it is used up, and no more asked for.
    """
    before = entry.expires
    entry.renewed = now
    entry.duration = duration
    entry.renewable = renewable and now + duration - before > 1 if duration else renewable


def after(
    entry: Entry, verdict: Verdict, attempts: int, now: float, draw: Callable[[], float] = random.random
) -> Step | None:
    """The step after an attempt, the ``attempts``-th that failed in a row; None: it is over now."""
    if verdict is Verdict.GONE:
        return None
    if verdict is Verdict.RENEWED:
        return first(entry, draw) or Step(float("inf"), renew=False)
    if verdict is Verdict.AWAY:
        wait = min(RETRY_LEAST * 2.0 ** min(attempts, 16), RETRY_MOST) * (1 - 0.25 * draw())
        at = min(now + wait, entry.expires)
        return Step(at, renew=True) if at > now else None
    return Step(entry.last_call, renew=False) if entry.last_call > now else None
