"""Comparisons, with Go's rule that values of different kinds are not compared."""

from __future__ import annotations

from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.function import Library
from strongroom.template.value import NilPointer, kind, type_name

LIBRARY = Library()
function = LIBRARY.function
BASIC = frozenset({"bool", "int", "uint", "float", "complex", "string"})


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same. Raises for kinds that are not compared."""
    kinds = kind(left), kind(right)
    if kinds[0] != kinds[1] and set(kinds) != {"int", "uint"}:
        if left is not None and right is not None:
            raise FunctionError(
                f"incompatible types for comparison: {type_name(left)} and {type_name(right)}"
            )
        return _is_nil(left) and _is_nil(right)
    if kinds[0] in BASIC:
        return bool(left == right)
    if left is None or isinstance(left, NilPointer):
        return _is_nil(right)
    if isinstance(left, list | dict):
        raise FunctionError(f"non-comparable type {type_name(left)}")
    return left is right


def _is_nil(value: Any) -> bool:
    return value is None or isinstance(value, NilPointer)


def less(left: Any, right: Any) -> bool:
    """Whether the first of two numbers or texts is the smaller."""
    kinds = kind(left), kind(right)
    if kinds[0] not in BASIC or kinds[1] not in BASIC:
        raise FunctionError("invalid type for comparison")
    if kinds[0] != kinds[1] and set(kinds) != {"int", "uint"}:
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if kinds[0] in {"bool", "complex"}:
        raise FunctionError("invalid type for comparison")
    if isinstance(left, str):
        return left.encode("utf-8", "surrogateescape") < right.encode("utf-8", "surrogateescape")  # type: ignore[no-any-return]
    return bool(left < right)


@function("eq")
def is_equal(first: Any, *others: Any) -> bool:
    """Whether the first value is equal to any of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(equal(first, other) for other in others)


@function("ne")
def is_unequal(left: Any, right: Any) -> bool:
    """Whether two values differ."""
    return not equal(left, right)


@function("lt")
def is_less(left: Any, right: Any) -> bool:
    """Whether the first value is smaller."""
    return less(left, right)


@function("le")
def is_at_most(left: Any, right: Any) -> bool:
    """Whether the first value is smaller or equal."""
    return less(left, right) or equal(left, right)


@function("gt")
def is_greater(left: Any, right: Any) -> bool:
    """Whether the first value is larger."""
    return not is_at_most(left, right)


@function("ge")
def is_at_least(left: Any, right: Any) -> bool:
    """Whether the first value is larger or equal."""
    return not less(left, right)
