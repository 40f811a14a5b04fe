"""Numbers read from texts, and reckoning with them: in 64 bits, as in Go."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.function import Library
from strongroom.template.literal import DECIMAL, HEXADECIMAL
from strongroom.template.value import Int64, Uint64, kind, type_name, wrap

LIBRARY = Library()
function = LIBRARY.function
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
WHOLE = re.compile(r"[+-]?[0-9]+")
UNUSUAL = re.compile(r"([+-]?)(inf|infinity|nan)", re.IGNORECASE)


def read_bool(text: str) -> bool:
    """A truth value. ValueError where it is none."""
    if text not in TRUE | FALSE:
        raise ValueError
    return text in TRUE


def read_int(text: str, bits: int = 64) -> int:
    """A whole number in decimal digits. ValueError where it is none or too large."""
    if not text.isascii() or not WHOLE.fullmatch(text):
        raise ValueError
    number = int(text[:400])
    if number != wrap(number, bits):
        raise ValueError
    return number


def read_float(text: str) -> float:
    """A real number in Go's notation. ValueError where it is none."""
    match = UNUSUAL.fullmatch(text)
    if match:
        return float(text)
    if HEXADECIMAL.fullmatch(text) and "_" not in text:
        return float.fromhex(text)
    if not DECIMAL.fullmatch(text) or "_" in text:
        raise ValueError
    return float(text)


@function("parseBool")
def parse_bool(text: str) -> bool:
    """The truth value that a text such as ``true`` or ``1`` stands for; false for an empty text."""
    return read_bool(text) if text else False


@function("parseFloat")
def parse_float(text: str) -> float:
    """The real number that a text stands for; 0 for an empty text."""
    return read_float(text) if text else 0.0


@function("parseInt")
def parse_int(text: str) -> Int64:
    """The whole number that a text stands for; 0 for an empty text."""
    return Int64(read_int(text) if text else 0)


@function("parseUint")
def parse_uint(text: str) -> Uint64:
    """The whole number without a sign that a text stands for; 0 for an empty text."""
    if not text:
        return Uint64(0)
    if not (text.isascii() and text.isdecimal()) or int(text[:400]) >= 1 << 64:
        raise FunctionError("not a whole number without a sign")
    return Uint64(int(text[:400]))


def quotient(left: int, right: int) -> int:
    """Division of whole numbers that drops the fraction."""
    if not right:
        raise FunctionError("integer divide by zero")
    result = abs(left) // abs(right)
    return result if (left < 0) == (right < 0) else -result


def remainder(left: int, right: int) -> int:
    """What division leaves, with the sign of the first number."""
    return left - right * quotient(left, right)


def float_quotient(left: float, right: float) -> float:
    """Division of real numbers, which is infinite where Python refuses it."""
    if right:
        return left / right
    if math.isnan(left) or not left:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def reckon(
    left: Any, right: Any, whole: Callable[[int, int], int], real: Callable[[float, float], float] | None
) -> Any:
    """Whole numbers give whole ones, anything else real ones."""
    kinds = {_number_kind(left, real is not None), _number_kind(right, real is not None)}
    if "float" in kinds and real is not None:
        return real(float(left), float(right))
    result = whole(int(left), int(right))
    return Uint64(result % (1 << 64)) if kinds == {"uint"} else Int64(wrap(result))


def _number_kind(value: Any, reals: bool) -> str:
    of = kind(value)
    if of in {"int", "uint"} or (of == "float" and reals):
        return of
    raise FunctionError(f"unknown type: {type_name(value)}")


@function("add")
def add(right: Any, left: Any) -> Any:
    """The sum of two numbers."""
    return reckon(left, right, operator.add, operator.add)


@function("subtract")
def subtract(right: Any, left: Any) -> Any:
    """The second number less the first, so that ``5 | subtract 2`` is 3."""
    return reckon(left, right, operator.sub, operator.sub)


@function("multiply")
def multiply(right: Any, left: Any) -> Any:
    """The product of two numbers."""
    return reckon(left, right, operator.mul, operator.mul)


@function("divide")
def divide(right: Any, left: Any) -> Any:
    """The second number divided by the first: ``6 | divide 2`` is 3."""
    return reckon(left, right, quotient, float_quotient)


@function("modulo")
def modulo(right: Any, left: Any) -> Any:
    """What remains of the second number divided by the first, both whole."""
    return reckon(left, right, remainder, None)


def comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Two numbers, whole ones as of 64 bits. Raises for anything else."""
    _number_kind(right, reals=True)
    _number_kind(left, reals=True)
    first, second = (Int64(value) if kind(value) == "int" else value for value in (left, right))
    return first, second


@function("minimum")
def minimum(right: Any, left: Any) -> Any:
    """The smaller of two numbers."""
    left, right = comparable(left, right)
    return min(right, left)


@function("maximum")
def maximum(right: Any, left: Any) -> Any:
    """The larger of two numbers."""
    left, right = comparable(left, right)
    return max(right, left)
