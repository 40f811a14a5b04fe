"""Statements with placeholders: values put into the operator's SQL so that they stay values.

An operator writes ``CREATE ROLE "{{name}}" PASSWORD '{{password}}'``. What replaces a placeholder is
quoted as its place demands: inside an identifier, inside a string. A value of letters, digits and a few
harmless signs needs no quoting and may stand in any quoted place, even in the body of a function. Any
other value is refused where no quoting makes it safe: outside quotes, in comments, in bodies, and within
longer strings, which may be code for a second parser.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass

import msgspec

from strongroom.errors import BadRequest

PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")

_PLAIN = re.compile(r"[A-Za-z0-9_.:+@ -]*", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a language quotes. ``backslashes`` says that they escape within ordinary strings."""

    identifiers: str = '"'
    strings: str = "'"
    backslashes: bool = False
    escape_strings: bool = False
    """Whether ``E'...'`` is a string with backslashes."""
    dollars: bool = False
    """Whether ``$tag$...$tag$`` is a string."""
    hash_comments: bool = False
    spaced_dashes: bool = False
    """Whether ``--`` begins a comment only before a space."""
    doubling: bool = True
    """Whether a doubled quote stands for one; otherwise only a backslash makes it part of the value."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a statement of one kind: ``code``, ``string``, ``identifier`` or ``raw``."""

    kind: str
    text: str
    quote: str = ""
    backslashes: bool = False
    doubling: bool = True


def fill(statement: str, values: dict[str, str], dialect: Dialect) -> str:
    """``statement`` with the placeholders named in ``values`` replaced; others stay as they are.

    Raises BadRequest, naming the placeholder, where a value cannot safely stand.
    """
    if "{{" not in statement:
        return statement
    return "".join(_fill(piece, values) for piece in _pieces(statement, dialect))


def decoded(texts: list[str]) -> list[str]:
    """The statements in what an operator gave: each also in base64, or several as a list in JSON."""
    found: list[str] = []
    for text in map(_from_base64, texts):
        try:
            found += msgspec.json.decode(text, type=list[str]) if text.lstrip().startswith("[") else [text]
        except (msgspec.DecodeError, UnicodeError):
            found.append(text)
    return found


def _from_base64(text: str) -> str:
    """A text that may be in base64, as shells like it; what makes no statement is taken as it is."""
    try:
        plain = b64decode(text, validate=True).decode()
    except ValueError:
        return text
    words = plain.split()
    like_one = len(words) > 1 or plain.startswith(("[", "{"))
    return plain if like_one and all(map(str.isprintable, words)) else text


_COMPOUND = re.compile(
    r"\s*(?:CREATE\b.*\b(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)\b|BEGIN\s+NOT\s+ATOMIC\b)",
    re.IGNORECASE | re.DOTALL,
)


def split(text: str, dialect: Dialect) -> list[str]:
    """The statements in ``text``, between semicolons outside of quotes and comments.

    One whose body holds semicolons of its own takes all that follows.
    """
    found, begun = [], ""
    for piece in _pieces(text, dialect):
        parts = piece.text.split(";") if piece.kind == "code" else [piece.text]
        begun += parts[0]
        for part in parts[1:]:
            if _COMPOUND.match(begun):
                begun += ";" + part
            else:
                found.append(begun)
                begun = part
    return [statement.strip() for statement in (*found, begun) if statement.strip()]


def _fill(piece: _Piece, values: dict[str, str]) -> str:
    alone = len(PLACEHOLDER.findall(piece.text)) == 1 and PLACEHOLDER.fullmatch(piece.text[1:-1]) is not None

    def replaced(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            return found[0]
        return _quoted(name, values[name], piece, alone=alone)

    return PLACEHOLDER.sub(replaced, piece.text)


def _quoted(name: str, value: str, piece: _Piece, *, alone: bool) -> str:
    if "\0" in value:
        raise BadRequest(f"the value of {{{{{name}}}}} holds a character that no database takes")
    if piece.kind == "code":
        if _WORD.fullmatch(value):
            return value
        raise BadRequest(f"{{{{{name}}}}} has to stand in quotes in this statement")
    if _PLAIN.fullmatch(value):
        if piece.kind == "raw" and ("--" in value or not value):
            raise BadRequest(f"the value of {{{{{name}}}}} cannot stand in this place of the statement")
        return value
    if piece.kind == "identifier" or (piece.kind == "string" and alone):
        return _escaped(value, piece)
    raise BadRequest(f"the value of {{{{{name}}}}} cannot stand in this place of the statement")


def _escaped(value: str, piece: _Piece) -> str:
    if piece.backslashes:
        value = value.replace("\\", "\\\\")
    if not piece.doubling:
        return value.replace(piece.quote, "\\" + piece.quote).replace("\n", "\\n")
    return value.replace(piece.quote, piece.quote * 2)


def _pieces(text: str, dialect: Dialect) -> list[_Piece]:
    """``text`` cut where its kind changes; joined again the pieces are the text."""
    pieces: list[_Piece] = []
    start = position = 0
    while position < len(text):
        piece = _special(text, position, dialect)
        if piece is None:
            position += 1
            continue
        if start < position:
            pieces.append(_Piece("code", text[start:position]))
        pieces.append(piece)
        start = position = position + len(piece.text)
    if start < len(text):
        pieces.append(_Piece("code", text[start:]))
    return pieces


_DOLLAR = re.compile(r"\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$")


def _special(text: str, at: int, dialect: Dialect) -> _Piece | None:
    """The quoted or commented piece that begins at a position, or None."""
    char = text[at]
    if char in dialect.identifiers:
        return _quotation("identifier", text, at, dialect, backslashes=not dialect.doubling)
    if char in dialect.strings:
        before = text[at - 1 : at].upper()
        own_word = at < 2 or not (text[at - 2].isalnum() or text[at - 2] == "_")
        backslashes = dialect.backslashes or (dialect.escape_strings and before == "E" and own_word)
        return _quotation("string", text, at, dialect, backslashes=backslashes)
    if _comments(text, at, dialect):
        return _Piece("raw", text[at : _after(text, "\n", at)])
    if text.startswith("/*", at):
        return _Piece("raw", text[at : _after(text, "*/", at + 2)])
    if char == "$" and dialect.dollars and (tag := _DOLLAR.match(text, at)):
        return _Piece("raw", text[at : _after(text, tag[0], tag.end())])
    return None


def _quotation(kind: str, text: str, at: int, dialect: Dialect, *, backslashes: bool) -> _Piece:
    end = _end(text, at, backslashes=backslashes, doubling=dialect.doubling)
    return _Piece(kind, text[at:end], text[at], backslashes, dialect.doubling)


def _comments(text: str, at: int, dialect: Dialect) -> bool:
    """Whether a comment up to the end of the line begins."""
    if text[at] == "#":
        return dialect.hash_comments
    if not text.startswith("--", at):
        return False
    return not dialect.spaced_dashes or text[at + 2 : at + 3].isspace() or at + 2 == len(text)


def _after(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return len(text) if found < 0 else found + len(mark)


def _end(text: str, at: int, *, backslashes: bool, doubling: bool) -> int:
    """Where the quotation that begins at ``at`` ends; with ``doubling`` a doubled quote does not end it."""
    quote, position = text[at], at + 1
    while position < len(text):
        if backslashes and text[position] == "\\":
            position += 2
        elif text[position] != quote:
            position += 1
        elif doubling and text[position + 1 : position + 2] == quote:
            position += 2
        else:
            return position + 1
    return len(text)
