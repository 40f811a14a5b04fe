"""When to renew a token and when to log in again: decided from what the server said, and a draw."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec import Struct

NEVER = float("inf")
CAPPED = 0.98
"""A renewal that grants less than this part of the lease was cut short by the token's longest life."""


class Lifetime(Struct, frozen=True):
    """How long a token lives, from ``since`` (monotonic seconds). ``granted`` is its first lease's length."""

    since: float
    ttl: float
    renewable: bool
    granted: float

    @property
    def ends(self) -> float:
        """When it is dead; never for a token without an end."""
        return self.since + self.ttl if self.ttl > 0 else NEVER

    def plan(self, *, draw: Callable[[], float] = random.random) -> tuple[str, float]:
        """What to do next, ``renew`` or ``login``, and when.

        Renewal comes after two thirds, up to a tenth earlier, so that many agents do not ask at once. A
        token that cannot be renewed is replaced before the last tenth to fifth of its lease, one that its
        longest life has caught up with before the last third.
        """
        if self.ttl <= 0:
            return "wait", NEVER
        grace = self.granted * (0.1 + 0.1 * draw())
        if not self.renewable:
            return "login", self.since + max(self.ttl - grace, self.ttl * 0.5)
        if self.ttl < self.granted * CAPPED:
            return "login", self.since + self.ttl * (0.25 + 0.2 * draw())
        return "renew", self.since + self.ttl * (2 / 3) * (1.0 - 0.1 * draw())

    def renewed(self, now: float, ttl: float, *, renewable: bool) -> Lifetime:
        """The life after a renewal."""
        return Lifetime(now, ttl, renewable, max(self.granted, ttl))
