"""HCL1, and JSON of the same shape, into a tree with positions."""

from __future__ import annotations

from strongroom.hcl import jsonform
from strongroom.hcl.error import ParseError
from strongroom.hcl.lexer import MAX_DEPTH, Kind, Source, Token, heredoc, number, tokens, unquote
from strongroom.hcl.node import Comment, Item, Key, List, Literal, Node, Object, Scalar

_KEYS = (Kind.IDENT, Kind.STRING)


def parse(text: str) -> Object:
    """The tree of a text; one that begins with ``{`` is read as JSON.

    Raises ParseError for anything else, for texts above a mebibyte and for nesting deeper than
    a hundred levels.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return jsonform.parse(text)
    return _Parser(Source(text)).document()


class _Parser:
    """Recursive descent with one token of look-ahead; comments go to the innermost open body."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._comments: list[list[Comment]] = [[]]
        self._next = self._advance()

    def document(self) -> Object:
        items = self._items(Kind.END)
        end_line, _ = self._source.position(self._next.end)
        return Object(items, tuple(self._comments.pop()), 1, 1, end_line)

    def _advance(self) -> Token:
        for token in self._tokens:
            if token.kind is not Kind.COMMENT:
                self._next = token
                return token
            line, column = self._source.position(token.start)
            text = self._source.text[token.start : token.end].rstrip()
            self._comments[-1].append(Comment(text, line, column, line + text.count("\n")))
        return self._next

    def _at(self, kind: Kind) -> bool:
        return self._next.kind is kind

    def _unexpected(self, wanted: str) -> ParseError:
        return self._source.error(f"expected {wanted}, got {self._next.kind}", self._next.start)

    def _items(self, end: Kind) -> tuple[Item, ...]:
        items: list[Item] = []
        while not self._at(end):
            items.append(self._item(end))
            if self._at(Kind.COMMA):
                self._advance()
        return tuple(items)

    def _item(self, end: Kind) -> Item:
        keys: list[Key] = []
        while self._next.kind in _KEYS:
            keys.append(self._key())
        if not keys:
            raise self._unexpected(f"a key or {end}")
        if self._at(Kind.OPEN):
            return Item(tuple(keys), self._object())
        if not self._at(Kind.ASSIGN) or len(keys) > 1:
            raise self._unexpected("{" if len(keys) > 1 else "{ or =")
        self._advance()
        return Item(tuple(keys), self._value(), assigned=True)

    def _key(self) -> Key:
        token = self._next
        line, column = self._source.position(token.start)
        quoted = token.kind is Kind.STRING
        name = unquote(self._source, token) if quoted else self._source.text[token.start : token.end]
        self._advance()
        return Key(name, quoted, line, column)

    def _value(self) -> Node:
        if self._at(Kind.OPEN):
            return self._object()
        if self._at(Kind.LIST):
            return self._list()
        return self._literal()

    def _literal(self) -> Literal:
        token = self._next
        value: Scalar
        match token.kind:
            case Kind.STRING:
                value = unquote(self._source, token)
            case Kind.HEREDOC:
                value = heredoc(self._source.text[token.start : token.end])
            case Kind.NUMBER:
                value = number(self._source, token)
            case Kind.BOOL:
                value = self._source.text[token.start : token.end] == "true"
            case _:
                raise self._unexpected("a value")
        self._advance()
        line, column = self._source.position(token.start)
        end_line, _ = self._source.position(token.end)
        spelling = self._source.text[token.start : token.end]
        return Literal(value, type(value), spelling, line, column, end_line)

    def _object(self) -> Object:
        line, column = self._open()
        items = self._items(Kind.CLOSE)
        comments, end_line = self._close()
        return Object(items, comments, line, column, end_line)

    def _list(self) -> List:
        line, column = self._open()
        elements: list[Node] = []
        while not self._at(Kind.LIST_END):
            elements.append(self._value())
            if self._at(Kind.COMMA):
                self._advance()
            elif not self._at(Kind.LIST_END):
                raise self._unexpected(f"a comma or {Kind.LIST_END}")
        comments, end_line = self._close()
        return List(tuple(elements), comments, line, column, end_line)

    def _open(self) -> tuple[int, int]:
        if len(self._comments) > MAX_DEPTH:
            raise self._source.error("nested too deeply", self._next.start)
        place = self._source.position(self._next.start)
        self._comments.append([])
        self._advance()
        return place

    def _close(self) -> tuple[tuple[Comment, ...], int]:
        end_line, _ = self._source.position(self._next.start)
        comments = tuple(self._comments.pop())
        self._advance()
        return comments, end_line
