"""The metrics of a server that is several processes: what each has measured, and all of it as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import msgspec

from strongroom.metrics.registry import Counter, Labels, Metrics, Point, Series, Timing, Window

_SUMMED = frozenset({"core.in_flight_requests"})
"""Gauges of which every process knows a part."""
_OWN = "runtime."
"""Gauges that say something about one process only; all others are the writer's to tell."""


class Measured(msgspec.Struct, array_like=True):
    """One series: the last closed window, and count and sum since the process began."""

    counter: bool
    name: str
    labels: Labels
    last: Window
    count: int
    total: float


class Snapshot(msgspec.Struct, array_like=True):
    """What one process has measured."""

    series: list[Measured] = []
    gauges: list[Point] = []

    @classmethod
    def of(cls, metrics: Metrics) -> Self:
        """What there is at this moment."""
        series = [
            Measured(isinstance(each, Counter), each.name, each.labels, each.last, *each.lifetime())
            for each in metrics.series()
        ]
        readings = metrics.readings()
        return cls(series, [each for each in readings if each.name in _SUMMED or each.name.startswith(_OWN)])

    def after(self, earlier: Snapshot) -> Snapshot:
        """The counts and sums of two processes that have ended; their windows and gauges are gone."""
        sums: dict[tuple[bool, str, Labels], Measured] = {}
        for each in (*earlier.series, *self.series):
            key = each.counter, each.name, each.labels
            known = sums.get(key) or Measured(*key, Window(), 0, 0.0)
            sums[key] = Measured(*key, Window(), known.count + each.count, known.total + each.total)
        return Snapshot([*sums.values()])


class Together(Metrics):
    """A registry's series with those of other processes added; for rendering, not for measuring.

    ``others`` are snapshots by the name of their process, which labels the gauges that are its own.
    """

    def __init__(self, own: Metrics, others: Sequence[tuple[str, Snapshot]]) -> None:
        super().__init__(own.prefix)
        self._own = own
        self._others = others
        self._merged: dict[tuple[bool, str, Labels], Series] = {}
        for each in Snapshot.of(own).series:
            self._add(each)
        for _, snapshot in others:
            for each in snapshot.series:
                self._add(each)

    def _add(self, measured: Measured) -> None:
        key = measured.counter, measured.name, measured.labels
        series = self._merged.get(key)
        if series is None:
            kind = Counter if measured.counter else Timing
            series = self._merged[key] = kind(measured.name, measured.labels)
        count, total = series.lifetime()
        series.past = Window(count + measured.count, total + measured.total)
        series.last = series.last.joined(measured.last)

    def roll(self, now: float) -> None:
        """Nothing: each process closes its own windows."""

    def started(self) -> int:
        return self._own.started()

    def series(self) -> Iterator[Series]:
        yield from self._merged.values()

    def points(self) -> list[Point]:
        found = {(each.name, each.labels): each for each in self._own.points()}
        for process, snapshot in self._others:
            for each in snapshot.gauges:
                name, labels = self._own.placed(each.name), each.labels
                known = found.get((name, labels))
                if each.name in _SUMMED and known is not None:
                    found[name, labels] = Point(name, labels, known.value + each.value)
                elif each.name not in _SUMMED:
                    labels = (*labels, ("process", process))
                    found[name, labels] = Point(name, labels, each.value)
        return sorted(found.values(), key=lambda point: (point.name, point.labels))
