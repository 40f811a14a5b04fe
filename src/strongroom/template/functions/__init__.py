"""The functions that templates may call. Each module declares those of one subject."""

from __future__ import annotations

from functools import cache

from strongroom.template.function import Library
from strongroom.template.functions import (
    arithmetic,
    builtin,
    clock,
    collection,
    comparison,
    encoding,
    inspection,
    outside,
    sockaddr,
    text,
)

_OWN: dict[str, Library] = {
    "The world outside": outside.LIBRARY,
    "Texts": text.LIBRARY,
    "Lists and maps": collection.LIBRARY,
    "Numbers": arithmetic.LIBRARY,
    "Encoding and hashes": encoding.LIBRARY,
    "Addresses": sockaddr.LIBRARY,
    "The time": clock.LIBRARY,
    "Finding mistakes": inspection.LIBRARY,
    "Go's own": builtin.LIBRARY,
    "Comparisons": comparison.LIBRARY,
}


def library_for(template: str) -> Library:
    """The functions that a text may call: with those of sprig, which take time to load, if it names one."""
    return whole() if "sprig_" in template else _own()


def subjects() -> dict[str, Library]:
    """All functions, by what they are about."""
    from strongroom.template.functions import sprig  # noqa: PLC0415  few templates need it, and starts are timed

    return _OWN | sprig.SUBJECTS


@cache
def whole() -> Library:
    """All functions."""
    return _together(subjects())


@cache
def _own() -> Library:
    return _together(_OWN)


def _together(parts: dict[str, Library]) -> Library:
    found = Library()
    for part in parts.values():
        found.update(part)
    return found
