"""Real numbers as Go writes them."""

from __future__ import annotations

import math
from decimal import Decimal


def _unusual(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def fixed(value: float, places: int | None) -> str:
    """``%f``; without places, as many digits as tell the number from its neighbours."""
    unusual = _unusual(value)
    if unusual:
        return unusual
    if places is not None:
        return f"{value:.{places}f}"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0") if "." in text else text


def _exponent(text: str) -> str:
    """``1e5`` with a sign and at least two digits in the exponent, as in Go."""
    mantissa, _, exponent = text.partition("e")
    number = int(exponent)
    return f"{mantissa}e{'-' if number < 0 else '+'}{abs(number):02d}"


def scientific(value: float, places: int | None) -> str:
    """``%e``"""
    unusual = _unusual(value)
    if unusual:
        return unusual
    if places is not None:
        return _exponent(f"{value:.{places}e}")
    digits, exponent = _shortest(value)
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return _exponent(f"{sign}{mantissa}e{exponent}")


def _shortest(value: float) -> tuple[str, int]:
    """The fewest digits that give the number back, and the exponent of the first."""
    if value == 0:
        return "0", 0
    parts = Decimal(repr(abs(value))).as_tuple()
    digits = "".join(map(str, parts.digits))
    exponent = int(parts.exponent) + len(digits) - 1
    return digits.rstrip("0") or "0", exponent


def general(value: float, precision: int | None = None, *, exponent_from: int = 6) -> str:
    """``%g`` and ``%v``: whichever of the two forms is shorter."""
    unusual = _unusual(value)
    if unusual:
        return unusual
    if precision is not None:
        return _rounded(value, precision or 1)
    _, exponent = _shortest(value)
    if exponent < -4 or exponent >= exponent_from:
        return scientific(value, None)
    return fixed(value, None)


def _rounded(value: float, precision: int) -> str:
    text = f"{value:.{precision}g}"
    return _exponent(text) if "e" in text else text


def hexadecimal(value: float, places: int | None = None) -> str:
    """``%x``: the exact bits, with an exponent of two; or so many digits behind the point."""
    unusual = _unusual(value)
    if unusual:
        return unusual
    if places is not None:
        return _rounded_hexadecimal(value, places)
    if not value:
        return ("-" if math.copysign(1, value) < 0 else "") + "0x0p+00"
    fraction, power = math.frexp(value)
    mantissa = math.ldexp(fraction, 1).hex().partition("p")[0].rstrip("0").rstrip(".")
    return f"{mantissa}p{'-' if power < 1 else '+'}{abs(power - 1):02d}"


def _rounded_hexadecimal(value: float, places: int) -> str:
    sign = "-" if math.copysign(1, value) < 0 else ""
    fraction, power = math.frexp(abs(value))
    bits = 4 * min(places, 13)
    whole = round(math.ldexp(fraction, 1 + bits))  # to even, where it stands between two
    power -= 1 if value else 0
    if whole >= 2 << bits:
        whole, power = whole >> 1, power + 1
    digits = f"{whole:0{1 + bits // 4}x}"
    point = f".{digits[1:].ljust(places, '0')}" if places else ""
    return f"{sign}0x{digits[0]}{point}p{'-' if power < 0 else '+'}{abs(power):02d}"


def binary(value: float) -> str:
    """``%b``: a whole mantissa, with an exponent of two."""
    unusual = _unusual(value)
    if unusual:
        return unusual
    mantissa, exponent = math.frexp(value)
    if not value:
        return ("-" if math.copysign(1, value) < 0 else "") + "0p-1074"
    shift = max(exponent - 53, -1074)
    return f"{int(math.ldexp(mantissa, exponent - shift))}p{shift:+d}"


def json_number(value: float) -> str:
    """As Go's JSON writes it: exponents only for the very large and the very small."""
    if not math.isfinite(value):
        raise ValueError
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        text = scientific(value, None)
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"
    return fixed(value, None)
