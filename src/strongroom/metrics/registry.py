"""Counters, timings and gauges, cheap enough for every request.

What measures holds its :class:`Series` and calls ``add``: no clock, no lookup, no lock (the event
loop is one thread; a lost increment of another thread would be a rounding error). A timing keeps
its values as they come and does the sums for hundreds at once, which costs a third of doing them
one by one.
Windows are closed by :meth:`Metrics.roll`, which the server calls every :data:`INTERVAL`; gauges
are functions that are asked only when somebody looks.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from operator import mul
from time import perf_counter
from typing import TypeVar, cast

INTERVAL = 10
"""Length of a window, seconds."""

Labels = tuple[tuple[str, str], ...]
Reading = float | Iterable[tuple[Mapping[str, str], float]]
"""A gauge's value, or values by label where one function knows several."""

_RECENT = 256
_FRESH = 512


@dataclass(frozen=True, slots=True)
class Window:
    """What was added to a series in one interval."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    least: float = 0.0
    most: float = 0.0
    recent: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        """The average, 0 of nothing."""
        return self.total / self.count if self.count else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation of a sample of the population."""
        if self.count < 2:
            return 0.0
        spread = self.count * self.squares - self.total * self.total
        return math.sqrt(max(spread, 0.0) / (self.count * (self.count - 1)))

    def joined(self, other: Window) -> Window:
        """What two processes added to the same series in one interval."""
        if not other.count or not self.count:
            return self if self.count else other
        return Window(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            min(self.least, other.least),
            max(self.most, other.most),
            self.recent + other.recent,
        )

    def quantile(self, portion: float) -> float:
        """The value that ``portion`` of the last few hundred did not exceed; NaN of nothing."""
        if not self.recent:
            return math.nan
        ordered = sorted(self.recent)
        return ordered[min(int(portion * len(ordered)), len(ordered) - 1)]


class Series:
    """What is measured under one name and one set of labels. Windows are closed by the registry."""

    __slots__ = ("_count", "_least", "_most", "_squares", "_total", "labels", "last", "name", "past")

    def __init__(self, name: str, labels: Labels) -> None:
        self.name = name
        self.labels = labels
        self.last = Window()
        self.past = Window()
        self._reset()

    def _reset(self) -> None:
        self._count = 0
        self._total = self._squares = 0.0
        self._least, self._most = math.inf, -math.inf

    def current(self) -> Window:
        """The window that is still open."""
        if not self._count:
            return Window()
        return Window(self._count, self._total, self._squares, self._least, self._most, self._values())

    def lifetime(self) -> tuple[int, float]:
        """Count and sum since the start."""
        return self.past.count + self._count, self.past.total + self._total

    def roll(self) -> None:
        """Close the open window."""
        self.last = self.current()
        count, total = self.lifetime()
        self.past = Window(count, total)
        self._reset()

    def _values(self) -> tuple[float, ...]:
        return ()


class Counter(Series):
    """Something that happens."""

    __slots__ = ()

    def add(self, value: float = 1.0) -> None:
        """Count ``value`` more."""
        self._count += 1
        self._total += value
        self._squares += value * value
        if value > self._most:  # noqa: PLR1730 - max() would cost another call per request
            self._most = value
        if value < self._least:  # noqa: PLR1730 - as above
            self._least = value


