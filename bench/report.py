"""The figures as a table, each with what is required of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.measure import Cost


@dataclass(slots=True)
class Figure:
    """A measured quantity. ``required`` is a sentence; ``met`` whether it holds."""

    name: str
    theirs: str
    ours: str
    ratio: str
    required: str
    met: bool


@dataclass(slots=True)
class Report:
    """What was measured, in order."""

    heading: list[str]
    figures: list[Figure] = field(default_factory=list)

    def cost(self, name: str, theirs: Cost, ours: Cost, required: float | None) -> None:
        """One operation at one number of connections; without ``required`` only the p99 is judged."""
        ratio = theirs.cpu / ours.cpu
        needed = f"{required:g} x" if required else ""
        self._add(f"{name}: CPU us/request", theirs.cpu, ours.cpu, needed, not required or ratio >= required)
        self._add(f"{name}: requests/s", theirs.rate, ours.rate, "", True)
        self._add(f"{name}: p50 us", theirs.p50, ours.p50, "", True)
        self.below(f"{name}: p99 us", theirs.p99, ours.p99)

    def below(self, name: str, theirs: float, ours: float) -> None:
        """Ours must be below the peer's."""
        self._add(name, theirs, ours, "below the peer", ours < theirs)

    def faster(self, name: str, theirs: float, ours: float, times: float) -> None:
        """Ours must be so many times the peer's."""
        self._add(name, theirs, ours, f"{times:g} x the peer's", ours >= times * theirs)

    def limit(self, name: str, theirs: float | None, ours: float, limit: float) -> None:
        """Ours must be below a limit, whatever the peer does."""
        self._add(name, theirs, ours, f"below {limit:g}", ours < limit)

    def ratio(self, name: str, figure: float, limit: float) -> None:
        """A figure of ours alone, in proportion to another of ours."""
        self._add(name, None, figure, f"at most {limit:g}", figure <= limit)

    def _add(self, name: str, theirs: float | None, ours: float, required: str, met: bool) -> None:
        ratio = f"{theirs / ours:.1f}" if theirs is not None and ours > 0 else ""
        shown = "" if theirs is None else _number(theirs)
        self.figures.append(Figure(name, shown, _number(ours), ratio, required, met))

    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.met]

    def lines(self) -> Iterator[str]:
        """The report as Markdown."""
        yield from self.heading
        yield "\n| | peer | Strongroom | peer / ours | required | |"
        yield "|---|---:|---:|---:|---|---|"
        for one in self.figures:
            verdict = ("ok" if one.met else "**missed**") if one.required else ""
            yield f"| {one.name} | {one.theirs} | {one.ours} | {one.ratio} | {one.required} | {verdict} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
