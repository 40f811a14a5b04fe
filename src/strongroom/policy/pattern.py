"""The path of a rule: exact, a prefix (``*`` at the end), or with whole segments left open (``+``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

Priority: TypeAlias = tuple[int, bool, int, int, str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled path.

    ``literal`` is the text without a ``*`` at its end, ``head`` what stands before the first
    wildcard, ``segments`` is empty unless some segment is ``+``. Of two patterns that match a
    path the one with the greater ``priority`` governs it; an exact one governs before any other.
    """

    text: str
    literal: str
    head: str
    segments: tuple[str, ...]
    is_prefix: bool
    priority: Priority

    @property
    def exact(self) -> bool:
        return not self.segments and not self.is_prefix

    def matches(self, path: str, parts: Sequence[str]) -> bool:
        """Whether the pattern covers ``path``; ``parts`` is the path split at its slashes."""
        if not path.startswith(self.head):
            return False
        if not self.segments:
            return self.is_prefix or path == self.literal
        wanted = self.segments
        if len(parts) < len(wanted) or (len(parts) > len(wanted) and not self.is_prefix):
            return False
        last = len(wanted) - 1
        for index, segment in enumerate(wanted):
            part = parts[index]
            if segment in ("+", part):
                continue
            if not (self.is_prefix and index == last and part.startswith(segment)):
                return False
        return True

    def meets(self, prefix: str) -> bool:
        """Whether the pattern can match the path of a mount or anything below it."""
        if not self.segments:
            return self.literal.startswith(prefix) or (self.is_prefix and prefix.startswith(self.literal))
        last = len(self.segments) - 1
        for index, part in enumerate(prefix.removesuffix("/").split("/")):
            if index > last:
                return self.is_prefix
            segment = self.segments[index]
            if segment not in ("+", part):
                return self.is_prefix and index == last and part.startswith(segment)
        return True


@lru_cache(maxsize=16384)
def compile_pattern(text: str) -> Pattern:
    """The pattern of a path as policies write it, without its leading slash.

    Priority, first difference decides: the wildcard that comes later, no ``*`` at the end, fewer
    ``+``, the longer one, the lexicographically greater one.
    """
    is_prefix = text.endswith("*")
    literal = text[:-1] if is_prefix else text
    parts = tuple(literal.split("/"))
    open_segments = parts.count("+")
    head = literal
    if open_segments:
        first = parts.index("+")
        head = "/".join(parts[:first]) + ("/" if first else "")
    else:
        parts = ()
    priority = (len(head), not is_prefix, -open_segments, len(literal), literal)
    return Pattern(text, literal, head, parts, is_prefix, priority)
