"""One heap and one sleeper for all leases, however many."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from itertools import count

_log = logging.getLogger("cache.schedule")
_REST = 60.0

AT_ONCE = 8
"""Renewals under way at the same time."""


class Schedule:
    """Calls ``act`` with a name when its time has come. A name has one time; the last one set counts.

    Times are those of ``clock`` (Unix seconds). Nothing is kept for a name but its place in the heap.
    """

    def __init__(self, act: Callable[[str], Awaitable[None]], clock: Callable[[], float]) -> None:
        self._act = act
        self._clock = clock
        self._heap: list[tuple[float, int, str]] = []
        self._current: dict[str, int] = {}
        self._numbers = count()
        self._woken = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)

    def __len__(self) -> int:
        return len(self._current)

    def set(self, name: str, at: float) -> None:
        """Have the turn of ``name`` come at ``at``, and not when it was to come before."""
        number = next(self._numbers)
        self._current[name] = number
        heapq.heappush(self._heap, (at, number, name))
        if self._heap[0][1] == number:
            self._woken.set()
        if len(self._heap) > 64 + 4 * len(self._current):
            self._sweep()

    def drop(self, name: str) -> None:
        """Forget the turn of ``name``."""
        self._current.pop(name, None)

    def next(self) -> float:
        """When the next turn comes; infinity when none is set."""
        heap = self._heap
        while heap and self._current.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][0] if heap else float("inf")

    def due(self, now: float) -> list[str]:
        """The names whose time has come; they are taken out."""
        names = []
        while self.next() <= now:
            _, _, name = heapq.heappop(self._heap)
            del self._current[name]
            names.append(name)
        return names

    async def run(self) -> None:
        """Give everyone their turn, until cancelled."""
        try:
            while True:
                self._woken.clear()
                for name in self.due(self._clock()):
                    self._start(name)
                await self._sleep()
        finally:
            for task in self._at_work:
                task.cancel()
            await asyncio.gather(*self._at_work, return_exceptions=True)

    def _start(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._turn(name))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _turn(self, name: str) -> None:
        async with self._slots:
            try:
                await self._act(name)
            except Exception:  # noqa: BLE001  one defect shall not end the renewals of all others
                _log.error("a lease was not looked after", exc_info=True)
                self.set(name, self._clock() + _REST)

    async def _sleep(self) -> None:
        """Until the next turn, or an earlier one is set; clocks that jump are noticed within a minute."""
        wait = min(max(self.next() - self._clock(), 0.0), 60.0) if self._heap else None
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _sweep(self) -> None:
        self._heap = [each for each in self._heap if self._current.get(each[2]) == each[1]]
        heapq.heapify(self._heap)
