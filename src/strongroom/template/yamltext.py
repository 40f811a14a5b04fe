"""Values as YAML, in the form in which the library that Go's agents use writes it."""

from __future__ import annotations

import base64
import math
import re
from functools import cmp_to_key
from typing import Any

from msgspec import Struct

from strongroom.template.errors import FunctionError
from strongroom.template.moment import Time
from strongroom.template.number import general
from strongroom.template.value import JsonNumber, NilPointer, Record, Walk, type_name
from strongroom.template.yamlscalar import is_plain_text, order, resolve

WIDTH = 80
STEP = 2
LONGEST_KEY = 128
BINARY_LINE = 70
ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\xa0": "\\_",
    "\u2028": "\\L",
    "\u2029": "\\P",
}
BREAKS = "\r\n\x85\u2028\u2029"


def write(value: Any) -> str:
    """The text of a value, without white space around it."""
    writer = _Writer()
    writer.node(value, -STEP, 0, in_map=False)
    return "".join(writer.out).strip()


class _Writer:
    """Keeps where on its line the next character will stand, which decides about spaces and new lines."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.column = 0
        self.spaced = True  # nothing, or white space, stands before
        self.fresh = True  # only white space and signs of structure stand on the line
        self.walk = Walk()

    # Characters

    def put(self, text: str) -> None:
        self.out.append(text)
        self.column += len(text)
        self.spaced = self.fresh = False

    def sign(self, sign: str, *, apart: bool, structure: bool = False) -> None:
        """A sign of YAML's: ``apart`` from what stands before; of the structure, or a part of a text."""
        fresh = self.fresh
        if apart and not self.spaced:
            self.put(" ")
        self.put(sign)
        self.fresh = fresh and structure

    def line(self, sign: str = "\n") -> None:
        self.out.append(sign)
        self.column = 0
        self.spaced = self.fresh = True

    def margin(self, indent: int) -> None:
        """Goes to a column, on a new line if something stands there."""
        if not self.fresh or self.column > indent or (self.column == indent and not self.spaced):
            self.line()
        self.out.append(" " * (indent - self.column))
        self.column = indent
        self.spaced = self.fresh = True

    # Structure

    def node(self, value: Any, indent: int, depth: int, *, in_map: bool) -> None:
        self.walk.visit(depth, value)
        if isinstance(value, Record) and value.json() is None:
            value = {key.lower(): item for key, item in value.fields().items()}
        if isinstance(value, dict) and value:
            self.map(value, indent + STEP, depth)
        elif isinstance(value, list) and value:
            self.list(value, indent if in_map and not self.fresh else indent + STEP, depth)
        else:
            self.scalar(_scalar(value), max(indent, 0) + STEP)

    def map(self, value: dict[Any, Any], indent: int, depth: int) -> None:
        for key in sorted(value, key=cmp_to_key(order)):
            self.margin(indent)
            scalar = _scalar(key)
            if scalar.is_simple():
                self.scalar(scalar, indent + STEP, key=True)
                self.sign(":", apart=False)
            else:
                self.sign("?", apart=True, structure=True)
                self.scalar(scalar, indent + STEP)
                self.margin(indent)
                self.sign(":", apart=True, structure=True)
            self.node(value[key], indent, depth + 1, in_map=True)

    def list(self, value: list[Any], indent: int, depth: int) -> None:
        for item in value:
            self.margin(indent)
            self.sign("-", apart=True, structure=True)
            self.node(item, indent, depth + 1, in_map=False)

    # Scalars

    def scalar(self, scalar: Scalar, indent: int, *, key: bool = False) -> None:
        if scalar.tag:
            self.sign(scalar.tag, apart=True)
        match scalar.style if scalar.style == "sign" else scalar.chosen(key=key):
            case "sign":
                self.sign(scalar.text, apart=True)
            case "plain":
                if scalar.text and not self.spaced:
                    self.put(" ")
                self.flow(scalar.text, indent, breaks=not key)
            case "single":
                self.sign("'", apart=True)
                self.flow(scalar.text, indent, breaks=not key, quoted=True)
                self.sign("'", apart=False)
            case "double":
                self.sign('"', apart=True)
                self.double(scalar.text, indent, breaks=not key)
                self.sign('"', apart=False)
            case _:
                self.literal(scalar.text, indent)

    def flow(self, text: str, indent: int, *, breaks: bool, quoted: bool = False) -> None:
        """A text without escapes, broken at single spaces where its line has become too long."""
        spaces = broken = False
        for index, char in enumerate(text):
            if char == " ":
                single = not spaces and text[index + 1 : index + 2] != " "
                middle = 0 < index < len(text) - 1 or not quoted
                if breaks and single and middle and self.column > WIDTH:
                    self.margin(indent)
                else:
                    self.put(char)
            elif char in BREAKS:
                if not broken and char == "\n":
                    self.line()
                self.line(char)
            else:
                if broken:
                    self.margin(indent)
                self.put("''" if quoted and char == "'" else char)
            spaces, broken = char == " ", char in BREAKS

    def double(self, text: str, indent: int, *, breaks: bool) -> None:
        marked = text.startswith("\ufeff")  # then all is escaped
        spaces = False
        for index, char in enumerate(text):
            if marked or char in BREAKS or char in '"\\' or not _is_printable(char):
                self.put(_escape(char))
                spaces = False
                continue
            middle = 0 < index < len(text) - 1
            if char == " " and breaks and not spaces and middle and self.column > WIDTH:
                self.margin(indent)
                if text[index + 1] == " ":
                    self.put("\\")
            else:
                self.put(char)
            spaces = char == " "

    def literal(self, text: str, indent: int) -> None:
        hint = str(STEP) if text[0] in " " + BREAKS else ""
        if text[-1] not in BREAKS:
            hint += "-"
        elif len(text) == 1 or text[-2] in BREAKS:
            hint += "+"
        self.sign("|" + hint, apart=True)
        self.line()
        broken = True
        for char in text:
            if char in BREAKS:
                self.line(char)
            else:
                if broken:
                    self.margin(indent)
                self.put(char)
            broken = char in BREAKS


