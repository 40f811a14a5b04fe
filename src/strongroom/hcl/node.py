"""The tree that HCL and JSON texts both become. Equality ignores positions and comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool


def _position() -> Any:
    return field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as written, with its marks; a block comment may span lines."""

    text: str
    line: int = _position()
    column: int = _position()
    end_line: int = _position()


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number or bool. ``source`` is its spelling in the text, empty for one made by code."""

    value: Scalar
    kind: type
    source: str = field(default="", compare=False, repr=False)
    line: int = _position()
    column: int = _position()
    end_line: int = _position()

    @classmethod
    def of(cls, value: Scalar) -> Literal:
        """A literal made by code."""
        return cls(value, type(value))

    def plain(self) -> Scalar:
        return self.value


@dataclass(frozen=True, slots=True)
class List:
    """``[ ... ]``."""

    items: tuple[Node, ...] = ()
    comments: tuple[Comment, ...] = field(default=(), compare=False, repr=False)
    line: int = _position()
    column: int = _position()
    end_line: int = _position()

    def plain(self) -> list[Any]:
        return [item.plain() for item in self.items]


@dataclass(frozen=True, slots=True)
class Key:
    """A key or a label, with or without quotes."""

    name: str
    quoted: bool = field(default=False, compare=False)
    line: int = _position()
    column: int = _position()


@dataclass(frozen=True, slots=True)
class Item:
    """``key = value`` or ``key "label" ... { }``; only the latter form has labels."""

    keys: tuple[Key, ...]
    value: Node
    assigned: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        return self.keys[0].name

    @property
    def line(self) -> int:
        return self.keys[0].line

    @property
    def column(self) -> int:
        return self.keys[0].column


@dataclass(frozen=True, slots=True)
class Block:
    """A block found by name: its labels and its body, however the text spelled them."""

    labels: tuple[Key, ...]
    body: Node
    item: Item


@dataclass(frozen=True, slots=True)
class Object:
    """``{ ... }`` or a whole text: its items in order; a key may occur several times."""

    items: tuple[Item, ...] = ()
    comments: tuple[Comment, ...] = field(default=(), compare=False, repr=False)
    line: int = _position()
    column: int = _position()
    end_line: int = _position()

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
