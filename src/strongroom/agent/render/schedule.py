"""All that is due later, in one heap with one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from itertools import count

FURTHEST = 86_400.0
"""Seconds a timer is set at most: the clock of the loop is not trusted further."""


class Schedule:
    """Calls ``due`` with each key at its time. A key stands once; setting it again replaces its time."""

    def __init__(self, due: Callable[[Hashable], None]) -> None:
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int, Hashable]] = []
        self._current: dict[Hashable, int] = {}
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._current)

    def set(self, key: Hashable, seconds: float) -> None:
        """Have ``key`` due in so many seconds."""
        number = next(self._numbers)
        self._current[key] = number
        heappush(self._heap, (self._loop.time() + max(seconds, 0.0), number, key))
        if self._heap[0][1] == number:
            self._arm()

    def drop(self, key: Hashable) -> None:
        """Forget a key."""
        self._current.pop(key, None)

    def close(self) -> None:
        """Nothing is due any more."""
        self._current.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._heap and self._current.get(self._heap[0][2]) != self._heap[0][1]:
            heappop(self._heap)  # replaced or dropped
        if self._heap:
            at = min(self._heap[0][0], self._loop.time() + FURTHEST)
            self._timer = self._loop.call_at(at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._heap and self._heap[0][0] <= now:
            _, number, key = heappop(self._heap)
            if self._current.get(key) == number:
                del self._current[key]
                self._due(key)
        self._arm()
