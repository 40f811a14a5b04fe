"""Sprig's functions of versions: what they are made of, and whether they meet a constraint."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from strongroom.template.errors import FunctionError
from strongroom.template.function import Library, declared
from strongroom.template.value import Record, Uint64

LIBRARY = Library("sprig_")
function = LIBRARY.function
VERSION = re.compile(
    r"v?([0-9]{1,18})(?:\.([0-9]{1,18}))?(?:\.([0-9]{1,18}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
)
PART = re.compile(
    r"(=|==|!=|>|<|>=|=>|<=|=<|~|~>|\^)?\s*"
    r"v?([0-9xX*]+)(?:\.([0-9xX*]+))?(?:\.([0-9xX*]+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?",
)
LONGEST = 1000  # characters of a constraint
Numbers = tuple[int, int, int]


@dataclass(frozen=True)
class Version(Record):
    """``.Major``, ``.Minor``, ``.Patch``, ``.Prerelease``, ``.Metadata``, ``.Original``"""

    go_type: ClassVar[str] = "semver.Version"

    original: str
    numbers: Numbers
    prerelease: str
    metadata: str

    def json(self) -> str:
        return self.text()

    def text(self) -> str:
        numbers = ".".join(map(str, self.numbers))
        before = f"-{self.prerelease}" if self.prerelease else ""
        return numbers + before + (f"+{self.metadata}" if self.metadata else "")


def _simple(read: Callable[[Version], Any]) -> Callable[[Version], Any]:
    def method(self: Version) -> Any:
        """A part of the version."""
        return read(self)

    return method


_PARTS: dict[str, Callable[[Version], Any]] = {
    "Major": lambda version: Uint64(version.numbers[0]),
    "Minor": lambda version: Uint64(version.numbers[1]),
    "Patch": lambda version: Uint64(version.numbers[2]),
    "Prerelease": lambda version: version.prerelease,
    "Metadata": lambda version: version.metadata,
    "Original": lambda version: version.original,
    "String": Version.text,
}
Version.methods = {name: declared(name, _simple(read)) for name, read in _PARTS.items()}


def parse(text: str) -> Version:
    """A version, of which all but the first number may be left out."""
    match = VERSION.fullmatch(text)
    if match is None:
        raise FunctionError("invalid semantic version")
    major, minor, patch, prerelease, metadata = match.groups()
    return Version(text, (int(major), int(minor or 0), int(patch or 0)), prerelease or "", metadata or "")


def order(version: Version) -> tuple[Any, ...]:
    """Sorts as versions do: one before its release comes before it."""
    parts = tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in version.prerelease.split(".")
    )
    return (*version.numbers, (0, parts) if version.prerelease else (1, ()))


@function("semver")
def semver(text: str) -> Any:
    """A version, of which ``.Major``, ``.Minor``, ``.Patch`` and others can be asked."""
    return parse(text)


@function("semverCompare")
def semver_compare(constraint: str, text: str) -> bool:
    """Whether a version meets a constraint: ``>=1.2, <2``, ``^1.2``, ``~1.2.3``, ``1.x || 3.x``."""
    if len(constraint) > LONGEST:
        raise FunctionError("the constraint is too long")
    version = parse(text)
    met = [_all(part, version) for part in constraint.split("||")]
    return True in met


def _all(constraint: str, version: Version) -> bool:
    """Constraints with commas or spaces between them hold together."""
    constraint = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", constraint.strip())
    parts = list(PART.finditer(constraint))
    if not parts or PART.sub("", constraint).strip(" ,"):
        raise FunctionError("improper constraint")
    return all(_meets(part, version) for part in parts)


def _meets(part: re.Match[str], version: Version) -> bool:
    sign, *written, prerelease = part.groups()
    known = [int(number) for number in written if number and number.isdecimal()]
    if version.prerelease and not prerelease:
        return False
    low = [*known, 0, 0, 0][:3]
    bound = Version("", (low[0], low[1], low[2]), prerelease or "", "")
    return SIGNS[sign or ""](version, bound, known)


def _next(known: list[int], places: int) -> Version:
    """The first version behind all that begin with so many of the numbers."""
    numbers = [*known[:places], 0, 0, 0][:3]
    if places:
        numbers[places - 1] += 1
    return Version("", (numbers[0], numbers[1], numbers[2]), "", "")


def _within(version: Version, bound: Version, known: list[int], places: int) -> bool:
    if not known:
        return True
    return order(bound) <= order(version) and version.numbers < _next(known, max(places, 1)).numbers


def _exactly(version: Version, bound: Version, known: list[int]) -> bool:
    if len(known) < 3:
        return _within(version, bound, known, len(known))
    return order(version) == order(bound)


def _caret(version: Version, bound: Version, known: list[int]) -> bool:
    places = next((index for index, number in enumerate(known, 1) if number), len(known))
    return _within(version, bound, known, places)


def _tilde(version: Version, bound: Version, known: list[int]) -> bool:
    return _within(version, bound, known, min(len(known), 2))


def _above(version: Version, bound: Version, known: list[int]) -> bool:
    if len(known) < 3:
        return bool(known) and version.numbers >= _next(known, len(known)).numbers
    return order(version) > order(bound)


def _at_most(version: Version, bound: Version, known: list[int]) -> bool:
    return not _above(version, bound, known)


Sign = Callable[[Version, Version, list[int]], bool]
SIGNS: dict[str, Sign] = {
    **dict.fromkeys(("", "=", "=="), _exactly),
    "!=": lambda version, bound, known: not _exactly(version, bound, known),
    ">": _above,
    "<": lambda version, bound, _: order(version) < order(bound),
    **dict.fromkeys((">=", "=>"), lambda version, bound, _: order(version) >= order(bound)),
    **dict.fromkeys(("<=", "=<"), _at_most),
    **dict.fromkeys(
        ("~", "~>"), lambda version, bound, known: _within(version, bound, known, min(len(known), 2))
    ),
    "^": _caret,
}
