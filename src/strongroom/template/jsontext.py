"""Values as JSON, in the form in which Go writes it."""

from __future__ import annotations

from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.number import json_number
from strongroom.template.value import AnyMap, Bytes, JsonNumber, NilPointer, Record, sorted_keys, type_name

SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
MAX_DEPTH = 100


def write(value: Any, *, escape: bool = True, indent: str | None = None, depth: int = 0) -> str:
    """The text of a value; maps are sorted by key. ``escape``: also what HTML would take for markup."""
    if depth > MAX_DEPTH:
        raise FunctionError("a value is nested too deeply")
    if isinstance(value, Record):
        value = _Ordered(value.fields())
    if isinstance(value, dict):
        return _map(value, escape, indent, depth)
    if isinstance(value, list) and not isinstance(value, Bytes):
        parts = [write(item, escape=escape, indent=indent, depth=depth + 1) for item in value]
        return _wrapped("[", parts, "]", indent, depth)
    return _scalar(value, escape)


class _Ordered(dict[str, Any]):
    """A struct's fields, which keep their order."""


def _map(value: dict[Any, Any], escape: bool, indent: str | None, depth: int) -> str:
    if isinstance(value, AnyMap):
        raise FunctionError(f"JSON has no {value.go_type}")
    colon = ": " if indent is not None else ":"
    keys = list(value) if isinstance(value, _Ordered) else sorted_keys(value)
    parts = [
        text(str(key), escape) + colon + write(value[key], escape=escape, indent=indent, depth=depth + 1)
        for key in keys
    ]
    return _wrapped("{", parts, "}", indent, depth)


def _wrapped(left: str, parts: list[str], right: str, indent: str | None, depth: int) -> str:
    if not parts or indent is None:
        return left + ",".join(parts) + right
    inner = "\n" + indent * (depth + 1)
    return left + inner + f",{inner}".join(parts) + "\n" + indent * depth + right


def _scalar(value: Any, escape: bool) -> str:
    match value:
        case None | NilPointer():
            return "null"
        case bool():
            return "true" if value else "false"
        case JsonNumber():
            return str(value)
        case str():
            return text(value, escape)
        case float():
            return _real(value)
        case int():
            return str(int(value))
    raise FunctionError(f"JSON has no {type_name(value)}")


def _real(value: float) -> str:
    try:
        return json_number(value)
    except ValueError:
        raise FunctionError("JSON has no such number") from None


def text(value: str, escape: bool) -> str:
    """A text in quotes."""
    return '"' + "".join(_character(char, escape) for char in value) + '"'


def _character(char: str, escape: bool) -> str:
    if char in SHORT:
        return SHORT[char]
    code = ord(char)
    if code < 0x20 or (escape and char in "<>&") or code in {0x2028, 0x2029}:
        return f"\\u{code:04x}"
    return "\\ufffd" if 0xDC80 <= code <= 0xDCFF else char
