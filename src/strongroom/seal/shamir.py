"""Shamir's secret sharing over GF(2^8) with the AES polynomial 0x11B, the wire's share format.

A share is the y bytes followed by one x byte (1-255, distinct, in random order). A secret is shared
byte by byte, all bytes at once: a whole row of field elements is one Python integer, multiplied by an
x coordinate with shifts and masks. There are no tables and no branches on secret values; x is public.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

MAX_PARTS = 255


class Uncombinable(Exception):
    """These shares cannot belong to one secret; ``args[0]`` says why, without their content."""


def split(secret: bytes | bytearray, parts: int, threshold: int) -> list[bytes]:
    """``parts`` shares, any ``threshold`` of which give ``secret`` back.

    One part is the secret itself. Raises ValueError outside 2 <= threshold <= parts <= 255.
    """
    if parts == 1 and threshold == 1:
        return [bytes(secret)]
    if not secret or not 2 <= threshold <= parts <= MAX_PARTS:
        raise ValueError("a secret is shared among 2 to 255 parts, with a threshold of 2 to all of them")
    size = len(secret)
    coefficients = [int.from_bytes(secrets.token_bytes(size), "big") for _ in range(threshold - 1)]
    coefficients.append(int.from_bytes(secret, "big"))
    places = secrets.SystemRandom().sample(range(1, MAX_PARTS + 1), parts)
    return [_evaluate(coefficients, x, size) + bytes([x]) for x in places]


def combine(shares: Sequence[bytes]) -> bytes:
    """The secret of at least its threshold of shares.

    Too few shares, or a wrong one, give other bytes: whoever uses the result must be able to tell.
    Raises :class:`Uncombinable`.
    """
    if len(shares) < 2:
        raise Uncombinable("less than two parts cannot be used to reconstruct the secret")
    size = len(shares[0]) - 1
    if size < 1:
        raise Uncombinable("parts must be at least two bytes")
    if any(len(share) != size + 1 for share in shares):
        raise Uncombinable("all parts must be the same length")
    places = [share[-1] for share in shares]
    if 0 in places:
        raise Uncombinable("a part without a place of its own")
    if len(set(places)) != len(places):
        raise Uncombinable("duplicate part detected")
    total = 0
    for share, weight in zip(shares, _weights(places), strict=True):
        total ^= _scale(int.from_bytes(share[:-1], "big"), weight, size)
    return total.to_bytes(size, "big")


def _evaluate(coefficients: list[int], x: int, size: int) -> bytes:
    """Horner's rule, highest degree first, for all bytes at once."""
    total = 0
    for coefficient in coefficients:
        total = _scale(total, x, size) ^ coefficient
    return total.to_bytes(size, "big")


def _scale(row: int, factor: int, size: int) -> int:
    """``row``, ``size`` field elements side by side, each times the public ``factor``."""
    ones = int.from_bytes(b"\x01" * size, "big")
    top = ones << 7
    product = 0
    for bit in range(8):
        if factor >> bit & 1:
            product ^= row
        carried = row & top
        row = ((row ^ carried) << 1) ^ ((carried >> 7) * 0x1B)
    return product


def _weights(places: list[int]) -> list[int]:
    """Lagrange's weight of each place for the value at zero."""
    weights = []
    for place in places:
        numerator = denominator = 1
        for other in places:
            if other != place:
                numerator = _scale(numerator, other, 1)
                denominator = _scale(denominator, other ^ place, 1)
        weights.append(_scale(numerator, _inverse(denominator), 1))
    return weights


def _inverse(element: int) -> int:
    """The inverse, as the 254th power (2 + 4 + ... + 128): nonzero elements have order 255."""
    power, square = 1, element
    for _ in range(7):
        square = _scale(square, square, 1)
        power = _scale(power, square, 1)
    return power
