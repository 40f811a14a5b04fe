"""A value that must not be shown: its repr and str hide it, its comparison is constant-time."""

from __future__ import annotations

import hmac
from typing import Generic, TypeVar, final

T = TypeVar("T", str, bytes)


@final
class Secret(Generic[T]):
    """Holds a ``str`` or ``bytes`` secret; only :meth:`reveal` gives it out.

    Formatting, logging, pickling and JSON encoding never show the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value: T = value

    def reveal(self) -> T:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "•••"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "•••"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    __hash__ = None  # type: ignore[assignment]  # a hash would be an oracle for the value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