class Scalar(Struct):
    """A text to write, the style that would be liked for it, and a tag if it needs one."""

    text: str
    style: str = "plain"
    tag: str = ""

    def is_simple(self) -> bool:
        """Whether it can stand before a colon."""
        size = len((self.text + self.tag).encode("utf-8", "surrogateescape"))
        return size <= LONGEST_KEY and not any(char in BREAKS for char in self.text)

    def chosen(self, *, key: bool) -> str:
        """The style in which it can be written."""
        traits = _Traits(self.text)
        style = self.style
        if style == "plain" and (not traits.plain_allowed or (not self.text and key)):
            style = "single"
        if style == "single" and not traits.single_allowed:
            style = "double"
        return "double" if style == "literal" and (key or not traits.block_allowed) else style


def _scalar(value: Any) -> Scalar:
    match value:
        case None | NilPointer():
            return Scalar("null")
        case bool():
            return Scalar("true" if value else "false")
        case JsonNumber():
            number = resolve(str(value))
            is_whole = isinstance(number, int) and number < 1 << 63
            return Scalar(str(value) if is_whole else _real(float(value)))
        case str():
            return _text(str(value))
        case float():
            return Scalar(_real(value))
        case int():
            return Scalar(str(int(value)))
    return _other(value)


def _other(value: Any) -> Scalar:
    """What is no scalar of its own: empty collections, and records that are texts."""
    match value:
        case Time():
            return Scalar(value.json())
        case Record():
            return _text(value.json() or "")
        case dict():
            return Scalar("{}", "sign")
        case list():
            return Scalar("[]", "sign")
    raise FunctionError(f"YAML has no {type_name(value)}")


def _text(text: str) -> Scalar:
    if any("\udc80" <= char <= "\udcff" for char in text):
        encoded = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
        lines = [encoded[at : at + BINARY_LINE] for at in range(0, len(encoded), BINARY_LINE)]
        if len(encoded) < BINARY_LINE:
            return Scalar(encoded, "plain", "!!binary")
        return Scalar("\n".join([*lines, ""]), "literal", "!!binary")
    if "\n" in text:
        return Scalar(text, "literal")
    return Scalar(text, "plain" if is_plain_text(text) else "double")


def _real(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return general(value)


def _is_printable(char: str) -> bool:
    code = ord(char)
    if code < 0xA0:
        return char == "\n" or 0x20 <= code <= 0x7E
    return code <= 0xFFFF and code not in {0xFEFF, 0xFFFE, 0xFFFF}


def _escape(char: str) -> str:
    if char in ESCAPES:
        return ESCAPES[char]
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


class _Traits:
    """Which styles a text can be written in."""

    def __init__(self, text: str) -> None:
        special = any(not _is_printable(char) for char in text)
        breaks = any(char in BREAKS for char in text)
        break_space = re.search(rf"[{BREAKS}] ", text) is not None
        space_break = re.search(rf" [{BREAKS}]", text) is not None
        edges = text[:1] in {" ", *BREAKS} or text[-1:] in {" ", *BREAKS}
        broken = space_break or special
        self.plain_allowed = not (edges or break_space or broken or breaks or self.has_indicators(text))
        self.single_allowed = not (break_space or broken)
        self.block_allowed = bool(text) and not (text.endswith(" ") or broken)

    @staticmethod
    def has_indicators(text: str) -> bool:
        """Signs that would begin something else than a text."""
        if text.startswith(("---", "...")) or text[:1] in set("#,[]{}&*!|>'\"%@`"):
            return True
        if text[:1] in {"?", ":", "-"} and (len(text) == 1 or text[1] in " \t"):
            return True
        return re.search(rf":(?:[ \t]|$)|[ \t{BREAKS}]#", text) is not None
