"""Values as TOML, in the form in which Go's commonest library writes it: plain keys first, then tables."""

from __future__ import annotations

import math
import re
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.moment import Time
from strongroom.template.number import fixed
from strongroom.template.value import AnyMap, JsonNumber, Record, Walk, sorted_keys, type_name

BARE = re.compile(r"[A-Za-z0-9_-]+")
SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def write(value: Any) -> str:
    """The text of a map, without white space around it."""
    if isinstance(value, Record) and value.json() is None:
        value = value.fields()
    walk = Walk()
    if _is_tables(value):
        raise FunctionError("top-level values must be maps")
    if not isinstance(value, dict):
        return inline(value, walk)
    out: list[str] = []
    _table(value, (), out, walk)
    return "\n".join(out).strip()


def _table(value: dict[Any, Any], path: tuple[str, ...], out: list[str], walk: Walk) -> None:
    walk.visit(len(path), value)
    if isinstance(value, AnyMap):
        raise FunctionError("cannot encode a map with non-string key type")
    margin = "  " * len(path)
    tables = [key for key in sorted_keys(value) if _is_table(value[key]) or _is_tables(value[key])]
    out += [
        f"{margin}{name(str(key))} = {inline(value[key], walk)}"
        for key in sorted_keys(value)
        if key not in tables and value[key] is not None
    ]
    for key in tables:
        _inner(value[key], (*path, str(key)), out, walk)


def _inner(value: Any, path: tuple[str, ...], out: list[str], walk: Walk) -> None:
    margin = "  " * (len(path) - 1)
    dotted = ".".join(name(part) for part in path)
    for item in [value] if _is_table(value) else value:
        if len(path) == 1 or not _is_table(value):
            out.append("")
        out.append(f"{margin}[{dotted}]" if _is_table(value) else f"{margin}[[{dotted}]]")
        _table(item, path, out, walk)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def name(key: str) -> str:
    """A key, quoted where it has to be."""
    return key if BARE.fullmatch(key) else quoted(key)


def quoted(text: str) -> str:
    return '"' + "".join(_character(char) for char in text) + '"'


def _character(char: str) -> str:
    if char in SHORT:
        return SHORT[char]
    return f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char


def inline(value: Any, walk: Walk, depth: int = 0) -> str:
    """A value that stands behind an equals sign."""
    walk.visit(depth, value)
    match value:
        case Time():
            return value.json()
        case Record() if (own := value.json()) is not None:
            return quoted(own)
        case bool():
            return "true" if value else "false"
        case JsonNumber():
            return str(value)
        case str():
            return quoted(value)
        case float():
            return _real(value)
        case int():
            return str(int(value))
        case list() | dict():
            return _collection(value, walk, depth)
    raise FunctionError(f"TOML has no {type_name(value)}")


def _collection(value: list[Any] | dict[Any, Any], walk: Walk, depth: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(inline(item, walk, depth + 1) for item in value)}]"
    if isinstance(value, AnyMap):
        raise FunctionError("cannot encode a map with non-string key type")
    keys = [key for key in sorted_keys(value) if value[key] is not None]
    keys.sort(key=lambda key: _is_table(value[key]) or _is_tables(value[key]))
    pairs = [f"{name(str(key))} = {inline(value[key], walk, depth + 1)}" for key in keys]
    return f"{{{', '.join(pairs)}}}"


def _real(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = fixed(value, None)
    return text if "." in text else text + ".0"
