"""Names of accounts made from a template: ``v-{{.RoleName | truncate 8}}-{{random 20}}``.

The language is the part of Go's text/template that such names are written in: fields, strings, numbers,
parentheses, pipes, and these functions.

=====================  ======================================================
``random 20``          as many random letters and digits
``uuid``               a random UUID
``unix_time``          seconds since 1970; ``unix_time_millis`` milliseconds
``timestamp "2006"``   the time (UTC), in Go's way to write layouts
``truncate 8``         the first 8 characters
``truncate_sha256 8``  as ``truncate``; what is too long ends in 8 digits of its hash
``uppercase``          and ``lowercase``
``replace "-" "_"``    the first everywhere replaced by the second
``sha256``             the hash, in hexadecimal
``base64``             the text in base64
``printf "%s-%s"``     values put into a format: ``%s``, ``%d``, ``%v``
=====================  ======================================================
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.crypto.entropy import base62, uuid4_str
from strongroom.errors import BadRequest
from strongroom.logical import SECOND

MAX_LENGTH = 4096
"""Characters of a template, of what is random in a name, and of a name."""
_MAX_DEPTH = 16
_HASH_DIGITS = 8


class BadTemplate(BadRequest):
    """The template cannot be understood, or cannot be carried out."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What a name is made from."""

    fields: Mapping[str, str]
    now: int


Value = str | int
_Node = Callable[[_Given], Value]

_ACTION = re.compile(r"(?:\s*\{\{- |\{\{)(.*?)(?: -\}\}\s*|\}\})", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<field>\.\w+)|(?P<number>-?\d+)|(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<sign>[()|]))""",
    re.DOTALL,
)


class NameTemplate:
    """A template, understood when it is made; ``what`` it names. Raises :class:`BadTemplate`."""

    def __init__(self, text: str, *, what: str = "name") -> None:
        try:
            self._pieces = self._parsed(text)
        except BadTemplate as error:
            raise BadTemplate(f"unable to initialize {what} template: {error.public}") from None

    def _parsed(self, text: str) -> list[_Node]:
        if len(text) > MAX_LENGTH:
            raise BadTemplate(f"a template has at most {MAX_LENGTH} characters")
        pieces: list[_Node] = []
        position = 0
        for action in _ACTION.finditer(text):
            pieces += _literal(text[position : action.start()])
            pieces.append(_Parser(action[1]).whole())
            position = action.end()
        return pieces + _literal(text[position:])

    def render(self, now: int, **fields: str) -> str:
        """A name; ``now`` is nanoseconds since the epoch. Raises BadTemplate for one that is too long."""
        given = _Given(fields, now)
        name = "".join(str(piece(given)) for piece in self._pieces)
        if len(name) > MAX_LENGTH:
            raise BadTemplate(f"the template makes a name of more than {MAX_LENGTH} characters")
        return name


def _literal(text: str) -> list[_Node]:
    if "{{" in text:
        raise BadTemplate("unable to parse template: unclosed action")
    return [lambda _: text] if text else []


class _Parser:
    """One action: pipelines of commands, a command a function with its arguments or a value."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._position = 0
        self._depth = 0

    def whole(self) -> _Node:
        node = self._pipeline()
        if self._position < len(self._tokens):
            raise BadTemplate("unable to parse template: unexpected )")
        return node

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")

    def _pipeline(self) -> _Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BadTemplate("unable to parse template: nested too deeply")
        node = self._command(None)
        while self._next() == ("sign", "|"):
            self._position += 1
            node = self._command(node)
        self._depth -= 1
        return node

    def _command(self, piped: _Node | None) -> _Node:
        kind, text = self._next()
        if kind == "word":
            self._position += 1
            arguments = self._operands()
            return _call(text, arguments + ([piped] if piped else []))
        operands = self._operands()
        if len(operands) != 1 or piped is not None:
            raise BadTemplate("unable to parse template: a function is expected")
        return operands[0]

    def _operands(self) -> list[_Node]:
        found: list[_Node] = []
        while (node := self._operand()) is not None:
            found.append(node)
        return found

    def _operand(self) -> _Node | None:
        kind, text = self._next()
        if kind == "end" or (kind, text) in {("sign", "|"), ("sign", ")")}:
            return None
        self._position += 1
        if kind == "sign":
            inner = self._pipeline()
            if self._next() != ("sign", ")"):
                raise BadTemplate("unable to parse template: unclosed left parenthesis")
            self._position += 1
            return inner
        if kind == "word":
            return _call(text, [])
        return _value(kind, text)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or token.lastgroup is None:
            raise BadTemplate("unable to parse template: unexpected character in an action")
        found.append((token.lastgroup, token[token.lastgroup]))
        position = token.end()
    if not found:
        raise BadTemplate("unable to parse template: missing value for command")
    return found


