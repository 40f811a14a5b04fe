"""Values shown with their types, for finding mistakes in templates.

``spew_dump`` and ``spew_printf`` write to the program's own output in other agents. Here they write
nothing: what a template sees may be secret, and a program's output ends in a log.
"""

from __future__ import annotations

from typing import Any

from strongroom.template.format import sprint, sprintf
from strongroom.template.function import Library
from strongroom.template.literal import quote
from strongroom.template.value import (
    JsonNumber,
    List,
    NilPointer,
    Record,
    Walk,
    byte_length,
    sorted_keys,
    type_name,
)

LIBRARY = Library()
function = LIBRARY.function


def dump(value: Any, walk: Walk, depth: int = 0) -> str:
    """A value with the types and lengths of all that is in it."""
    walk.visit(depth, value)
    if value is None:
        return "(interface {}) <nil>"
    name = f"({type_name(value)})"
    if isinstance(value, JsonNumber):
        return f"{name} (len={len(value)}) {value}"
    if isinstance(value, str):
        return f"{name} (len={byte_length(value)}) {quote(value)}"
    if isinstance(value, NilPointer):
        return f"{name}(<nil>)"
    if isinstance(value, Record):
        return name + f"({_fields(value.fields(), walk, depth)})"
    if isinstance(value, dict):
        return f"{name}{_size(value)} {_entries(value, walk, depth)}"
    if isinstance(value, list):
        return f"{name}{_size(value)}{_capacity(value)} {_elements(value, walk, depth)}"
    return f"{name} {sprint([value])}"


def _size(value: list[Any] | dict[Any, Any]) -> str:
    return f" (len={len(value)}" + (")" if isinstance(value, dict) else "") if value else ""


def _capacity(value: list[Any]) -> str:
    """Lists read from JSON have room for four entries, and double."""
    if not value:
        return ""
    size = len(value)
    if not isinstance(value, List):
        size = 4
        while size < len(value):
            size *= 2
    return f" cap={size})"


def _block(lines: list[str], depth: int) -> str:
    inner = " " * (depth + 1)
    body = ",\n".join(inner + line for line in lines)
    return "{\n" + (body + "\n" if lines else "") + " " * depth + "}"


def _entries(value: dict[Any, Any], walk: Walk, depth: int) -> str:
    lines = [
        f"{dump(key, walk, depth + 1)}: {dump(value[key], walk, depth + 1)}" for key in sorted_keys(value)
    ]
    return _block(lines, depth)


def _elements(value: list[Any], walk: Walk, depth: int) -> str:
    return _block([dump(item, walk, depth + 1) for item in value], depth)


def _fields(value: dict[str, Any], walk: Walk, depth: int) -> str:
    return _block([f"{name}: {dump(item, walk, depth + 1)}" for name, item in value.items()], depth)


@function("spew_sdump")
def spew_sdump(*values: Any) -> str:
    """The values, each on lines of its own, with types and lengths."""
    walk = Walk()
    return "".join(dump(value, walk) + "\n" for value in values)


@function("spew_sprintf")
def spew_sprintf(layout: str, *values: Any) -> str:
    """``printf`` whose ``%#v`` shows types."""
    return sprintf(
        layout.replace("%#v", "%s").replace("%#+v", "%s").replace("%+v", "%v"), _typed(layout, values)
    )


def _typed(layout: str, values: tuple[Any, ...]) -> list[Any]:
    verbs = [part[:2] for part in layout.replace("%%", "").split("%")[1:]]
    return [
        typed(value, Walk()) if index < len(verbs) and verbs[index].startswith("#") else value
        for index, value in enumerate(values)
    ]


def typed(value: Any, walk: Walk, depth: int = 0) -> str:
    """A value on one line, with its types."""
    walk.visit(depth, value)
    if value is None:
        return "(interface {})<nil>"
    name = f"({type_name(value)})"
    if isinstance(value, dict):
        parts = [f"{key}:{typed(value[key], walk, depth + 1)}" for key in sorted_keys(value)]
        return f"{name}map[{' '.join(parts)}]"
    if isinstance(value, list):
        return f"{name}[{' '.join(typed(item, walk, depth + 1) for item in value)}]"
    return name + sprint([value])


@function("spew_dump")
def spew_dump(*values: Any) -> str:
    """Nothing: what it would print to the program's output may be secret. Use ``spew_sdump``."""
    return ""


@function("spew_printf")
def spew_printf(layout: str, *values: Any) -> str:
    """Nothing: what it would print to the program's output may be secret. Use ``spew_sprintf``."""
    return ""
