"""A YAML text as a value, with the tags and rules for scalars of the library that Go's agents use."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.literal import text_of
from strongroom.template.value import AnyMap, kind
from strongroom.template.yamlscalar import resolve

MAX_DEPTH = 100
MAX_NODES = 200_000
TAG = "tag:yaml.org,2002:"
MERGE = object()
KINDS = {"int": {"int", "uint"}, "float": {"float"}, "bool": {"bool"}, "null": {"invalid"}}


def read(text: str) -> Any:
    """The value of the first document of a text."""
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise FunctionError('YAML is read with PyYAML: pip install "strongroom[agent]"') from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reader(yaml.parse(text, Loader=loader)).document()
    except (yaml.YAMLError, ValueError, RecursionError):
        raise FunctionError("invalid YAML") from None


class _Reader:
    """What a parser tells of a text, put together; a text whose aliases multiply is refused."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0

    def document(self) -> Any:
        for event in self.events:
            if type(event).__name__ == "DocumentStartEvent":
                value = self.value(next(self.events), 0)
                return "<<" if value is MERGE else value
        return None

    def count(self, nodes: int, depth: int) -> None:
        self.nodes += nodes
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise FunctionError("the YAML text is too large")

    def value(self, event: Any, depth: int) -> Any:
        before = self.nodes
        self.count(1, depth)
        if type(event).__name__ == "AliasEvent":
            value, nodes = self.anchors[event.anchor] if event.anchor in self.anchors else _unknown()
            self.count(nodes, depth)
            return value
        value = self.collected(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = value, self.nodes - before
        return value

    def collected(self, event: Any, depth: int) -> Any:
        match type(event).__name__:
            case "ScalarEvent":
                return _scalar(event)
            case "SequenceStartEvent":
                return ["<<" if item is MERGE else item for item in self.items(depth)]
        return self.map(depth)

    def items(self, depth: int) -> Iterator[Any]:
        for event in self.events:
            if type(event).__name__ in {"SequenceEndEvent", "MappingEndEvent"}:
                return
            yield self.value(event, depth + 1)

    def map(self, depth: int) -> AnyMap:
        out = AnyMap()
        items = self.items(depth)
        for key in items:
            value = next(items)
            value = "<<" if value is MERGE else value
            if key is MERGE:
                _merge(out, value)
            elif isinstance(key, list | dict):
                raise FunctionError("invalid YAML: a key is no scalar")
            else:
                out[key] = value
        return out


def _merge(out: AnyMap, value: Any) -> None:
    """What stands behind ``<<``: of several maps the first wins, and keys behind it in the text win."""
    for mapping in reversed(value) if isinstance(value, list) else [value]:
        if not isinstance(mapping, dict):
            raise FunctionError("invalid YAML: what is merged is no map")
        out.update(mapping)


def _unknown() -> Any:
    raise ValueError


def _scalar(event: Any) -> Any:
    tag, text = event.tag, event.value
    if tag is None and event.implicit[0]:
        return MERGE if text == "<<" else resolve(text)
    if tag is None or tag == "!" or not tag.startswith(TAG):
        return resolve(text) if tag and tag != "!" and event.style is None else text
    name = tag.removeprefix(TAG)
    if name == "binary":
        return text_of(base64.b64decode("".join(text.split()), validate=True))
    return _as(name, resolve(text)) if name in KINDS else MERGE if name == "merge" else text


def _as(name: str, value: Any) -> Any:
    """A value under a tag that says what it is."""
    if name == "float" and kind(value) in {"int", "uint"}:
        return float(value)
    if kind(value) not in KINDS[name]:
        raise ValueError
    return value
