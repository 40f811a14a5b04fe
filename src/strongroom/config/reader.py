"""A tree of HCL or JSON into stanzas, with every problem and its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from strongroom.config.option import Option, options
from strongroom.config.stanza import (
    LISTENERS,
    LOCKOUTS,
    SEALS,
    STORAGES,
    AuditStanza,
    ServerConfig,
    Stanza,
    TelemetryStanza,
    UserLockoutStanza,
)
from strongroom.hcl import Block, Item, List, Node, Object
from strongroom.setting import BadValue, Place, Problem

S = TypeVar("S", bound=Stanza)

_BLOCKS = frozenset({"storage", "backend", "listener", "seal", "telemetry", "audit", "user_lockout"})
_NOT_YET = {"ha_storage": "high availability storage", "initialize": "self-initialisation"}


def read(tree: Object, source: str) -> tuple[ServerConfig, list[Problem]]:
    """The configuration that one text declares, and all that is wrong with the text.

    With problems the configuration is only good for finding more of them.
    """
    reader = _Reader(source)
    config = reader.server(tree)
    config.warnings = tuple(reader.warnings)
    return config, reader.problems


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def server(self, tree: Object) -> ServerConfig:
        config = ServerConfig(place=Place(self._source))
        plain = [item for item in tree.items if item.name not in _BLOCKS and not self._refused(item)]
        self._fill(config, plain, known=_BLOCKS | set(_NOT_YET))
        stores = self._kinds(tree, "storage", STORAGES) + self._kinds(tree, "backend", STORAGES)
        if len(stores) > 1:
            self._problem(stores[1].place, 'only one "storage" block is permitted')
        config.storage = stores[0] if stores else None
        config.listeners = tuple(self._kinds(tree, "listener", LISTENERS))
        config.seals = tuple(self._kinds(tree, "seal", SEALS))
        config.audits = tuple(self._stanzas(tree, "audit", AuditStanza))
        config.user_lockouts = tuple(self._lockouts(tree))
        for telemetry in self._stanzas(tree, "telemetry", TelemetryStanza):
            config.telemetry = telemetry
        return config

    def _refused(self, item: Item) -> bool:
        if item.name not in _NOT_YET:
            return False
        self._problem(self._place(item), f"{item.name}: {_NOT_YET[item.name]} is not available yet")
        return True

    def _kinds(self, tree: Object, name: str, kinds: Mapping[str, type[S]]) -> list[S]:
        """The stanzas of that name, each read as the class that its first label names."""
        found: list[S] = []
        for block in self._blocks(tree, name, 1):
            label = block.labels[0]
            kind = kinds.get(label.name)
            if kind is None:
                place = Place(self._source, label.line, label.column)
                available = ", ".join(sorted(kinds))
                self._problem(place, f"{name} type {label.name} is not available yet; there are: {available}")
                continue
            found.append(self._stanza(kind, block))
        return found

    def _lockouts(self, tree: Object) -> Iterable[UserLockoutStanza]:
        for stanza in self._stanzas(tree, "user_lockout", UserLockoutStanza):
            if stanza.type in LOCKOUTS:
                yield stanza
            else:
                self._problem(stanza.place, f"user_lockout must be for one of {', '.join(LOCKOUTS)}")

    def _stanzas(self, tree: Object, name: str, kind: type[S]) -> list[S]:
        return [self._stanza(kind, block) for block in self._blocks(tree, name, len(kind.LABELS))]

    def _blocks(self, tree: Object, name: str, labels: int) -> Iterable[Block]:
        for block in tree.blocks(name, labels):
            if isinstance(block.body, Object) and len(block.labels) == labels:
                yield block
            else:
                wanted = " ".join(['"..."'] * labels + ["{ }"])
                self._problem(self._place(block.item), f"{name} must have the form {name} {wanted}")

    def _stanza(self, kind: type[S], block: Block) -> S:
        assert isinstance(block.body, Object)  # noqa: S101 - _blocks yields no others; for the type checker
        stanza = kind(labels=tuple(label.name for label in block.labels), place=self._place(block.item))
        self._fill(stanza, block.body.items)
        for each in options(kind).values():
            if each.required and each.name not in stanza.given:
                self._problem(stanza.place, f"{block.item.name} {stanza.type} needs {each.name}")
        return stanza

    def _fill(self, stanza: Stanza, items: Iterable[Item], *, known: Iterable[str] = ()) -> None:
        declared = options(type(stanza))
        nested = {each.within for each in declared.values()} - {""}
        given: dict[str, Any] = {}
        for item in items:
            option = declared.get(item.name)
            if item.name in nested and isinstance(item.value, Object | List):
                self._nested(stanza, item, declared)
            elif option is None:
                self._unknown(item, [*declared, *nested, *known])
                continue
            else:
                self._set(stanza, option, item)
            if option is None or not option.secret:
                given[item.name] = _as_hcl1(item.value)
            else:
                given[item.name] = "(hidden)"
        stanza.given = given

    def _nested(self, stanza: Stanza, item: Item, declared: Mapping[str, Option]) -> None:
        bodies = item.value.items if isinstance(item.value, List) else (item.value,)
        inside = {name: each for name, each in declared.items() if each.within == item.name}
        for body in bodies:
            for inner in body.items if isinstance(body, Object) else ():
                if isinstance(inner, Item) and inner.name in inside:
                    self._set(stanza, inside[inner.name], inner)
                else:
                    self._unknown(inner, list(inside))

    def _set(self, stanza: Stanza, option: Option, item: Item) -> None:
        try:
            setattr(stanza, option.name, option.read(item.value))
        except BadValue as error:
            self._problem(self._place(item), f"{option.name} {error}")
            return
        if option.ignored:
            self.warnings.append(f"{self._place(item)}: {option.name} {option.ignored}")

    def _unknown(self, item: Item, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(item.name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        self._problem(self._place(item), f"unknown key {item.name}{hint}")

    def _place(self, item: Item) -> Place:
        return Place(self._source, item.line, item.column)

    def _problem(self, place: Place, sentence: str) -> None:
        self.problems.append(Problem(place, sentence))


def _as_hcl1(node: Node) -> Any:
    """Plain values in the peer's shape: HCL1 reads every nested block as a list of maps."""
    if isinstance(node, Object):
        merged: dict[str, Any] = {}
        for item in node.items:
            value = _as_hcl1(item.value)
            for label in reversed(item.keys[1:]):
                value = [{label.name: value}]
            merged[item.name] = value
        return [merged]
    return [_as_hcl1(item) for item in node.items] if isinstance(node, List) else node.value
