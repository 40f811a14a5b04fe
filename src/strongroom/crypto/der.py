"""DER (X.690) of what the library does not encode, or not in portions."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509

SEQUENCE, SET = 0x30, 0x31
_BOOLEAN, _OCTET_STRING, _OID = 0x01, 0x04, 0x06
_SHORT = 0x80


def element(tag: int, value: bytes) -> bytes:
    """An element: tag, length, value."""
    count = len(value)
    if count < _SHORT:
        return bytes((tag, count)) + value
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(octets))) + octets + value


def value_at(data: bytes, position: int) -> tuple[bytes, int]:
    """The value of the element at a position, and where the element ends."""
    size, start = data[position + 1], position + 2
    if size & _SHORT:
        start += size & 0x7F
        size = int.from_bytes(data[position + 2 : start], "big")
    return data[start : start + size], start + size


def object_identifier(dotted: str) -> bytes:
    """An object identifier. Raises ValueError for what is none."""
    try:
        x509.ObjectIdentifier(dotted)
    except ValueError:
        raise ValueError("this is no object identifier") from None
    first, second, *rest = map(int, dotted.split("."))
    return element(_OID, b"".join(map(_arc, (first * 40 + second, *rest))))


def _arc(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | (number & 0x7F))
    return bytes(reversed(octets))


def extensions(wanted: Iterable[tuple[str, bool, bytes]]) -> bytes:
    """Extensions (RFC 5280) of object identifier, whether critical, and value. Raises ValueError."""
    parts = []
    for dotted, critical, value in wanted:
        flag = element(_BOOLEAN, b"\xff") if critical else b""  # DER leaves the default out
        parts.append(element(SEQUENCE, object_identifier(dotted) + flag + element(_OCTET_STRING, value)))
    return element(SEQUENCE, b"".join(parts))