def _value(kind: str, text: str) -> _Node:
    if kind == "field":
        return lambda given: _field(given, text[1:])
    if kind == "number":
        number = int(text) if len(text) <= 10 else MAX_LENGTH + 1
        return lambda _: number
    plain = text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", r"\1", text[1:-1])
    return lambda _: plain


def _field(given: _Given, name: str) -> Value:
    if name not in given.fields:
        raise BadTemplate(f"unable to apply template: there is no field {name}")
    return given.fields[name]


def _call(name: str, arguments: list[_Node]) -> _Node:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise BadTemplate(f'unable to parse template: function "{name}" not defined')
    work, least, most = function
    if not least <= len(arguments) <= most:
        raise BadTemplate(f"unable to parse template: wrong number of arguments for {name}")
    return lambda given: work(given, *(argument(given) for argument in arguments))


# -- functions -----------------------------------------------------------------------------------


def _count(value: Value) -> int:
    if not isinstance(value, int) or not 0 < value <= MAX_LENGTH:
        raise BadTemplate(f"unable to apply template: a number from 1 to {MAX_LENGTH} is expected")
    return value


def _truncate_sha256(given: _Given, length: Value, text: Value) -> str:
    limit, text = _count(length), str(text)
    if limit <= _HASH_DIGITS:
        raise BadTemplate(f"unable to apply template: truncate_sha256 keeps more than {_HASH_DIGITS}")
    if len(text) <= limit:
        return text
    kept = limit - _HASH_DIGITS
    return text[:kept] + hashlib.sha256(text[kept:].encode()).hexdigest()[:_HASH_DIGITS]


_LAYOUT = {
    "January": "%B", "Jan": "%b", "Monday": "%A", "Mon": "%a", "MST": "UTC", "2006": "%Y", "01": "%m",
    "02": "%d", "15": "%H", "03": "%I", "04": "%M", "05": "%S", "06": "%y", "PM": "%p",
    "Z07:00": "Z", "-07:00": "+00:00", "-0700": "+0000",
}  # fmt: skip
_LAYOUT_PART = re.compile("|".join(re.escape(part) for part in sorted(_LAYOUT, key=len, reverse=True)))


def _timestamp(given: _Given, layout: Value) -> str:
    moment = datetime.fromtimestamp(given.now // SECOND, UTC)
    return _LAYOUT_PART.sub(lambda part: moment.strftime(_LAYOUT[part[0]]), str(layout))


def _printf(given: _Given, form: Value, *values: Value) -> str:
    left = list(values)

    def put(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[0] not in {"%s", "%d", "%v"} or not left:
            raise BadTemplate("unable to apply template: the format and its values do not fit")
        return str(left.pop(0))

    made = re.sub(r"%.?", put, str(form), flags=re.DOTALL)
    if left:
        raise BadTemplate("unable to apply template: the format and its values do not fit")
    return made


def _sha256(given: _Given, text: Value) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def _replace(given: _Given, old: Value, new: Value, text: Value) -> str:
    return str(text).replace(str(old), str(new))[: MAX_LENGTH + 1]


_Function = tuple[Callable[..., Value], int, int]

_FUNCTIONS: dict[str, _Function] = {
    "base64": (lambda _, text: base64.b64encode(str(text).encode()).decode(), 1, 1),
    "lowercase": (lambda _, text: str(text).lower(), 1, 1),
    "printf": (_printf, 1, 32),
    "random": (lambda _, length: base62(_count(length)), 1, 1),
    "replace": (_replace, 3, 3),
    "sha256": (_sha256, 1, 1),
    "timestamp": (_timestamp, 1, 1),
    "truncate": (lambda _, length, text: str(text)[: _count(length)], 2, 2),
    "truncate_sha256": (_truncate_sha256, 2, 2),
    "unix_time": (lambda given: str(given.now // SECOND), 0, 0),
    "unix_time_millis": (lambda given: str(given.now // 1_000_000), 0, 0),
    "uppercase": (lambda _, text: str(text).upper(), 1, 1),
    "uuid": (lambda _: uuid4_str(), 0, 0),
}
"""Name to work, and how many arguments it takes."""
