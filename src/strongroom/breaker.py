"""Circuit breakers: when a system outside is left alone, and when it is asked again. No I/O, no clock.

A system that does not answer is asked by one request at a time, ever less often; the first answer, even a
refusal, opens the way for all that wait. What waits behind an open breaker has not been tried, so the
time is not counted against it, but only so much of it is granted.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.logical import SECOND

MAX_ATTEMPTS = 6
"""Refused revocations after which a lease needs attention."""

PATIENCE = 24 * 3600
"""Seconds that a system may stay silent before the leases that wait for it need attention."""

LONGEST_PAUSE = 300
"""Seconds between two looks at a system that stays silent, at most (without jitter)."""

_BACKOFF = (10, 30, 90, 270, 810)


def backoff(failures: int, chance: float) -> int:
    """Nanoseconds until what failed so often is tried again; ``chance`` from 0 to 1 spreads them."""
    seconds = _BACKOFF[min(max(failures, 1), len(_BACKOFF)) - 1]
    return int(seconds * (0.75 + chance / 4) * SECOND)


@dataclass(slots=True)
class Breaker:
    """What is known of a system that does not answer. Times are nanoseconds since the epoch.

    ``down`` is for how many seconds it has been silent while somebody was asking: an hour in which the
    server was sealed does not count.
    """

    misses: int = 0
    last: int = 0
    probe_at: int = 0
    down: int = 0
    error: str = ""

    @property
    def open(self) -> bool:
        """Whether the system is left alone."""
        return self.misses > 0

    def admits(self, now: int, busy: int, limit: int) -> bool:
        """Whether one more request may go out beside ``busy`` others."""
        return busy == 0 and now >= self.probe_at if self.open else busy < limit

    def missed(self, now: int, error: str, chance: float) -> None:
        """It did not answer."""
        if self.open:
            self.down += min(max(now - self.last, 0) // SECOND, 2 * LONGEST_PAUSE)
        pause = min(2 ** min(self.misses, 16), LONGEST_PAUSE) * (0.75 + chance / 2)
        self.misses += 1
        self.last, self.error = now, error
        self.probe_at = now + int(pause * SECOND)

    def answered(self) -> None:
        """It answered, whatever it said."""
        self.misses = self.last = self.probe_at = self.down = 0
        self.error = ""
