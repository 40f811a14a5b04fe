"""What the audit log shows in place of a value: its HMAC under the device's salt.

Equal values give equal masks on one device, so an operator can follow a secret through the log
(and find one he knows, with ``sys/audit-hash``) while the log itself gives nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import orjson

from strongroom.codec import Number
from strongroom.crypto.digest import HmacSha256
from strongroom.secret import Secret

PREFIX = "hmac-sha256:"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MAX_DEPTH = 100
_INT64 = 1 << 63
_NUMBERS = (int, float)
_PLAIN = frozenset({bool, float, type(None)})
_SEQUENCES = (list, tuple, AbstractSet)
_BRANCHES = (Mapping, *_SEQUENCES)
_BYTES = (bytes, bytearray, memoryview)


class Mask:
    """Masks values under one device's salt.

    Of a tree, numbers, booleans, nulls, times (RFC 3339) and the keys of objects stay as they
    are; every other leaf is masked, whatever its type, so nothing that an engine puts into a
    request or response appears in clear by accident. ``raw`` leaves text readable (``log_raw``).
    """

    __slots__ = ("_empty", "_hexdigest", "raw")

    def __init__(self, salt: bytes, *, raw: bool = False) -> None:
        self._hexdigest = HmacSha256(salt).hexdigest
        self._empty = self.hash("")
        self.raw = raw

    def hash(self, value: str | bytes) -> str:
        """The mask of ``value``, also when the device logs raw: what ``sys/audit-hash`` answers."""
        return PREFIX + self._hexdigest(value.encode() if isinstance(value, str) else value)

    def text(self, value: str | bytes) -> str:
        """How the device writes a sensitive ``value``: masked, or readable if it logs raw."""
        if not self.raw:
            return self.hash(value)
        return value if isinstance(value, str) else value.decode(errors="replace")

    def tree(self, data: Mapping[Any, Any], exempt: frozenset[str] = frozenset()) -> dict[str, Any]:
        """``data`` with its leaves masked, ready for JSON. ``data`` itself is left alone.

        A text leaf stays readable when the nearest key above it is in ``exempt``.
        """
        return self._mapping(data, exempt, 0)

    def _mapping(self, data: Mapping[Any, Any], exempt: frozenset[str], depth: int) -> dict[str, Any]:
        masked = {}
        for key, value in data.items():
            name = key if type(key) is str else self._key(key)
            kind = type(value)
            if kind is str:
                masked[name] = value if name in exempt else self._text(value)
            elif kind in _PLAIN or (kind is int and -_INT64 <= value < _INT64):
                masked[name] = value
            elif kind is dict and depth < _MAX_DEPTH:
                masked[name] = self._mapping(value, exempt, depth + 1)
            else:
                masked[name] = self._node(value, exempt, name in exempt, depth)
        return masked

    def _text(self, value: str) -> str:
        if self.raw:
            return value
        if len(value) > 19 and value[10] == "T" and _TIME.fullmatch(value):
            return value
        return PREFIX + self._hexdigest(value.encode()) if value else self._empty

    def _node(self, value: Any, exempt: frozenset[str], plain: bool, depth: int) -> Any:
        if type(value) is dict and depth < _MAX_DEPTH:  # asking an abstract class costs ten times as much
            return self._mapping(value, exempt, depth + 1)
        if type(value) is list:
            return self._branch(value, exempt, plain, depth + 1)
        if value is None or isinstance(value, _NUMBERS):
            return _number(value)
        if isinstance(value, str):
            text = str.__str__(value)
            return text if plain else self._text(text)
        if isinstance(value, _BRANCHES):
            return self._branch(value, exempt, plain, depth + 1)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Number):
            return orjson.Fragment(bytes(value))
        return self._odd(value)

    def _branch(self, value: Any, exempt: frozenset[str], plain: bool, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            return self.hash(_flat(value))
        if type(value) is not list and isinstance(value, Mapping):
            return self._mapping(value, exempt, depth)
        return [self._node(item, exempt, plain, depth) for item in value]

    def _odd(self, value: Any) -> str:
        """Types that JSON has no word for: never in clear, bytes by their content."""
        if isinstance(value, Secret):
            return self.hash(value.reveal())
        if isinstance(value, _BYTES):
            return self.text(bytes(value))
        return self.hash(repr(value))

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        return str(key) if key is None or isinstance(key, _NUMBERS) else self._odd(key)


def _number(value: Any) -> Any:
    if isinstance(value, float) or value is None or isinstance(value, bool):
        return value
    number = int(value)
    if -_INT64 <= number < 2 * _INT64:
        return number
    return orjson.Fragment(str(number))  # JSON has no bounds, its encoder has


def _flat(value: Any) -> str:
    """All leaves below ``value``: what is nested too deep to walk is masked as one."""
    leaves, pending = [], [value]
    while pending:
        node = pending.pop()
        if isinstance(node, Mapping):
            pending += [*node.keys(), *node.values()]
        elif isinstance(node, _SEQUENCES):
            pending += node
        else:
            leaves.append(repr(node))
    return "\n".join(leaves)
