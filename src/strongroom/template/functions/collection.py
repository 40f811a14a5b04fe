"""Lists and maps: what they hold, taken apart and put together; and a place to keep values."""

from __future__ import annotations

from typing import Any, ClassVar

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution, Loop
from strongroom.template.function import TYPES, GoType, Library, declared
from strongroom.template.functions.merge import merge
from strongroom.template.value import Map, NilMap, Record, StringMap, kind, sorted_keys, type_name

LIBRARY = Library()
function = LIBRARY.function
NUMBERS = frozenset({"int", "uint", "float"})


def holds(collection: Any, value: Any) -> bool:
    """Whether a list has the value, or a text the part."""
    if isinstance(collection, list):
        return any(_same(element, value) for element in collection)
    if isinstance(collection, str):
        return _same_type(collection, value) and value in collection
    return False


def _same(element: Any, value: Any) -> bool:
    if kind(element) in NUMBERS:
        comparable = kind(value) in NUMBERS and (kind(element) == "float") == (kind(value) == "float")
        return comparable and bool(element == value)
    return kind(element) == "string" and _same_type(element, value) and bool(element == value)


def _same_type(text: Any, value: Any) -> bool:
    if value is None:
        raise FunctionError("nil is not compared with texts")
    return type_name(text) == type_name(value)


@function("in")
def is_in(collection: Any, value: Any) -> bool:
    """Whether a list holds a value, or a text a part: ``in .list "a"``."""
    return holds(collection, value)


@function("contains")
def contains(value: Any, collection: Any) -> bool:
    """``in`` with its arguments the other way round, for the end of a pipe."""
    return holds(collection, value)


@function("containsAll")
def contains_all(wanted: list[Any], collection: Any) -> bool:
    """Whether all values of the first list are in the second."""
    return all(holds(collection, value) for value in wanted)


@function("containsAny")
def contains_any(wanted: list[Any], collection: Any) -> bool:
    """Whether any value of the first list is in the second."""
    return any(holds(collection, value) for value in wanted)


@function("containsNone")
def contains_none(wanted: list[Any], collection: Any) -> bool:
    """Whether no value of the first list is in the second."""
    return not any(holds(collection, value) for value in wanted)


@function("containsNotAll")
def contains_not_all(wanted: list[Any], collection: Any) -> bool:
    """Whether some value of the first list is not in the second."""
    return not all(holds(collection, value) for value in wanted)


@function("explodeMap")
def explode_map(mapping: dict[str, Any]) -> dict[str, Any]:
    """A map with keys such as ``a/b`` as maps inside maps."""
    out: dict[str, Any] = {}
    for path in sorted_keys(mapping):
        *parents, last = path.strip("/").split("/")
        inner = out
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise FunctionError("a key is both a value and the beginning of others")
        inner[last] = mapping[path]
    return out


class MergeOption:
    """What Go's function may be told besides. No template can have one."""


TYPES[MergeOption] = GoType("func(*mergo.Config)", "")


@function("mergeMap")
def merge_map(destination: dict[str, Any], source: dict[str, Any], *options: MergeOption) -> dict[str, Any]:
    """Puts what the second map has into the first one, where that has nothing, and gives the first."""
    return into(destination, source, override=False)


@function("mergeMapWithOverride")
def merge_map_with_override(destination: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """Puts what the second map has into the first one, and gives the first; the second wins."""
    return into(destination, source, override=True)


def into(destination: dict[str, Any], source: dict[str, Any], *, override: bool) -> dict[str, Any]:
    """The first map with what the second one has."""
    if isinstance(destination, NilMap):
        if isinstance(source, NilMap):
            return destination
        destination = {}
    merge(destination, source, override=override)
    return destination


@function("loop")
def loop(*bounds: Any) -> Loop:
    """Whole numbers from 0 or the first argument, up to but without the last, for ``range``."""
    if not 1 <= len(bounds) <= 2:
        raise FunctionError(f"wrong number of arguments, expected 1 or 2, but got {len(bounds)}")
    numbers = [_bound(bound) for bound in bounds]
    return Loop(0 if len(numbers) == 1 else numbers[0], numbers[-1])


def _bound(value: Any) -> int:
    if kind(value) in {"int", "uint"}:
        return int(value)
    try:
        return int(value) if isinstance(value, str) else _no_number(value)
    except ValueError:
        raise FunctionError("not a whole number") from None


def _no_number(value: Any) -> int:
    raise FunctionError(f"not a whole number: a value of type {type_name(value)}")


@function("executeTemplate")
def execute_template(execution: Execution, name: str, *data: Any) -> str:
    """What a template defined with ``define`` gives, as a text that can go down a pipe."""
    if len(data) > 1:
        raise FunctionError(f"wrong number of arguments, expected 1 or 2, but got {len(data) + 1}")
    return execution.captured(name, data[0] if data else None)


class Scratch(Record):
    """Where a template keeps values while it runs."""

    go_type: ClassVar[str] = "template.Scratch"

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def key(self, name: str) -> bool:
        """Whether there is a value of this name."""
        return name in self.values

    def get(self, name: str) -> Any:
        """The value of this name."""
        return self.values.get(name)

    def set(self, name: str, value: Any) -> str:
        """Keeps a value."""
        self.values[name] = value
        return ""

    def set_new(self, name: str, value: Any) -> str:
        """Keeps a value unless there is one."""
        self.values.setdefault(name, value)
        return ""

    def map_set(self, name: str, key: str, value: Any) -> str:
        """Keeps a value in a map of this name."""
        self._map(name)[key] = value
        return ""

    def map_set_new(self, name: str, key: str, value: Any) -> str:
        """Keeps a value in a map of this name unless there is one."""
        self._map(name).setdefault(key, value)
        return ""

    def map_values(self, name: str) -> list[Any]:
        """The values of the map of this name, in the order of their keys."""
        mapping = self.values.get(name)
        if not isinstance(mapping, dict):
            return []
        return [mapping[key] for key in sorted_keys(mapping)]

    def _map(self, name: str) -> dict[Any, Any]:
        mapping = self.values.setdefault(name, {})
        if not isinstance(mapping, dict) or isinstance(mapping, Map | StringMap):
            raise FunctionError("the value is not a map")
        return mapping


Scratch.methods = {
    name: declared(name, method)
    for name, method in (
        ("Key", Scratch.key),
        ("Get", Scratch.get),
        ("Set", Scratch.set),
        ("SetX", Scratch.set_new),
        ("MapSet", Scratch.map_set),
        ("MapSetX", Scratch.map_set_new),
        ("MapValues", Scratch.map_values),
    )
}


@function("scratch")
def scratch(execution: Execution) -> Scratch:
    """Values kept while the template runs: ``scratch.Set``, ``.SetX``, ``.Get``, ``.Key``, ``.MapSet`` ..."""
    if execution.scratch is None:
        execution.scratch = Scratch()
    return execution.scratch  # type: ignore[no-any-return]
