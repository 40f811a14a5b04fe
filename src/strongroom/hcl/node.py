"""The tree that HCL and JSON texts both become. Equality ignores positions and comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from msgspec import Struct

Scalar: TypeAlias = str | int | float | bool


class _Part(Struct, frozen=True, eq=False):
    """Equal to what says the same, wherever and however that is written."""

    def said(self) -> tuple[object, ...]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Part) and type(other) is type(self) and other.said() == self.said()

    def __hash__(self) -> int:
        return hash(self.said())


class Comment(_Part, frozen=True, eq=False):
    """A comment as written, with its marks; a block comment may span lines."""

    text: str
    line: int = 0
    column: int = 0
    end_line: int = 0

    def said(self) -> tuple[object, ...]:
        return (self.text,)


class Literal(_Part, frozen=True, eq=False):
    """A string, number or bool. ``source`` is its spelling in the text, empty for one made by code."""

    value: Scalar
    kind: type
    source: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0

    def said(self) -> tuple[object, ...]:
        return (self.value, self.kind)

    @classmethod
    def of(cls, value: Scalar) -> Literal:
        """A literal made by code."""
        return cls(value, type(value))

    def plain(self) -> Scalar:
        return self.value


class List(_Part, frozen=True, eq=False):
    """``[ ... ]``."""

    items: tuple[Node, ...] = ()
    comments: tuple[Comment, ...] = ()
    line: int = 0
    column: int = 0
    end_line: int = 0

    def said(self) -> tuple[object, ...]:
        return (self.items,)

    def plain(self) -> list[Any]:
        return [item.plain() for item in self.items]


class Key(_Part, frozen=True, eq=False):
    """A key or a label, with or without quotes."""

    name: str
    quoted: bool = False
    line: int = 0
    column: int = 0

    def said(self) -> tuple[object, ...]:
        return (self.name,)


class Item(_Part, frozen=True, eq=False):
    """``key = value`` or ``key "label" ... { }``; only the latter form has labels."""

    keys: tuple[Key, ...]
    value: Node
    assigned: bool = False

    def said(self) -> tuple[object, ...]:
        return self.keys, self.value

    @property
    def name(self) -> str:
        return self.keys[0].name

    @property
    def line(self) -> int:
        return self.keys[0].line

    @property
    def column(self) -> int:
        return self.keys[0].column


class Block(_Part, frozen=True, eq=False):
    """A block found by name: its labels and its body, however the text spelled them."""

    labels: tuple[Key, ...]
    body: Node
    item: Item

    def said(self) -> tuple[object, ...]:
        return self.labels, self.body, self.item


class Object(_Part, frozen=True, eq=False):
    """``{ ... }`` or a whole text: its items in order; a key may occur several times."""

    items: tuple[Item, ...] = ()
    comments: tuple[Comment, ...] = ()
    line: int = 0
    column: int = 0
    end_line: int = 0

    def said(self) -> tuple[object, ...]:
        return (self.items,)

    def get(self, name: str) -> Item | None:
        """The last item of that name."""
        return next((item for item in reversed(self.items) if item.name == name), None)

    def blocks(self, name: str, labels: int = 0) -> Iterator[Block]:
        """All blocks of that name with that many labels.

        One answer for ``name "label" { }``, for ``{"name": {"label": { }}}`` and for the same
        with lists of objects at any level. The body is whatever stands innermost: the caller
        refuses what is not an Object.
        """
        for item in self.items:
            if item.name == name:
                for found, body in _unfold(item.value, item.keys[1:], labels):
                    yield Block(found, body, item)

    def plain(self) -> dict[str, Any]:
        """Python values: labels become nested dicts, a key given several times becomes a list."""
        result: dict[str, Any] = {}
        repeated: set[str] = set()
        for item in self.items:
            value: Any = item.value.plain()
            for label in reversed(item.keys[1:]):
                value = {label.name: value}
            if item.name in repeated:
                result[item.name].append(value)
            elif item.name in result:
                repeated.add(item.name)
                result[item.name] = [result[item.name], value]
            else:
                result[item.name] = value
        return result


Node: TypeAlias = Literal | List | Object


def _unfold(value: Node, keys: tuple[Key, ...], labels: int) -> Iterator[tuple[tuple[Key, ...], Node]]:
    if isinstance(value, List) and value.items and all(isinstance(item, Object) for item in value.items):
        for element in value.items:
            yield from _unfold(element, keys, labels)
    elif len(keys) < labels and isinstance(value, Object):
        for item in value.items:
            yield from _unfold(item.value, keys + item.keys, labels)
    else:
        yield keys, value
