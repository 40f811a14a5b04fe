"""JSON in the shape of HCL: the same tree, so that readers of policies and configurations need one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from strongroom.hcl.error import ParseError
from strongroom.hcl.lexer import MAX_DEPTH, MAX_TOKENS, Kind, Source, Token
from strongroom.hcl.node import Item, Key, List, Literal, Node, Object, Scalar

_TOKEN = re.compile(
    r"""[ \t\r\n\ufeff]*(?:
    (?P<mark>[{}\[\],:])
  | (?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")
  | (?P<number>-?(?:0|[1-9]\d{0,60})(?:\.\d{1,60})?(?:[eE][+-]?\d{1,6})?(?![\w.]))
  | (?P<word>true|false|null)(?!\w)
  | (?P<end>\Z)
)""",
    re.VERBOSE | re.ASCII,
)
_KINDS = {
    "{": Kind.OPEN,
    "}": Kind.CLOSE,
    "[": Kind.LIST,
    "]": Kind.LIST_END,
    ",": Kind.COMMA,
    ":": Kind.COLON,
    "true": Kind.BOOL,
    "false": Kind.BOOL,
    "null": Kind.NULL,
}
_GROUPS = {"string": Kind.STRING, "number": Kind.NUMBER, "end": Kind.END}


def parse(text: str) -> Object:
    """The tree of a JSON object. ``null`` counts as an empty string, as in HCL1. Raises ParseError."""
    return _Parser(Source(text)).document()


def _tokens(source: Source) -> Iterator[Token]:
    offset = 0
    for _ in range(MAX_TOKENS):
        match = _TOKEN.match(source.text, offset)
        if match is None:
            raise source.error("illegal character or literal", _first_visible(source.text, offset))
        group = match.lastgroup or "end"
        kind = _GROUPS.get(group) or _KINDS[match[group]]
        yield Token(kind, match.start(group), match.end(group))
        offset = match.end()
    raise source.error("text has too many parts", offset)


def _first_visible(text: str, offset: int) -> int:
    return len(text) - len(text[offset:].lstrip(" \t\r\n\ufeff"))


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = _tokens(source)
        self._depth = 0
        self._next = next(self._tokens)

    def document(self) -> Object:
        if not self._at(Kind.OPEN):
            raise self._unexpected(Kind.OPEN)
        tree = self._object()
        if not self._at(Kind.END):
            raise self._unexpected(Kind.END)
        return tree

    def _take(self) -> Token:
        token = self._next
        self._next = next(self._tokens)
        return token

    def _at(self, kind: Kind) -> bool:
        return self._next.kind is kind

    def _unexpected(self, wanted: str) -> ParseError:
        return self._source.error(f"expected {wanted}, got {self._next.kind}", self._next.start)

    def _expect(self, kind: Kind) -> Token:
        if not self._at(kind):
            raise self._unexpected(kind)
        return self._take()

    def _value(self) -> Node:
        if self._at(Kind.OPEN):
            return self._object()
        if self._at(Kind.LIST):
            return self._list()
        return self._literal()

    def _literal(self) -> Literal:
        if self._next.kind not in (Kind.STRING, Kind.NUMBER, Kind.BOOL, Kind.NULL):
            raise self._unexpected("a value")
        value = self._scalar(self._next)
        line, column = self._source.position(self._take().start)
        return Literal(value, type(value), "", line, column, line)

    def _scalar(self, token: Token) -> Scalar:
        try:
            value: Scalar | None = orjson.loads(self._source.text[token.start : token.end])
        except orjson.JSONDecodeError:
            raise self._source.error(f"illegal {token.kind}", token.start) from None
        return "" if value is None else value

    def _object(self) -> Object:
        line, column = self._open()
        items: list[Item] = []
        while self._more(Kind.CLOSE, first=not items):
            place = self._source.position(self._next.start)
            name = str(self._scalar(self._expect(Kind.STRING)))
            self._expect(Kind.COLON)
            items.append(Item((Key(name, True, *place),), self._value(), assigned=True))
        return Object(tuple(items), (), line, column, self._close())

    def _list(self) -> List:
        line, column = self._open()
        items: list[Node] = []
        while self._more(Kind.LIST_END, first=not items):
            items.append(self._value())
        return List(tuple(items), (), line, column, self._close())

    def _more(self, end: Kind, *, first: bool) -> bool:
        if self._at(end):
            return False
        if not first:
            self._expect(Kind.COMMA)
        return True

    def _open(self) -> tuple[int, int]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._source.error("nested too deeply", self._next.start)
        return self._source.position(self._take().start)

    def _close(self) -> int:
        self._depth -= 1
        line, _ = self._source.position(self._take().start)
        return line
