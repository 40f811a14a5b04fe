"""HCL1 text into tokens, lazily and in linear time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from strongroom.hcl.error import ParseError

MAX_SIZE = 1 << 20
"""Longest text, in characters."""

MAX_DEPTH = 100
"""Deepest nesting of objects and lists."""

MAX_TOKENS = 300_000
"""Most tokens in one text, so that parsing ends within seconds."""

_MAX_NUMBER = 64


class Kind(StrEnum):
    """Classes of tokens, by the words that error sentences use."""

    IDENT = "identifier"
    STRING = "string"
    HEREDOC = "heredoc"
    NUMBER = "number"
    BOOL = "boolean"
    OPEN = "{"
    CLOSE = "}"
    LIST = "["
    LIST_END = "]"
    COMMA = "comma"
    ASSIGN = "="
    COLON = ":"
    NULL = "null"
    COMMENT = "comment"
    END = "end of text"


class Token(NamedTuple):
    """One token: ``text[start:end]`` is its spelling."""

    kind: Kind
    start: int
    end: int


_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_LINE_COMMENT = re.compile(r"(?:#|//)[^\n]*")
_IDENT = re.compile(r"[^\W\d][\w.\-]*")
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)")
_HEREDOC = re.compile(r"<<-?([^\W\d]\w*)\r?\n")
_MARKS = {
    "{": Kind.OPEN,
    "}": Kind.CLOSE,
    "[": Kind.LIST,
    "]": Kind.LIST_END,
    ",": Kind.COMMA,
    "=": Kind.ASSIGN,
}
_ESCAPE = re.compile(r'\\(?:([abfnrtv\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))')
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


class Source:
    """A text and where its lines begin."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_SIZE:
            raise ParseError("text is too long", 1, 1)
        self.text = text
        self._lines = [0]
        self._lines.extend(match.end() for match in re.finditer("\n", text))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def error(self, sentence: str, offset: int) -> ParseError:
        """The error to raise for that place."""
        return ParseError(sentence, *self.position(offset))


def tokens(source: Source) -> Iterator[Token]:
    """The tokens of an HCL text, comments included, END last. Raises ParseError."""
    text, offset = source.text, 0
    for _ in range(MAX_TOKENS):
        offset = _skip(_SPACE, text, offset)
        if offset == len(text):
            yield Token(Kind.END, offset, offset)
            return
        token = _token(source, offset)
        yield token
        offset = token.end
    raise source.error("text has too many parts", offset)


def _skip(pattern: re.Pattern[str], text: str, offset: int) -> int:
    match = pattern.match(text, offset)
    return match.end() if match else offset


def _token(source: Source, start: int) -> Token:
    text = source.text
    first = text[start]
    if first in _MARKS:
        return Token(_MARKS[first], start, start + 1)
    if first == '"':
        return Token(Kind.STRING, start, _string_end(source, start))
    if first in "#/":
        return Token(Kind.COMMENT, start, _comment_end(source, start))
    if first == "<":
        return Token(Kind.HEREDOC, start, _heredoc_end(source, start))
    if match := _NUMBER.match(text, start):
        return Token(Kind.NUMBER, start, match.end())
    if match := _IDENT.match(text, start):
        return Token(Kind.BOOL if match[0] in ("true", "false") else Kind.IDENT, start, match.end())
    raise source.error("illegal character", start)


def _comment_end(source: Source, start: int) -> int:
    if source.text.startswith("/*", start):
        end = source.text.find("*/", start + 2)
        if end < 0:
            raise source.error("comment not terminated", start)
        return end + 2
    end = _skip(_LINE_COMMENT, source.text, start)
    if end == start:
        raise source.error("illegal character", start)
    return end


def _string_end(source: Source, start: int) -> int:
    text, braces, offset = source.text, 0, start + 1
    while offset < len(text):
        char = text[offset]
        if char == "\\":
            offset += 2
            continue
        if braces:
            braces += (char == "{") - (char == "}")
        elif char == '"':
            return offset + 1
        elif char == "\n":
            break
        elif text.startswith("${", offset):
            braces = 1
            offset += 1
        offset += 1
    raise source.error("string not terminated", start)


def _heredoc_end(source: Source, start: int) -> int:
    head = _HEREDOC.match(source.text, start)
    if head is None:
        raise source.error("heredoc needs a name and a new line", start)
    offset = head.end()
    while True:
        newline = source.text.find("\n", offset)
        end = len(source.text) if newline < 0 else newline
        if source.text[offset:end].strip(" \t\r") == head[1]:
            return end
        if newline < 0:
            raise source.error("heredoc not terminated", start)
        offset = newline + 1


def heredoc(spelling: str) -> str:
    """The value of a heredoc: its lines without the marks; ``<<-`` also drops the end mark's indent."""
    head, _, rest = spelling.partition("\n")
    lines = rest.split("\n")
    mark = lines.pop()
    if head.startswith("<<-"):
        indent = mark[: len(mark) - len(mark.lstrip(" \t"))]
        if all(line.startswith(indent) for line in lines):
            lines = [line[len(indent) :] for line in lines]
    return "".join(line + "\n" for line in lines)


def number(source: Source, token: Token) -> int | float:
    """The value of a NUMBER token; a leading zero means octal, as in Go."""
    text = source.text[token.start : token.end]
    if len(text) > _MAX_NUMBER:
        raise source.error("number is too long", token.start)
    digits = text.lstrip("-")
    if digits[:2] in ("0x", "0X"):
        return int(text, 16)
    if not digits.isdecimal():
        return _float(source, text, token.start)
    if digits[0] != "0" or digits == "0":
        return int(text)
    try:
        return int(text, 8)
    except ValueError:
        raise source.error("number is not octal", token.start) from None


def _float(source: Source, text: str, offset: int) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise source.error("number is out of range", offset)
    return value


def unquote(source: Source, token: Token) -> str:
    """The value of a STRING token: escapes resolved, ``${...}`` left as it is written."""
    spelling = source.text[token.start + 1 : token.end - 1]
    if "\\" not in spelling:
        return spelling
    parts: list[str] = []
    offset = braces = 0
    while offset < len(spelling):
        char = spelling[offset]
        if char == "\\" and not braces:
            match = _ESCAPE.match(spelling, offset)
            value = _escape(match) if match else None
            if match is None or value is None:
                raise source.error("illegal escape in string", token.start + 1 + offset)
            parts.append(value)
            offset = match.end()
            continue
        if char == "\\":
            parts.append(spelling[offset : offset + 2])
            offset += 2
            continue
        if braces:
            braces += (char == "{") - (char == "}")
        elif spelling.startswith("${", offset):
            braces, char = 1, "${"
        parts.append(char)
        offset += len(char)
    return "".join(parts)


def _escape(match: re.Match[str]) -> str | None:
    simple, octal, *hexadecimal = match.groups()
    if simple:
        return _SIMPLE[simple]
    code = int(octal, 8) if octal else int(next(digits for digits in hexadecimal if digits), 16)
    if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return None
    return chr(code)
