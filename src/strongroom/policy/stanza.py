"""Typed reading of the keys of one path stanza."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from strongroom import hcl
from strongroom.errors import BadRequest
from strongroom.hcl import duration

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)")
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class PolicyError(BadRequest):
    """A policy that cannot be accepted; ``line`` and ``column`` also stand in the error's body."""

    def __init__(self, sentence: str, line: int, column: int) -> None:
        extra = {"line": line, "column": column}
        super().__init__(f"failed to parse policy: {sentence}", extra=extra)
        self.line = line
        self.column = column


class Stanza:
    """The body of ``path "..." { }``. A key given twice counts as one with all its values."""

    def __init__(self, path: str, body: hcl.Object) -> None:
        self.path = path
        self._body = body

    def fail(self, sentence: str, place: hcl.Item | hcl.Node, *, inner: bool = True) -> NoReturn:
        """Raise PolicyError; ``inner`` repeats the path, as clients know some of the sentences."""
        prefix = f'path "{self.path}": ' * (2 if inner else 1)
        raise PolicyError(prefix + sentence, place.line, place.column)

    def item(self, key: str) -> hcl.Item | None:
        return self._body.get(key)

    def objects(self, key: str) -> Iterator[hcl.Object]:
        """All objects under a key, whether blocks, assigned or in lists."""
        for block in self._body.blocks(key):
            if isinstance(block.body, hcl.Object) and not block.labels:
                yield block.body
            elif not (isinstance(block.body, hcl.List) and not block.body.items):
                self._mistyped(key, "an object", block.body)

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings; numbers are taken by their spelling."""
        return tuple(
            str(value) for item in self._body.items if item.name == key for value in self._list(item)
        )

    def _list(self, item: hcl.Item) -> tuple[Any, ...]:
        if not isinstance(item.value, hcl.List):
            self._mistyped(item.name, "a list", item.value)
        for value in item.value.items:
            if not isinstance(value, hcl.Literal):
                self._mistyped(item.name, "a list of strings", value)
        return tuple(value.plain() for value in item.value.items)

    def _mistyped(self, key: str, wanted: str, place: hcl.Node) -> NoReturn:
        self.fail(f"At {place.line}:{place.column}: {key} must be {wanted}", place)

    def scalar(self, key: str) -> hcl.Literal | None:
        item = self.item(key)
        if item is None:
            return None
        if not isinstance(item.value, hcl.Literal):
            self._mistyped(key, "a single value", item.value)
        return item.value

    def text(self, key: str) -> str:
        literal = self.scalar(key)
        return "" if literal is None else str(literal.value)

    def seconds(self, key: str) -> int:
        literal = self.scalar(key)
        if literal is None:
            return 0
        try:
            return duration.parse(literal.value)
        except duration.InvalidDuration as error:
            self.fail(f"error parsing {key}: {error.public}", literal, inner=False)

    def integer(self, key: str) -> int:
        literal = self.scalar(key)
        if literal is None:
            return 0
        if isinstance(literal.value, str) and not _WHOLE.fullmatch(literal.value):
            self.fail(f'strconv.ParseInt: parsing "{literal.value[:20]}": invalid syntax', literal)
        if isinstance(literal.value, bool | float):
            self._mistyped(key, "a whole number", literal)
        return int(literal.value)

    def time(self, key: str) -> int:
        """Nanoseconds since the epoch of an RFC 3339 time or of seconds since the epoch; 0 if not given."""
        literal = self.scalar(key)
        if literal is None or literal.value == "":
            return 0
        value = literal.value
        if isinstance(value, bool | float):
            self._mistyped(key, "a time", literal)
        try:
            if isinstance(value, int) or _WHOLE.fullmatch(value):
                return int(value) * duration.SECOND
            return parse_time(value)
        except ValueError:
            self.fail("invalid expiration time: could not parse string as date and time", literal)

    def parameters(self, key: str) -> dict[str, tuple[Any, ...]]:
        """Lower-case parameter names with the values listed for them."""
        result: dict[str, tuple[Any, ...]] = {}
        for body in self.objects(key):
            for item in body.items:
                if not isinstance(item.value, hcl.List):
                    place = item.value
                    self.fail(f"At {place.line}:{place.column}: {key} needs a list of values for each", place)
                name = item.name.lower()
                result[name] = result.get(name, ()) + tuple(item.value.plain())
        return result


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time. Raises ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    moment = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00")).astimezone(UTC)
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole * duration.SECOND + int((match[2] or "0").ljust(9, "0"))
