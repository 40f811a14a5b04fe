"""Questions to a resolver and its answers, as bytes (RFC 1035, RFC 6891)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

A, CNAME, TXT, AAAA, OPT = 1, 5, 16, 28, 41
NO_ERROR, NX_DOMAIN = 0, 3

_HEAD = struct.Struct(">HHHHHH")
_FIXED = struct.Struct(">HHIH")
_QUESTION = struct.Struct(">HH")
_IN = 1
_RECURSION_DESIRED, _RESPONSE, _TRUNCATED = 0x0100, 0x8000, 0x0200
PAYLOAD = 1232
"""Bytes of an answer over UDP that no network on the way has to divide."""
_RECORDS = 200
_JUMPS = 32
_CHAIN = 16


class Unreadable(Exception):
    """Not an answer to the question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a resolver answered: a code, and the data of the records that were asked for."""

    code: int
    truncated: bool
    data: tuple[bytes, ...]


def question(number: int, name: str, kind: int) -> bytes:
    """The question for the records of a name, numbered so that the answer can be told."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) <= 63 for label in labels):
        raise ValueError("not a name that can be asked for")
    encoded = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    options = b"\0" + _FIXED.pack(OPT, PAYLOAD, 0, 0)
    head = _HEAD.pack(number, _RECURSION_DESIRED, 1, 0, 0, 1)
    return head + encoded + _QUESTION.pack(kind, _IN) + options


def answer(message: bytes, number: int, name: str, kind: int) -> Answer:
    """What a message answers to that question. Raises Unreadable for anything but its answer."""
    try:
        return _answer(message, number, name.rstrip(".").lower(), kind)
    except (struct.error, IndexError):
        raise Unreadable from None


def _answer(message: bytes, number: int, name: str, kind: int) -> Answer:
    its_number, flags, questions, records, _, _ = _HEAD.unpack_from(message)
    if its_number != number or not flags & _RESPONSE or questions != 1 or records > _RECORDS:
        raise Unreadable
    asked, place = _name(message, _HEAD.size)
    if asked != name or _QUESTION.unpack_from(message, place) != (kind, _IN):
        raise Unreadable
    place += _QUESTION.size
    truncated = bool(flags & _TRUNCATED)
    if truncated:
        return Answer(flags & 15, truncated, ())
    aliases: dict[str, str] = {}
    found: list[tuple[str, bytes]] = []
    for _ in range(records):
        owner, place = _name(message, place)
        its_kind, its_class, _, length = _FIXED.unpack_from(message, place)
        place += _FIXED.size
        if place + length > len(message):
            raise Unreadable
        if its_class == _IN and its_kind == CNAME:
            aliases[owner] = _name(message, place)[0]
        elif its_class == _IN and its_kind == kind:
            found.append((owner, message[place : place + length]))
        place += length
    names = _chain(name, aliases)
    return Answer(flags & 15, truncated, tuple(data for owner, data in found if owner in names))


def _chain(name: str, aliases: dict[str, str]) -> set[str]:
    """The name and what it is an alias of."""
    names = {name}
    for _ in range(_CHAIN):
        name = aliases.get(name, name)
        if name in names:
            break
        names.add(name)
    return names


def _name(message: bytes, place: int) -> tuple[str, int]:
    """A name, in lower case, and where it ends. Names point to parts of earlier ones; that ends somewhere."""
    labels: list[str] = []
    end = 0
    for _ in range(_JUMPS + 128):
        length = message[place]
        if length >= 0xC0:
            end = end or place + 2
            target = (length & 0x3F) << 8 | message[place + 1]
            if target >= place:
                raise Unreadable
            place = target
            continue
        if length >= 0x40 or sum(map(len, labels)) + len(labels) > 255:
            raise Unreadable
        place += 1
        if not length:
            return ".".join(labels), end or place
        label = message[place : place + length]
        if len(label) < length:
            raise Unreadable
        labels.append(label.decode("latin-1").lower())
        place += length
    raise Unreadable


def text(data: bytes) -> bytes:
    """The text of a TXT record, whose strings are joined. Raises Unreadable."""
    parts, place = [], 0
    while place < len(data):
        end = place + 1 + data[place]
        if end > len(data):
            raise Unreadable
        parts.append(data[place + 1 : end])
        place = end
    return b"".join(parts)
