"""Change records of LDIF (RFC 2849): what is to be done in a directory, one entry after the other. Pure.

Of the form everything is understood but values by URL, which would have the server read files, and
``changetype: modrdn``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from strongroom.errors import BadRequest

ADD, DELETE, MODIFY = "add", "delete", "modify"
MAX_LENGTH = 65_536
"""Characters of an LDIF text."""

Attributes = list[tuple[str, list[bytes]]]
"""Names of attributes with their values, in order."""


class BadLDIF(BadRequest):
    """The text is no list of change records. Names the line, never its value."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"LDIF, line {line}: {reason}")


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with one entry. Of a modification each step is an operation, an attribute, its values."""

    kind: str
    dn: str
    attributes: Attributes = field(default_factory=list)
    steps: list[tuple[str, str, list[bytes]]] = field(default_factory=list)


@dataclass(slots=True)
class _Line:
    number: int
    name: str
    value: bytes


def parse(text: str) -> list[Change]:
    """The changes of a text, at least one. Raises :class:`BadLDIF`."""
    if len(text) > MAX_LENGTH:
        raise BadLDIF(1, f"more than {MAX_LENGTH} characters")
    changes = [_change(record) for record in _records(text)]
    if not changes:
        raise BadLDIF(1, "there is no record")
    return changes


def _records(text: str) -> Iterator[list[_Line]]:
    """Runs of lines between empty ones, unfolded, without comments."""
    record: list[tuple[int, str]] = []
    comment = False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.startswith(" ") and line.strip() and (record or comment):
            if not comment:
                record[-1] = record[-1][0], record[-1][1] + line[1:]
            continue
        comment = line.startswith("#")
        if comment:
            continue
        if line.strip():
            record.append((number, line.lstrip() if not record else line))
        elif record:
            lines = [_line(*each) for each in record]
            record = []
            if [each.name for each in lines] != ["version"]:
                yield lines[1:] if lines[0].name == "version" else lines


def _line(number: int, text: str) -> _Line:
    text = text.strip()
    if text == "-":
        return _Line(number, "-", b"")
    name, colon, rest = text.partition(":")
    if not colon or not name.strip():
        raise BadLDIF(number, "expected an attribute and a colon")
    if rest.startswith("<"):
        raise BadLDIF(number, "values by URL are not read")
    if not rest.startswith(":"):
        return _Line(number, name.strip(), rest.strip().encode())
    try:
        return _Line(number, name.strip(), base64.b64decode(rest[1:].strip(), validate=True))
    except (binascii.Error, ValueError):
        raise BadLDIF(number, "the value is not base64") from None


def _change(record: list[_Line]) -> Change:
    first = record[0]
    if first.name.lower() != "dn":
        raise BadLDIF(first.number, "a record begins with dn")
    try:
        dn = first.value.decode()
    except UnicodeDecodeError:
        raise BadLDIF(first.number, "the dn is not UTF-8") from None
    rest = record[1:]
    kind = ADD
    if rest and rest[0].name.lower() == "changetype":
        kind = rest[0].value.decode(errors="replace").lower()
        rest = rest[1:]
    match kind:
        case "add":
            return Change(ADD, dn, _grouped(rest, first.number))
        case "delete":
            return Change(DELETE, dn)
        case "modify":
            return Change(MODIFY, dn, steps=list(_steps(rest)))
        case _:
            raise BadLDIF(first.number, "changetype must be add, delete or modify")


def _grouped(lines: list[_Line], number: int) -> Attributes:
    values: dict[str, list[bytes]] = {}
    for line in lines:
        if line.name == "-":
            raise BadLDIF(line.number, "a dash belongs to changetype: modify")
        values.setdefault(line.name, []).append(line.value)
    if not values:
        raise BadLDIF(number, "an entry has attributes")
    return list(values.items())


def _steps(lines: list[_Line]) -> Iterator[tuple[str, str, list[bytes]]]:
    position = 0
    while position < len(lines):
        head = lines[position]
        operation, attribute = head.name.lower(), head.value.decode(errors="replace")
        if operation not in {"add", "delete", "replace"} or not attribute:
            raise BadLDIF(head.number, "expected add, delete or replace, and the name of an attribute")
        values = []
        position += 1
        while position < len(lines) and lines[position].name != "-":
            line = lines[position]
            if line.name.lower() != attribute.lower():
                raise BadLDIF(line.number, f"expected a value of {attribute}, or a dash")
            values.append(line.value)
            position += 1
        position += 1
        yield operation, attribute, values
