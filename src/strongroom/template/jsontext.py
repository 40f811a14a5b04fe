"""Values as JSON, in the form in which Go writes it."""

from __future__ import annotations

import re
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.literal import bytes_of
from strongroom.template.number import json_number
from strongroom.template.value import (
    Bytes,
    JsonNumber,
    List,
    NilMap,
    NilPointer,
    Record,
    Walk,
    type_name,
)

SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
SPECIAL = re.compile('["\\\\\\x00-\\x1f\\u2028\\u2029\\udc80-\\udcff]')
SPECIAL_AND_MARKUP = re.compile('["\\\\\\x00-\\x1f\\u2028\\u2029\\udc80-\\udcff<>&]')


def write(value: Any, *, escape: bool = True, indent: str | None = None) -> str:
    """The text of a value; maps are sorted by key. ``escape``: also what HTML would take for markup."""
    return _Writer(escape, indent).value(value, 0)


class _Ordered(dict[str, Any]):
    """A struct's fields, which keep their order."""


class _Writer:
    def __init__(self, escape: bool, indent: str | None) -> None:
        self.escape = escape
        self.indent = indent
        self.walk = Walk()

    def value(self, value: Any, depth: int) -> str:
        self.walk.visit(depth, value)
        if isinstance(value, Record):
            own = value.json()
            if own is not None:
                return text(own, self.escape)
            value = _Ordered(value.fields())
        if isinstance(value, dict):
            return "null" if isinstance(value, NilMap) else self.map(value, depth)
        if isinstance(value, list) and not isinstance(value, Bytes):
            if isinstance(value, List) and value.absent:
                return "null"
            return self.wrapped("[", [self.value(item, depth + 1) for item in value], "]", depth)
        return _scalar(value, self.escape)

    def map(self, value: dict[Any, Any], depth: int) -> str:
        if any(not isinstance(key, str | int) or isinstance(key, bool) for key in value):
            raise FunctionError("a key is neither a text nor a whole number")
        colon = ": " if self.indent is not None else ":"
        keys = list(value) if isinstance(value, _Ordered) else sorted(value, key=_bytes)
        parts = [text(_name(key), self.escape) + colon + self.value(value[key], depth + 1) for key in keys]
        return self.wrapped("{", parts, "}", depth)

    def wrapped(self, left: str, parts: list[str], right: str, depth: int) -> str:
        if not parts or self.indent is None:
            return left + ",".join(parts) + right
        inner = "\n" + self.indent * (depth + 1)
        return left + inner + f",{inner}".join(parts) + "\n" + self.indent * depth + right


def _name(key: str | int) -> str:
    return key if isinstance(key, str) else str(int(key))


def _bytes(key: str | int) -> bytes:
    return bytes_of(_name(key))


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
    special = SPECIAL_AND_MARKUP if escape else SPECIAL
    return '"' + special.sub(lambda match: _character(match.group()), value) + '"'


def _character(char: str) -> str:
    if char in SHORT:
        return SHORT[char]
    return "\ufffd" if ord(char) >= 0xDC80 else f"\\u{ord(char):04x}"
