"""Finds the grant that governs a path, fast."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from strongroom.policy.grant import Grant
from strongroom.policy.pattern import Priority
from strongroom.policy.rule import Capability

_Candidates: TypeAlias = list[tuple[Priority, str, Grant]]

_DENY = int(Capability.DENY)


class Index:
    """Grants by pattern: exact ones in a dict, prefixes in order, open ones by priority.

    The longest prefix of a path in a sorted list is its predecessor there or one of that
    predecessor's own prefixes, which ``_parents`` links.
    """

    def __init__(self, grants: Sequence[Grant]) -> None:
        self.grants = tuple(grants)
        self.exact = {grant.pattern.text: grant for grant in grants if grant.pattern.exact}
        self.prefixes = {
            grant.pattern.literal: grant
            for grant in grants
            if grant.pattern.is_prefix and not grant.pattern.segments
        }
        self._sorted = sorted(self.prefixes)
        self._parents = _parents(self._sorted)
        self._holders: dict[int, tuple[list[str], list[Grant]]] = {}
        self._open_everywhere, self._open = _by_first_segment(grants)

    def find(self, path: str, *, listing: bool) -> Grant | None:
        """The governing grant, None without any.

        A listing of ``a/b/`` is also governed by what is said about ``a/b``: by an exact rule for
        it, by any rule when nothing matches ``a/b/``, and by a wildcard rule that denies and has
        the higher priority. The latter two orders matter: a ``deny`` must not be slipped past
        with a slash.
        """
        exact = self.exact.get(path)
        if exact is not None:
            return exact
        if not listing or path[-1:] != "/":
            return self._wild(path)
        bare = path[:-1]
        return self.exact.get(bare) or self._wild_listing(path, bare)

    def _wild_listing(self, path: str, bare: str) -> Grant | None:
        first, second = self._wild(path), self._wild(bare)
        if first is None or second is None:
            return first or second
        if second.mask == _DENY and second.pattern.priority > first.pattern.priority:
            return second
        return first

    def _wild(self, path: str) -> Grant | None:
        best = self._longest_prefix(path)
        candidates = self._open.get(path.partition("/")[0], self._open_everywhere)
        if not candidates:
            return best
        parts: Sequence[str] = ()
        for priority, head, grant in candidates:
            if best is not None and best.pattern.priority > priority:
                break
            if path.startswith(head):
                parts = parts or path.split("/")
                if grant.pattern.matches(path, parts):
                    return grant
        return best

    def _longest_prefix(self, path: str) -> Grant | None:
        position = bisect_right(self._sorted, path) - 1
        while position >= 0:
            prefix = self._sorted[position]
            if path.startswith(prefix):
                return self.prefixes[prefix]
            position = self._parents[position]
        return None

    def nearest(self, path: str, capability: int, governing: Grant | None) -> Grant | None:
        """Of the other grants that hold a capability, the one most like the path from its begin.

        In sorted order that is one of the path's neighbours.
        """
        heads, holders = self._holders.get(capability) or self._rank_holders(capability)
        position = bisect_right(heads, path)
        best, length = None, 0
        for grant in holders[max(position - 2, 0) : position + 2]:
            shared = _shared(grant.pattern.head, path)
            if grant is not governing and (shared > length or not grant.pattern.head):
                best, length = grant, shared
        return best

    def _rank_holders(self, capability: int) -> tuple[list[str], list[Grant]]:
        holders = sorted(
            (grant for grant in self.grants if grant.mask & capability), key=lambda grant: grant.pattern.head
        )
        ranked = self._holders[capability] = [grant.pattern.head for grant in holders], holders
        return ranked


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _by_first_segment(grants: Sequence[Grant]) -> tuple[_Candidates, dict[str, _Candidates]]:
    """Patterns with ``+``, greatest priority first: open from the start, and by first segment."""
    ranked = sorted(
        ((grant.pattern.priority, grant.pattern.head, grant) for grant in grants if grant.pattern.segments),
        key=lambda candidate: candidate[0],
        reverse=True,
    )
    firsts = {grant.pattern.segments[0] for _, _, grant in ranked} - {"+"}
    return _starting(ranked, {"+"}), {first: _starting(ranked, {"+", first}) for first in firsts}


def _starting(ranked: _Candidates, firsts: set[str]) -> _Candidates:
    return [candidate for candidate in ranked if candidate[2].pattern.segments[0] in firsts]


def _parents(prefixes: Sequence[str]) -> list[int]:
    """For each of the sorted prefixes the position of the longest other that it begins with, or -1."""
    parents: list[int] = []
    for position, prefix in enumerate(prefixes):
        parent = position - 1
        while parent >= 0 and not prefix.startswith(prefixes[parent]):
            parent = parents[parent]
        parents.append(parent)
    return parents
