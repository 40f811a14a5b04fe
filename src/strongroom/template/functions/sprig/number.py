"""Sprig's functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import reduce
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.format import sprint
from strongroom.template.function import Library
from strongroom.template.functions.arithmetic import quotient, read_int, remainder
from strongroom.template.functions.sprig.conversion import integer, real
from strongroom.template.value import Int64, Integers, wrap

LIBRARY = Library("sprig_")
function = LIBRARY.function


def whole_number(value: int) -> Int64:
    return Int64(wrap(value))


@function("atoi")
def atoi(text: str) -> int:
    """The whole number that a text stands for; 0 for any other text."""
    try:
        return read_int(text)
    except ValueError:
        return 0


@function("int")
def to_int(value: Any) -> int:
    """The value as a whole number."""
    return integer(value)


@function("int64")
def to_int64(value: Any) -> Int64:
    """The value as a whole number of 64 bits."""
    return Int64(integer(value))


@function("float64")
def to_float64(value: Any) -> float:
    """The value as a real number."""
    return real(value)


@function("toDecimal")
def to_decimal(value: Any) -> Int64:
    """The number that octal digits stand for."""
    try:
        return whole_number(int(sprint([value]), 8))
    except ValueError:
        return Int64(0)


@function("add")
def add(*values: Any) -> Int64:
    """The sum of whole numbers."""
    return whole_number(sum(map(integer, values)))


@function("add1")
def add1(value: Any) -> Int64:
    """One more."""
    return whole_number(integer(value) + 1)


@function("sub")
def sub(left: Any, right: Any) -> Int64:
    """The first whole number less the second."""
    return whole_number(integer(left) - integer(right))


@function("mul")
def mul(first: Any, *others: Any) -> Int64:
    """The product of whole numbers."""
    product = integer(first)
    for other in others:
        product = wrap(product * integer(other))
    return Int64(product)


@function("div")
def div(left: Any, right: Any) -> Int64:
    """The first whole number divided by the second."""
    return whole_number(quotient(integer(left), integer(right)))


@function("mod")
def mod(left: Any, right: Any) -> Int64:
    """What remains of the first whole number divided by the second."""
    return whole_number(remainder(integer(left), integer(right)))


@function("max", "biggest")
def biggest(first: Any, *others: Any) -> Int64:
    """The largest of whole numbers."""
    return Int64(max(map(integer, (first, *others))))


@function("min")
def smallest(first: Any, *others: Any) -> Int64:
    """The smallest of whole numbers."""
    return Int64(min(map(integer, (first, *others))))


@function("maxf")
def maxf(first: Any, *others: Any) -> float:
    """The largest of real numbers."""
    return max(map(real, (first, *others)))


@function("minf")
def minf(first: Any, *others: Any) -> float:
    """The smallest of real numbers."""
    return min(map(real, (first, *others)))


EXACT = Context(prec=2000)
PLACES = Decimal("1e-16")


def decimal(value: Any) -> Decimal:
    """A real number as its shortest digits say."""
    number = real(value)
    if not math.isfinite(number):
        raise FunctionError("not a finite number")
    return Decimal(repr(number))


def reckoned(values: Iterable[Any], step: Callable[[Decimal, Decimal], Decimal]) -> float:
    """Real numbers put together one after the other, in decimal digits, without a negative zero."""
    return float(reduce(step, map(decimal, values))) + 0.0


def _divided(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise FunctionError("decimal division by 0")
    return EXACT.divide(left, right).quantize(PLACES, ROUND_HALF_UP, EXACT)


@function("add1f")
def add1f(value: Any) -> float:
    """One more, of a real number."""
    return reckoned((value, 1), EXACT.add)


@function("addf")
def addf(*values: Any) -> float:
    """The sum of real numbers."""
    return reckoned((0, *values), EXACT.add)


@function("subf")
def subf(first: Any, *others: Any) -> float:
    """The first real number less the others."""
    return reckoned((first, *others), EXACT.subtract)


@function("mulf")
def mulf(first: Any, *others: Any) -> float:
    """The product of real numbers."""
    return reckoned((first, *others), EXACT.multiply)


@function("divf")
def divf(first: Any, *others: Any) -> float:
    """The first real number divided by the others, each time to 16 places."""
    return reckoned((first, *others), _divided)


@function("ceil")
def ceil(value: Any) -> float:
    """The next whole number that is not smaller."""
    number = real(value)
    return math.copysign(math.ceil(number), number)


@function("floor")
def floor(value: Any) -> float:
    """The next whole number that is not larger."""
    return float(math.floor(real(value)))


@function("round")
def round_number(value: Any, places: int, *threshold: float) -> float:
    """The number with so many places behind the point; what is at the threshold, 0.5, goes up."""
    scale = 10.0**places
    scaled = scale * real(value)
    fraction = math.fmod(scaled, 1)
    up = fraction >= (threshold[0] if threshold else 0.5)
    return (math.ceil(scaled) if up else math.floor(scaled)) / scale


def counted(execution: Execution, start: int, stop: int, step: int) -> Integers:
    """Numbers from one up or down to another, which is left out."""
    if step == 0 or (stop < start) != (step < 0):
        return Integers()
    numbers = range(start, stop, step)
    execution.bound(len(numbers))
    return Integers(numbers)


@function("until")
def until(execution: Execution, count: int) -> Integers:
    """The numbers from 0 up to but without one."""
    return counted(execution, 0, count, -1 if count < 0 else 1)


@function("untilStep")
def until_step(execution: Execution, start: int, stop: int, step: int) -> Integers:
    """The numbers from one to another, which is left out, with a step."""
    return counted(execution, start, stop, step)


@function("seq")
def seq(execution: Execution, *bounds: int) -> str:
    """Numbers with spaces between them: up to one; from one to another; or with a step between them."""
    if not bounds or len(bounds) > 3:
        return ""
    start, end = (1, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[-1])
    direction = -1 if end < start else 1
    step = bounds[1] if len(bounds) == 3 else direction
    if len(bounds) == 3 and direction < 0 < step:
        return ""
    return " ".join(map(str, counted(execution, start, end + direction, step)))


@function("randInt")
def rand_int(execution: Execution, low: int, high: int) -> int:
    """A number at random, from the first up to but without the second."""
    if high <= low:
        raise FunctionError("the second number must be larger than the first")
    return low + int.from_bytes(execution.world.random(16)) % (high - low)
