"""Base64 and base32 as Go reads them: with padding, past ends of lines, and told where a text is wrong."""

from __future__ import annotations

import base64
import re

from strongroom.template.errors import FunctionError

STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
URL_SAFE = STANDARD[:-2] + b"-_"
THIRTY_TWO = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PAD = ord("=")
LINE_ENDS = re.compile(rb"[\r\n]")


class CorruptInput(FunctionError):
    """The text is no such encoding: at which byte."""

    def __init__(self, base: int, position: int) -> None:
        super().__init__(f"illegal base{base} data at input byte {position}")


def decode64(raw: bytes, alphabet: bytes = STANDARD) -> bytes:
    """The bytes of a base64 text. Raises CorruptInput."""
    signs = [(at, byte) for at, byte in enumerate(raw) if byte not in b"\r\n"]
    size = next((count for count, (_, byte) in enumerate(signs) if byte not in alphabet), len(signs))
    if size < len(signs) or size % 4:
        _check_end64(signs, size, len(raw))
    digits = bytes(byte for _, byte in signs[:size]).translate(bytes.maketrans(alphabet, STANDARD))
    return base64.b64decode(digits + b"A" * (-size % 4))[: size * 6 // 8]


def _check_end64(signs: list[tuple[int, int]], size: int, length: int) -> None:
    """What follows the digits has to be the padding that their number asks for, and nothing else."""
    rest = signs[size:]
    if not rest:
        raise CorruptInput(64, length - size % 4)
    at, byte = rest[0]
    if byte != PAD or size % 4 < 2:
        raise CorruptInput(64, at)
    if size % 4 == 2:
        if len(rest) == 1:
            raise CorruptInput(64, length)
        if rest[1][1] != PAD:
            raise CorruptInput(64, rest[1][0] - 1)
    wanted = 4 - size % 4
    if len(rest) > wanted:
        raise CorruptInput(64, rest[wanted][0])


def decode32(raw: bytes) -> bytes:
    """The bytes of a base32 text. Raises CorruptInput."""
    raw = LINE_ENDS.sub(b"", raw)
    size = next((at for at, byte in enumerate(raw) if byte not in THIRTY_TWO), len(raw))
    inside = size % 8
    if size == len(raw):
        if inside:
            raise CorruptInput(32, size - inside)
    elif raw[size] != PAD or inside < 2 or len(raw) - size > 8:
        raise CorruptInput(32, size)
    else:
        _check_end32(raw, size, inside)
    return base64.b32decode(raw[:size] + b"A" * (-size % 8))[: size * 5 // 8]


def _check_end32(raw: bytes, size: int, inside: int) -> None:
    padding = raw[size + 1 :]
    if len(padding) < 7 - inside:
        raise CorruptInput(32, len(raw))
    for position, byte in enumerate(padding[: 7 - inside]):
        if byte != PAD:
            raise CorruptInput(32, size + position)
    if inside in {3, 6}:
        raise CorruptInput(32, size)
