"""A tree of HCL or JSON into stanzas, with every problem and its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import Field
from typing import Any, NamedTuple, TypeVar

from strongroom.agent.config.key import Stanza, declared
from strongroom.hcl import Item, List, Literal, Node, Object
from strongroom.setting import BadValue, Place, Problem

S = TypeVar("S", bound=Stanza)


class Found(NamedTuple):
    """A block and its label, however the text spelled them."""

    label: str
    body: Node


class Reader:
    """Reads one text; ``problems`` and ``warnings`` grow as it goes.

    A ``strict`` one takes no key that nobody knows.
    """

    def __init__(self, source: str, *, strict: bool = False) -> None:
        self._source = source
        self._strict = strict
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def fill(self, stanza: Stanza, tree: Object, name: str = "") -> None:
        """Set what ``tree`` says; ``name`` is what the block is called in sentences."""
        known: dict[str, Field[Any]] = declared(type(stanza))
        given, seen = set(stanza.given), Counter[str]()
        for item in tree.items:
            each = known.get(item.name)
            if each is None:
                self._unknown(stanza, item, known, name)
                continue
            given.add(each.name)
            if "kind" in each.metadata:
                seen[each.name] += self._block(stanza, each, item)
                if each.metadata["once"] and seen[each.name] > 1 and not self._strict:
                    self.problem(self._place(item), f"there is another {item.name}: one has to do")
            else:
                self._set(stanza, each, item)
        stanza.given = frozenset(given)
        for each in {each.name: each for each in known.values()}.values():
            if each.metadata.get("required") and each.name not in given:
                self.problem(stanza.place, f"{name} needs {each.name}")

    def _set(self, stanza: Stanza, each: Field[Any], item: Item) -> None:
        try:
            value = each.metadata["read"](item.value)
        except BadValue as error:
            self.problem(self._place(item), f"{item.name} {error}")
            return
        before = getattr(stanza, each.name)
        if isinstance(value, dict) and isinstance(before, dict):
            value = before | value
        if each.metadata["adds"]:
            value = before + value
        setattr(stanza, each.name, value)
        unless = each.metadata["unless"]
        if each.metadata["ignored"] and not (unless is not None and unless(value)):
            self.warnings.append(f"{self._place(item)}: {item.name} {each.metadata['ignored']}")

    def _block(self, stanza: Stanza, each: Field[Any], item: Item) -> int:
        """Read the blocks of an item; gives how many they are."""
        if each.metadata["many"] and item.name.endswith("s") and not _is_plain(item):
            found = list(_inner(item, item.name.removesuffix("s")))  # sinks { sink "file" { } }
        else:
            found = list(_found(item, labelled=each.metadata["labelled"]))
        for label, body in found:
            many = each.metadata["many"]
            before = None if many else getattr(stanza, each.name)
            if before is None or (label and before.label != label):
                before = each.metadata["kind"](place=self._place(item))
            before.label, before.place = label, self._place(item)
            if isinstance(body, Object):
                self.fill(before, body, item.name)
            else:
                self._short(before, body, item)
            setattr(stanza, each.name, (*getattr(stanza, each.name), before) if many else before)
        return len(found)

    def _short(self, stanza: Stanza, node: Node, item: Item) -> None:
        try:
            stanza.short(node)
        except BadValue as error:
            self.problem(self._place(item), f"{item.name} {error}")

    def _unknown(self, stanza: Stanza, item: Item, known: Iterable[str], name: str) -> None:
        import difflib  # noqa: PLC0415  only mistakes need it

        if reason := stanza.IGNORED.get(item.name):
            self.warnings.append(f"{self._place(item)}: {item.name} {reason}")
            return
        near = difflib.get_close_matches(item.name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        where = f" in {name}" if name else ""
        sentence = f"unknown key {item.name}{where}{hint}"
        if stanza.STRICT or self._strict:
            self.problem(self._place(item), sentence)
        else:
            self.warnings.append(f"{self._place(item)}: {sentence}")

    def _place(self, item: Item) -> Place:
        return Place(self._source, item.line, item.column)

    def problem(self, place: Place, sentence: str) -> None:
        """Note that something is wrong."""
        self.problems.append(Problem(place, sentence))


def _is_plain(item: Item) -> bool:
    """Whether a plural holds the blocks themselves (JSON's way), not blocks of the singular's name."""
    singular = item.name.removesuffix("s")
    bodies = item.value.items if isinstance(item.value, List) else (item.value,)
    return not any(isinstance(body, Object) and body.get(singular) for body in bodies)


def _inner(item: Item, singular: str) -> Iterator[Found]:
    bodies = item.value.items if isinstance(item.value, List) else (item.value,)
    for body in bodies:
        if isinstance(body, Object):
            for inner in body.items:
                if inner.name == singular:
                    yield from _found(inner, labelled=True)


def _found(item: Item, *, labelled: bool) -> Iterator[Found]:
    """The blocks of an item: ``x "label" { }``, ``x { type = "label" }``, ``{"x": {"label": { }}}``."""
    for body in item.value.items if isinstance(item.value, List) else (item.value,):
        if len(item.keys) > 1:
            yield Found(item.keys[1].name, body)
        elif labelled and isinstance(body, Object):
            yield from _labelled(body)
        else:
            yield Found("", body)


def _labelled(body: Object) -> Iterator[Found]:
    kind = body.get("type")
    if kind is not None and isinstance(kind.value, Literal):
        yield Found(str(kind.value.value), body)
        return
    nested = [item for item in body.items if isinstance(item.value, Object | List)]
    if not body.items or len(nested) != len(body.items):
        yield Found("", body)
        return
    for item in nested:
        bodies = item.value.items if isinstance(item.value, List) else (item.value,)
        yield from (Found(item.name, inner) for inner in bodies)
