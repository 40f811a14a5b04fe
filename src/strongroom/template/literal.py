"""Go's literals: quoted strings, characters and numbers, as written in a template."""

from __future__ import annotations

import re
import unicodedata

from strongroom.template.node import Number

SIMPLE = {
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
INTEGER = re.compile(
    r"([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*)"
)
DECIMAL = re.compile(
    r"[+-]?(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?"
)
HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*[pP][+-]?[0-9]+")
COMPLEX = re.compile(r"(.+?(?<![eEpP])(?=[+-]))?([+-]?.+)i")
LARGEST = (1 << 63) - 1


def text_of(raw: bytes) -> str:
    """Bytes as text. Go's strings are bytes: those that are no UTF-8 survive until they are written."""
    return raw.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def unquote(literal: str) -> str:
    """The value of ``"..."``, a raw string or the inside of a character. ValueError where it is none."""
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    quote, inside = literal[0], literal[1:-1]
    out: list[bytes] = []
    last = 0
    for match in ESCAPE.finditer(inside):
        out.append(bytes_of(inside[last : match.start()]))
        out.append(_escape(match, quote))
        last = match.end()
    out.append(bytes_of(inside[last:]))
    return text_of(b"".join(out))


def _escape(match: re.Match[str], quote: str) -> bytes:
    two, octal, four, eight, sign = match.groups()
    if two:
        return bytes([int(two, 16)])
    if octal:
        return bytes([_within(int(octal, 8), 255)])
    if four or eight:
        code = _within(int(four or eight, 16), 0x10FFFF)
        if 0xD800 <= code < 0xE000:
            raise ValueError
        return chr(code).encode()
    if sign in SIMPLE:
        return SIMPLE[sign]
    if sign == quote:
        return sign.encode()
    raise ValueError


def _within(code: int, largest: int) -> int:
    if code > largest:
        raise ValueError
    return code


def character(literal: str, position: int) -> Number:
    """``'a'`` is the number of its character."""
    text = unquote(literal)
    if len(text) != 1:
        raise ValueError
    code = ord(text)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return Number(position, literal, code, float(code))


def number(text: str, position: int) -> Number:
    """A number as whole, as real, or as both. ValueError where it is none."""
    if text.endswith("i"):
        return _complex(text, position)
    integer = whole(text)
    if integer is not None:
        if integer > (1 << 64) - 1 or integer < -LARGEST - 1:
            raise ValueError
        return Number(position, text, integer, float(integer))
    real = _real(text)
    if real is None or real in (float("inf"), float("-inf")):
        raise ValueError
    exact = int(real) if real.is_integer() and abs(real) <= LARGEST else None
    return Number(position, text, exact, real)


def _complex(text: str, position: int) -> Number:
    """``2i`` or ``1+2i``: also whole or real, if it has no imaginary part."""
    match = COMPLEX.fullmatch(text)
    parts = [_real(part) for part in match.groups("0")] if match and "_" not in text else [None]
    if None in parts:
        raise ValueError
    value = complex(parts[0] or 0, parts[1] or 0)
    real = None if value.imag else value.real
    exact = int(real) if real is not None and real.is_integer() and abs(real) <= LARGEST else None
    return Number(position, text, exact, real, value)


def whole(text: str) -> int | None:
    """A whole number in Go's notation with a prefix for its base, or None."""
    match = INTEGER.fullmatch(text)
    if match is None:
        return None
    digits = match.group(2).replace("_", "").lower()
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        digits = "0o" + digits[1:]
    value = int(digits, 0)
    return -value if match.group(1) == "-" else value


def _real(text: str) -> float | None:
    if HEXADECIMAL.fullmatch(text):
        return float.fromhex(text.replace("_", ""))
    if DECIMAL.fullmatch(text):
        return float(text.replace("_", ""))
    return None


def quote(text: str) -> str:
    """Text as Go's ``%q`` writes it."""
    return f'"{"".join(_quoted(char, chr(34)) for char in text)}"'


def quote_character(code: int) -> str:
    char = chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "�"
    return f"'{_quoted(char, chr(39))}'"


NAMED = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def _quoted(char: str, mark: str) -> str:
    if char == mark:
        return "\\" + char
    if char in NAMED:
        return NAMED[char]
    code = ord(char)
    if printable(char):
        return char
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(char: str) -> bool:
    """Letters, marks, numbers, punctuation, symbols and the plain space."""
    return char == " " or unicodedata.category(char)[0] in "LMNPS"
