"""The functions that Go's templates have by themselves."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Loop
from strongroom.template.format import sprint, sprintf, sprintln
from strongroom.template.function import Library
from strongroom.template.literal import bytes_of, printable, text_of
from strongroom.template.value import (
    Map,
    NilPointer,
    Uint8,
    byte_length,
    kind,
    truth,
    type_name,
)

LIBRARY = Library()
function = LIBRARY.function


@function("and")
def conjunction(first: Any, *others: Any) -> Any:
    """The first argument that is empty, else the last; those after it are not evaluated."""
    return next((value for value in (first, *others) if not truth(value)), (first, *others)[-1])


@function("or")
def disjunction(first: Any, *others: Any) -> Any:
    """The first argument that is not empty, else the last; those after it are not evaluated."""
    return next((value for value in (first, *others) if truth(value)), (first, *others)[-1])


@function("not")
def negation(value: Any) -> bool:
    """Whether the value is empty."""
    return not truth(value)


@function("len")
def length(value: Any) -> int:
    """The number of entries of a list or map, or of bytes of a text."""
    if isinstance(value, str):
        return byte_length(value)
    if isinstance(value, list | dict):
        return len(value)
    if isinstance(value, Loop):
        return 0
    if value is None or isinstance(value, NilPointer):
        raise FunctionError("len of nil pointer")
    raise FunctionError(f"len of type {type_name(value)}")


@function("index")
def index(value: Any, *keys: Any) -> Any:
    """What stands in a list, map or text at a number or key; further keys go deeper."""
    if value is None:
        raise FunctionError("index of untyped nil")
    for key in keys:
        if value is None:
            raise FunctionError("index of nil pointer")
        value = _at(value, key)
    return value


def _at(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return _entry(value, key)
    if isinstance(value, list):
        return value[_position(key, len(value) - 1)]
    if isinstance(value, str):
        raw = bytes_of(value)
        return Uint8(raw[_position(key, len(raw) - 1)])
    raise FunctionError(f"can't index item of type {type_name(value)}")


def _entry(mapping: dict[Any, Any], key: Any) -> Any:
    wanted = mapping.key if isinstance(mapping, Map) else "string"
    if key is None and wanted != "interface {}":
        raise FunctionError(f"value is nil; should be of type {wanted}")
    if wanted not in {"interface {}", type_name(key)}:
        raise FunctionError(f"value has type {type_name(key)}; should be {wanted}")
    return mapping.get(key, mapping.zero if isinstance(mapping, Map) else None)


def _position(key: Any, last: int) -> int:
    if key is None:
        raise FunctionError("cannot index slice/array with nil")
    if kind(key) not in {"int", "uint"}:
        raise FunctionError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= last:
        raise FunctionError("index out of range")
    return int(key)


@function("slice")
def cut(value: Any, *bounds: Any) -> Any:
    """A part of a list or text: from the first number up to the second, both optional."""
    if value is None:
        raise FunctionError("slice of untyped nil")
    if len(bounds) > 3:
        raise FunctionError(f"too many slice indexes: {len(bounds)}")
    if isinstance(value, str):
        if len(bounds) == 3:
            raise FunctionError("cannot 3-index slice a string")
        raw = bytes_of(value)
        start, end = _bounds(bounds, len(raw))
        return text_of(raw[start:end])
    if isinstance(value, list):
        start, end = _bounds(bounds, len(value))
        return type(value)(value[start:end])
    raise FunctionError(f"can't slice item of type {type_name(value)}")


def _bounds(bounds: tuple[Any, ...], size: int) -> tuple[int, int]:
    positions = [_position(bound, size) for bound in bounds]
    start = positions[0] if positions else 0
    end = positions[1] if len(positions) > 1 else size
    if start > end:
        raise FunctionError("the slice ends before it starts")
    if len(positions) > 2 and end > positions[2]:
        raise FunctionError("the slice ends behind its capacity")
    return start, end


@function("print")
def print_plain(*values: Any) -> str:
    """The values as text, with a space between two of which neither is a text."""
    return sprint(values)


@function("println")
def print_line(*values: Any) -> str:
    """The values as text, with spaces between them and the end of a line."""
    return sprintln(values)


@function("printf")
def print_formatted(layout: str, *values: Any) -> str:
    """A text in which each ``%`` directive is replaced by a value: ``printf "%s:%d" "a" 5``."""
    return sprintf(layout, values)


@function("call")
def call(value: Any, *arguments: Any) -> Any:
    """Calls a value that is a function. No value that a template can reach is one, so this fails."""
    raise FunctionError("call of nil" if value is None else f"non-function of type {type_name(value)}")


HTML: dict[str, str | int | None] = {
    "\0": "\ufffd",
    '"': "&#34;",
    "'": "&#39;",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}


def joined(values: tuple[Any, ...]) -> str:
    """Several arguments of an escaping function, as one text."""
    shown = ["<no value>" if value is None else value for value in values]
    return str(shown[0]) if len(shown) == 1 and isinstance(shown[0], str) else sprint(shown)


@function("html")
def escape_html(*values: Any) -> str:
    """The values as text that is safe inside HTML."""
    return joined(values).translate(str.maketrans(HTML))


JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


@function("js")
def escape_js(*values: Any) -> str:
    """The values as text that is safe inside a string of JavaScript."""
    return "".join(_js(char) for char in joined(values))


def _js(char: str) -> str:
    if char in JS:
        return JS[char]
    code = ord(char)
    if code < 0x20 or (code >= 0x80 and not printable(char) and not 0xDC80 <= code <= 0xDCFF):
        return f"\\u{code:04X}"
    return char


@function("urlquery")
def escape_query(*values: Any) -> str:
    """The values as text that can stand in the query of a URL."""
    return quote_plus(bytes_of(joined(values)))
