"""Where Strongroom answers otherwise than the peer on purpose: one table, each row with its reason.

A row that no longer differs fails the test, so that the table never tells more than the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Known:
    """At step ``step`` of a case the places matching ``place`` may differ.

    Steps count from 1; 0 is every step, and the audit lines.
    """

    step: int
    place: str
    reason: str

    def covers(self, step: int, place: str) -> bool:
        return self.step in (0, step) and fnmatchcase(place, self.place)


KNOWN: dict[str, tuple[Known, ...]] = {}
