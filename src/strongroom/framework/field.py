"""The fields of a path: their types, the coercions Vault's clients rely on, their help.

A field is declared once, as a class attribute of a :class:`~strongroom.framework.path.Path`.
Validation, help, OpenAPI, CLI completion and forms derive from the declaration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from strongroom.errors import BadRequest
from strongroom.hcl import duration

Duration = Annotated[int, "duration"]
"""Seconds; accepts ``30``, ``"30"``, ``"1h30m"``, ``"2d"``."""

SignedDuration = Annotated[int, "signed duration"]
"""A duration that may be below 0, for paths that say more about that themselves."""

LowerCase = Annotated[str, "lower"]
"""A string in small letters, whatever was sent."""

CommaList = Annotated[list[str], "comma"]
"""A list of strings; also accepted as one string with commas."""

StringList = Annotated[list[str], "strings"]
"""A list of strings; one string is a list of one, and an empty one a list of none."""

IntList = Annotated[list[int], "ints"]
"""A list of integers; also accepted as one string with commas."""

KVPairs = Annotated[dict[str, str], "pairs"]
"""A map of strings; also accepted as ``["k=v", ...]`` or ``"k=v"``, whose value may hold commas."""

Mapped = Annotated[dict[str, Any], "map"]
"""Any JSON object; also accepted as an empty list."""

Anything = Annotated[Any, "any"]
"""Any JSON value, unchanged."""

MISSING: Any = object()


class Unconvertible(BadRequest):
    """A value that cannot be what its field wants. Names the field, never the value."""


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    raise ValueError("expected a string")


def _lower(value: Any) -> str:
    return _string(value).strip().lower()


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        value = _number(value.strip())
    if isinstance(value, int) and _LEAST <= value <= _MOST:
        return value
    raise ValueError("expected an integer")


_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_OCTAL = re.compile(r"[+-]?0[0-7]+")


def _number(text: str) -> int:
    """What a text stands for, with the prefixes that Go knows: 0x1f, 0b11, 0o17, and 017 for the same."""
    if not text.isascii():
        raise ValueError("expected an integer")
    return int(text or "0", 8 if _OCTAL.fullmatch(text) else 0)


_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError("expected a boolean")


def _duration(value: Any) -> int:
    seconds = _signed_duration(value)
    if seconds < 0:
        raise ValueError("expected no negative value")
    return seconds


def _signed_duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("expected a duration")
    return duration.parse(value)


def _strings(value: Any) -> list[str]:
    if isinstance(value, list):
        return [_item(item) for item in value]
    return [] if value in ("", {}) else [_string(value)]


def _item(value: Any) -> str:
    return "" if value is None else _string(value)


def _comma(value: Any) -> list[str]:
    if value == {}:
        return []
    items = value if isinstance(value, list) else _string(value).split(",")
    return [text for text in (_item(item).strip() for item in items) if text]


def _integers(value: Any) -> list[int]:
    items = value if isinstance(value, list) else _comma(value)
    return [_integer(item) for item in items]


def _map(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if value == []:  # what PHP writes for an empty object
        return {}
    raise ValueError("expected an object")


def _pairs(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("{") else [value]
    if isinstance(value, dict):
        return {key: _item(item) for key, item in value.items()}
    if isinstance(value, list):
        pairs = [_string(item).partition("=") for item in value]
        if all(separator for _, separator, _ in pairs):
            return {key.strip(): item.strip() for key, _, item in pairs}
    raise ValueError("expected key=value pairs")


def _anything(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Kind:
    """A field's type: how it is coerced, what OpenAPI calls it, its zero value."""

    coerce: Callable[[Any], Any]
    schema: Mapping[str, Any]
    zero: Any
    null: Callable[[], Any] | None = None
    """What JSON's null stands for; None where it says no more than leaving the field out."""


_STRINGS = {"type": "array", "items": {"type": "string"}}
_KINDS: dict[Any, Kind] = {
    str: Kind(_string, {"type": "string"}, "", str),
    "lower": Kind(_lower, {"type": "string"}, ""),
    int: Kind(_integer, {"type": "integer"}, 0, int),
    bool: Kind(_boolean, {"type": "boolean"}, False, bool),
    "duration": Kind(_duration, {"type": "integer", "format": "seconds"}, 0),
    "signed duration": Kind(_signed_duration, {"type": "integer", "format": "seconds"}, 0),
    "comma": Kind(_comma, _STRINGS, [], list),
    "strings": Kind(_strings, _STRINGS, [], list),
    "ints": Kind(_integers, {"type": "array", "items": {"type": "integer"}}, [], list),
    "pairs": Kind(_pairs, {"type": "object", "format": "kvpairs"}, {}, dict),
    "map": Kind(_map, {"type": "object", "format": "map"}, {}),
    "any": Kind(_anything, {}, None),
}


def kind_of(annotation: Any) -> Kind:
    """The kind an annotation stands for. Raises TypeError for one that fields do not have."""
    origin = get_origin(annotation)
    if origin is Literal:
        choices = get_args(annotation)
        return Kind(_choice(choices), {"type": "string", "enum": list(choices)}, choices[0])
    key = annotation.__metadata__[0] if hasattr(annotation, "__metadata__") else annotation
    if key not in _KINDS:
        raise TypeError(f"no field can be of type {annotation!r}")
    return _KINDS[key]


def _choice(choices: tuple[str, ...]) -> Callable[[Any], str]:
    allowed = frozenset(choices)

    def coerce(value: Any) -> str:
        text = _string(value)
        if text not in allowed:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return coerce


@dataclass(slots=True)
class Field:
    """A declared field. ``attribute`` and ``kind`` are filled in when its path is compiled."""

    help: str
    default: Any = MISSING
    name: str = ""
    sensitive: bool = False
    query: bool = False
    required: bool = False
    deprecated: bool = False
    attribute: str = ""
    kind: Kind = _KINDS["any"]
    in_path: bool = False

    def coerce(self, value: Any) -> Any:
        """``value`` as the field's type. Raises :class:`Unconvertible`."""
        try:
            return self.kind.coerce(value)
        except duration.InvalidDuration as error:
            raise Unconvertible(f'error converting input for field "{self.name}": {error.reason}') from None
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            reason = str(error) if str(error).startswith("expected") else "not convertible"
            raise Unconvertible(f'error converting input for field "{self.name}": {reason}') from None


def field(
    help: str,  # noqa: A002  the word readers of a declaration expect
    *,
    default: Any = MISSING,
    name: str = "",
    sensitive: bool = False,
    query: bool = False,
    required: bool = False,
    deprecated: bool = False,
) -> Any:
    """Declare a field of a path.

    ``name`` is the wire name where it is a Python keyword or the name of an operation;
    ``query`` marks one that comes in the query string of reads and lists; ``sensitive`` hides
    its value in every door; ``required`` refuses a write without it.
    """
    return Field(help, default, name, sensitive, query, required, deprecated)
