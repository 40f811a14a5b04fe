"""Template text cut into tokens: text outside the delimiters, and words, signs and literals inside."""

from __future__ import annotations

import re
from enum import Enum, auto

from msgspec import Struct

from strongroom.template.errors import SyntaxMistake

SPACE = " \t\r\n"
KEYWORDS = frozenset(
    {"block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"},
)


class Kind(Enum):
    TEXT = auto()
    OPEN = auto()
    CLOSE = auto()
    SPACE = auto()
    NUMBER = auto()
    CHARACTER = auto()
    STRING = auto()
    RAW = auto()
    FIELD = auto()
    VARIABLE = auto()
    DOT = auto()
    BOOL = auto()
    NAME = auto()
    KEYWORD = auto()
    SIGN = auto()
    END = auto()


class Token(Struct):
    kind: Kind
    text: str
    position: int

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "end of file"
        return f'"{self.text[:20]}"'


PIECES = re.compile(
    r"""
    (?P<SPACE>[ \t\r\n]+)
  | (?P<RAW>`[^`]*`)
  | (?P<STRING>"(?:[^"\\\n]|\\.)*")
  | (?P<CHARACTER>'(?:[^'\\\n]|\\.)+')
  | (?P<NUMBER>[+-]?\.?[0-9](?:[eE][+-]|[pP][+-]|[0-9A-Za-z_.])*
               (?:[+-]\.?[0-9](?:[eE][+-]|[pP][+-]|[0-9A-Za-z_.])*(?<=i))?)
  | (?P<FIELD>\.\w+)
  | (?P<DOT>\.)
  | (?P<VARIABLE>\$\w*)
  | (?P<NAME>[^\W\d]\w*)
  | (?P<SIGN>:=|[=|,()])
    """,
    re.VERBOSE,
)
# What may follow a word directly; anything else means that two words were written as one.
ENDS_WORD = frozenset(SPACE + ".,|:)(=")
WORDS = frozenset({Kind.FIELD, Kind.VARIABLE, Kind.NAME, Kind.NUMBER})


class Lexer:
    """Reads one text. Delimiters may be any strings; a trim marker stands inside them, beside a space."""

    def __init__(self, text: str, *, name: str, left: str, right: str) -> None:
        self.text = text
        self.name = name
        self.left = left or "{{"
        self.right = right or "}}"
        self.position = 0
        self.tokens: list[Token] = []

    def fail(self, sentence: str, position: int) -> SyntaxMistake:
        line, column = place(self.text, position)
        return SyntaxMistake(sentence, name=self.name, line=line, column=column)

    def run(self) -> list[Token]:
        trim = False
        while self.position < len(self.text):
            trim = self.outside(trim)
        self.tokens.append(Token(Kind.END, "", len(self.text)))
        return self.tokens

    def outside(self, trim: bool) -> bool:
        """Text up to the next action, then the action. True if the text after it loses leading space."""
        start = self.position
        found = self.text.find(self.left, start)
        end = len(self.text) if found < 0 else found
        text = self.text[start:end]
        inner = end + len(self.left)
        trims = found >= 0 and self.trims_left(inner)
        if trims:
            text = text.rstrip(SPACE)
        if trim:
            shorter = text.lstrip(SPACE)
            start += len(text) - len(shorter)
            text = shorter
        if text:
            self.tokens.append(Token(Kind.TEXT, text, start))
        if found < 0:
            self.position = end
            return False
        self.position = inner + 2 if trims else inner
        if self.text.startswith("/*", self.position):
            return self.comment(found)
        return self.inside(found)

    def trims_left(self, position: int) -> bool:
        return self.text.startswith("-", position) and self.text[position + 1 : position + 2] in (*SPACE,)

    def comment(self, opened: int) -> bool:
        end = self.text.find("*/", self.position)
        if end < 0:
            raise self.fail("unclosed comment", opened)
        self.position = end + 2
        closed = self.close()
        if closed is None:
            raise self.fail("comment ends before closing delimiter", opened)
        return closed

    def close(self) -> bool | None:
        """Moves over the closing delimiter, if it stands here. Tells whether it trims."""
        if self.text[self.position : self.position + 1] in (*SPACE,) and self.text.startswith(
            "-" + self.right,
            self.position + 1,
        ):
            self.position += 2 + len(self.right)
            return True
        if self.text.startswith(self.right, self.position):
            self.position += len(self.right)
            return False
        return None

    def inside(self, opened: int) -> bool:
        self.tokens.append(Token(Kind.OPEN, self.left, opened))
        parens = 0
        while self.position < len(self.text):
            start = self.position
            closed = self.close()
            if closed is not None:
                if parens:
                    raise self.fail("unclosed left paren", start)
                self.tokens.append(Token(Kind.CLOSE, self.right, start))
                return closed
            parens += self.piece()
            if parens < 0:
                raise self.fail("unexpected right paren", start)
        raise self.fail("unclosed action", opened)

    def piece(self) -> int:
        """One token inside an action; what it adds to the count of open parentheses."""
        start = self.position
        match = PIECES.match(self.text, start)
        if match is None or match.lastgroup is None:
            raise self.fail(self.misfit(start), start)
        kind = Kind[match.lastgroup]
        text = match.group()
        end = match.end()
        if kind is Kind.SPACE:
            # A trim marker belongs to the delimiter that follows it, and takes one space with it.
            if self.text.startswith("-" + self.right, end) and len(text) > 1:
                end -= 1
                text = text[:-1]
        elif kind in WORDS:
            self.check_end(kind, end)
        self.position = end
        self.tokens.append(self.word(kind, text, start))
        return {"(": 1, ")": -1}.get(text, 0) if kind is Kind.SIGN else 0

    def misfit(self, start: int) -> str:
        sign = self.text[start]
        if sign == '"':
            return "unterminated quoted string"
        if sign == "`":
            return "unterminated raw quoted string"
        if sign == "'":
            return "unterminated character constant"
        if sign == ":":
            return "expected :="
        return f"unrecognized character in action: U+{ord(sign):04X}"

    def check_end(self, kind: Kind, end: int) -> None:
        after = self.text[end : end + 1]
        if after and after not in ENDS_WORD and not self.text.startswith(self.right, end):
            what = "bad number syntax" if kind is Kind.NUMBER else "bad character"
            raise self.fail(f"{what}: U+{ord(after):04X}", end)

    def word(self, kind: Kind, text: str, start: int) -> Token:
        if kind is Kind.NAME:
            if text in {"true", "false"}:
                kind = Kind.BOOL
            elif text in KEYWORDS:
                kind = Kind.KEYWORD
        return Token(kind, text, start)


def place(text: str, position: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset."""
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