class Timing(Series):
    """Something that takes time, in milliseconds, or has a size."""

    __slots__ = ("_fresh", "_recent")

    def add(self, value: float) -> None:
        """Note one value."""
        fresh = self._fresh
        fresh.append(value)
        if len(fresh) >= _FRESH:
            self._fold()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Note how long the block takes, also one that fails; for what is not done by every request."""
        started = perf_counter()
        try:
            yield
        finally:
            self.add((perf_counter() - started) * 1000)

    def current(self) -> Window:
        self._fold()
        return super().current()

    def lifetime(self) -> tuple[int, float]:
        self._fold()
        return super().lifetime()

    def _fold(self) -> None:
        """Do the sums for the values that have come since the last time."""
        fresh = self._fresh
        if not fresh:
            return
        self._count += len(fresh)
        self._total += sum(fresh)
        self._squares += sum(map(mul, fresh, fresh))
        self._most = max(self._most, *fresh)
        self._least = min(self._least, *fresh)
        self._recent.extend(fresh)
        fresh.clear()

    def _reset(self) -> None:
        super()._reset()
        self._fresh: list[float] = []
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def _values(self) -> tuple[float, ...]:
        return tuple(self._recent)


@dataclass(frozen=True, slots=True)
class Point:
    """A gauge as it was read."""

    name: str
    labels: Labels
    value: float


S = TypeVar("S", Counter, Timing)


class Metrics:
    """All series and gauges of a server.

    ``prefix`` stands before every name. With ``hostname`` set it stands before the names of
    gauges, after the prefix. ``filters`` are name prefixes marked ``+`` (shown) or ``-``; the
    longest decides, ``filter_default`` without one. A name has at most ``max_cardinality`` sets
    of labels; further ones are counted in ``dropped`` and their values go nowhere.
    """

    def __init__(
        self,
        prefix: str = "vault",
        *,
        hostname: str = "",
        max_cardinality: int = 500,
        filters: Iterable[str] = (),
        filter_default: bool = True,
    ) -> None:
        self.prefix = prefix or "vault"
        self.dropped = 0
        self._hostname = hostname
        self._max_cardinality = max_cardinality
        self._filters = {each[1:]: each[:1] == "+" for each in filters if each[:1] in "+-"}
        self._filter_default = filter_default
        self._series: dict[tuple[type[Series], str], dict[Labels, Series]] = {}
        self._gauges: dict[tuple[str, Labels], Callable[[], Reading]] = {}
        self._rolled = 0

    def counter(self, name: str, labels: Mapping[str, str] | None = None) -> Counter:
        """The counter of that name; ask once and keep it."""
        return self._find(Counter, name, labels)

    def timing(self, name: str, labels: Mapping[str, str] | None = None) -> Timing:
        """The timing of that name; ask once and keep it."""
        return self._find(Timing, name, labels)

    def gauge(self, name: str, read: Callable[[], Reading], labels: Mapping[str, str] | None = None) -> None:
        """Register what is read at rendering; a second one of that name and labels replaces the first."""
        self._gauges[name, _sorted(labels)] = read

    def roll(self, now: float) -> None:
        """Close the open windows when ``now`` (seconds since the epoch) is in a later interval."""
        interval = int(now) // INTERVAL
        if interval == self._rolled:
            return
        self._rolled = interval
        for series in self.series():
            series.roll()

    def started(self) -> int:
        """When the last closed window began, in seconds since the epoch."""
        return (self._rolled - 1) * INTERVAL

    def series(self) -> Iterator[Series]:
        """Every series that is shown."""
        for (_, name), found in list(self._series.items()):
            if self._shown(name):
                yield from list(found.values())

    def points(self) -> list[Point]:
        """Every gauge that is shown, read now, by name."""
        found = [Point(self.placed(each.name), each.labels, each.value) for each in self.readings()]
        return sorted(found, key=lambda point: (point.name, point.labels))

    def readings(self) -> list[Point]:
        """The same by their bare names, in the order in which they were registered."""
        found: list[Point] = []
        for (name, labels), read in self._gauges.items():
            if self._shown(name):
                found += _points(name, labels, read(), self._max_cardinality)
        return found

    def placed(self, name: str) -> str:
        """A gauge's name behind that of the host, where hosts are shown."""
        return f"{self._hostname}.{name}" if self._hostname else name

    def _find(self, kind: type[S], name: str, labels: Mapping[str, str] | None) -> S:
        key = _sorted(labels)
        siblings = self._series.setdefault((kind, name), {})
        found = siblings.get(key)
        if found is None:
            found = kind(name, key)
            if len(siblings) >= self._max_cardinality:
                self.dropped += 1
            else:
                siblings[key] = found
        return cast("S", found)

    def _shown(self, name: str) -> bool:
        full = f"{self.prefix}.{name}"
        matching = [each for each in self._filters if full.startswith(each)]
        return self._filters[max(matching, key=len)] if matching else self._filter_default


def _sorted(labels: Mapping[str, str] | None) -> Labels:
    return tuple(sorted(labels.items())) if labels else ()


def _points(name: str, labels: Labels, reading: Reading, limit: int) -> Iterator[Point]:
    if isinstance(reading, int | float):
        yield Point(name, labels, reading)
        return
    for more, value in islice(reading, limit):
        yield Point(name, _sorted(dict(labels) | dict(more)), value)
