"""Names of things that are there before anybody makes them, among those that were made."""

from __future__ import annotations


def including(found: list[str], name: str, after: str, limit: int) -> list[str]:
    """A page of names with the one that is always there, in its place."""
    full = 0 < limit <= len(found)
    if name in found or name <= after or (full and found[-1] < name):
        return found
    found = sorted([*found, name])
    return found[:limit] if limit > 0 else found
