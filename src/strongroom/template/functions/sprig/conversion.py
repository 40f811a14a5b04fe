"""Sprig takes values of any type, and makes of them what it needs."""

from __future__ import annotations

import math
from typing import Any

from strongroom.template.format import sprint
from strongroom.template.functions.arithmetic import read_float
from strongroom.template.literal import text_of, whole
from strongroom.template.value import Bytes, List, NilPointer, Record, truth


def text_of_value(value: Any) -> str:
    """A value as a text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Bytes):
        return text_of(bytes(value))
    return sprint([value])


def texts(value: Any) -> list[str]:
    """The entries of a list as texts, without what is nil; anything else is a list of one."""
    if value is None:
        return []
    if isinstance(value, list):
        typed = isinstance(value, List)
        return [text_of_value(item) for item in value if typed or item is not None]
    return [text_of_value(value)]


def is_empty(value: Any) -> bool:
    """Zero, false, nil and what has no entries."""
    if isinstance(value, Record):
        return False
    return isinstance(value, NilPointer) or not truth(value)


def integer(value: Any) -> int:
    """A value as a whole number; 0 where it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        number = whole(value)
        return number if number is not None and -(1 << 63) <= number < 1 << 63 else 0
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 1 << 63 else -(1 << 63)
    return int(value) if isinstance(value, int) else 0


def real(value: Any) -> float:
    """A value as a real number; 0 where it is none."""
    if isinstance(value, str):
        try:
            return read_float(value)
        except ValueError:
            return 0.0
    return float(value) if isinstance(value, int | float) else 0.0
