"""What is wrong with a configuration, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from strongroom.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. ``line`` 0 means the source as a whole (an environment variable)."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    place: Place
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


class ConfigError(BadRequest):
    """The configuration cannot be used. ``problems`` lists all that was found, one line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class BadValue(ValueError):
    """Not a value for this key; the words complete a sentence that begins with the key.

    They name what was expected, never what was written: that may be a secret in the wrong place.
    """
