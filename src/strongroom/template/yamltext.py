"""Values as YAML and back, in the form and with the scalar rules of the library that Go's agents use."""

from __future__ import annotations

import base64
import math
import re
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.literal import whole
from strongroom.template.number import general
from strongroom.template.value import AnyMap, JsonNumber, Record, sorted_keys, type_name

WIDTH = 80
MAX_DEPTH = 100
MAX_NODES = 200_000
WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
DATE = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:(?:[Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2}))"
    r"|(?: [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?))?",
)
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


def resolve(text: str) -> Any:
    """What a plain scalar stands for: nothing, a truth value, a number, or itself."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    number = whole(digits)
    if number is not None and -(1 << 63) <= number < 1 << 64:
        return number
    if FLOAT.fullmatch(digits):
        return float(digits)
    return text


def is_plain_text(text: str) -> bool:
    """Whether a text stays a text when it is written without quotes."""
    return (
        isinstance(resolve(text), str)
        and text != "<<"
        and not DATE.fullmatch(text)
        and not SEXAGESIMAL.fullmatch(text)
    )


# Writing


def write(value: Any) -> str:
    """The text of a value, without the end of the last line."""
    lines: list[str] = []
    _Writer(lines).value(value, 0, "", depth=0)
    return "\n".join(lines)


class _Writer:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def value(self, value: Any, indent: int, lead: str, *, depth: int, in_map: bool = False) -> None:
        """Writes a value behind ``lead``, which is what its line begins with."""
        if depth > MAX_DEPTH:
            raise FunctionError("a value is nested too deeply")
        if isinstance(value, Record):
            value = {key.lower(): item for key, item in value.fields().items()}
        if isinstance(value, dict) and value:
            self.map(value, indent, lead, depth, in_map)
        elif isinstance(value, list) and value:
            self.list(value, indent, lead, depth, in_map)
        else:
            self.lines.append(lead + _scalar(value, indent, len(lead), key=False))

    def map(self, value: dict[Any, Any], indent: int, lead: str, depth: int, in_map: bool) -> None:
        if in_map:
            self.lines.append(lead.rstrip())
            lead = ""
        for key in sorted_keys(value):
            margin = lead or " " * indent
            lead = ""
            written = _scalar(key, indent, len(margin), key=True)
            self.value(value[key], indent + 2, f"{margin}{written}: ", depth=depth + 1, in_map=True)

    def list(self, value: list[Any], indent: int, lead: str, depth: int, in_map: bool) -> None:
        if in_map:
            self.lines.append(lead.rstrip())
            lead = ""
            indent -= 2
        for item in value:
            margin = lead or " " * indent
            lead = ""
            self.value(item, indent + 2, f"{margin}- ", depth=depth + 1)


def _scalar(value: Any, indent: int, column: int, *, key: bool) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case JsonNumber():
            number = resolve(str(value))
            whole_number = isinstance(number, int) and number < 1 << 63
            return str(value) if whole_number else _real(float(value))
        case str():
            return _text(value, indent, column, key=key)
        case float():
            return _real(value)
        case int():
            return str(int(value))
        case dict():
            return "{}"
        case list():
            return "[]"
    raise FunctionError(f"YAML has no {type_name(value)}")


def _real(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return general(value)


def _text(text: str, indent: int, column: int, *, key: bool) -> str:
    if any(0xDC80 <= ord(char) <= 0xDCFF for char in text):
        raw = text.encode("utf-8", "surrogateescape")
        return f"!!binary {base64.b64encode(raw).decode()}"
    traits = _Traits(text)
    if "\n" in text:
        if traits.block_allowed and not key:
            return _literal(text, indent)
        return _double(text, indent, column, key=key)
    if not is_plain_text(text):
        return _double(text, indent, column, key=key)
    if traits.plain_allowed:
        return _folded(text, indent, column, key=key)
    if traits.single_allowed:
        return "'" + _folded(text.replace("'", "''"), indent, column + 1, key=key, inside=True) + "'"
    return _double(text, indent, column, key=key)


def _is_printable(char: str) -> bool:
    code = ord(char)
    if code < 0xA0:
        return char == "\n" or 0x20 <= code <= 0x7E
    return code not in {0xFEFF, 0xFFFE, 0xFFFF}


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
        self.block_allowed = not (text.endswith(" ") or broken)

    @staticmethod
    def has_indicators(text: str) -> bool:
        """Signs that would begin something else than a text."""
        if text.startswith(("---", "...")) or text[:1] in set("#,[]{}&*!|>'\"%@`"):
            return True
        if text[:1] in {"?", ":", "-"} and (len(text) == 1 or text[1] in " \t" + BREAKS):
            return True
        return re.search(r":(?:[ \t]|$)|[ \t]#", text) is not None


def _folded(text: str, indent: int, column: int, *, key: bool, inside: bool = False) -> str:
    """A text broken at spaces where its line has become too long."""
    out: list[str] = []
    spaces = False
    for index, char in enumerate(text):
        if char != " ":
            spaces = False
            out.append(char)
            column += 1
            continue
        alone = not spaces and text[index + 1 : index + 2] != " "
        middle = 0 < index < len(text) - 1 or not inside
        if not key and alone and column > WIDTH and middle:
            out.append("\n" + " " * max(indent, 0))
            column = indent
        else:
            out.append(" ")
            column += 1
        spaces = True
    return "".join(out)


def _double(text: str, indent: int, column: int, *, key: bool) -> str:
    out = ['"']
    column += 1
    spaces = False
    for index, char in enumerate(text):
        if char == " " and not key and not spaces and column > WIDTH and 0 < index < len(text) - 1:
            out.append("\n" + " " * indent + ("\\" if text[index + 1] == " " else ""))
            column = indent
            spaces = True
            continue
        spaces = char == " "
        written = char if _is_printable(char) and char not in ESCAPES else _escape(char)
        out.append(written)
        column += len(written)
    return "".join((*out, '"'))


def _escape(char: str) -> str:
    if char in ESCAPES:
        return ESCAPES[char]
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _literal(text: str, indent: int) -> str:
    margin = " " * max(indent, 2)
    hint = "2" if text[0] in " " + BREAKS else ""
    if not text.endswith("\n"):
        hint += "-"
    elif text == "\n" or text.endswith("\n\n"):
        hint += "+"
    body = text.removesuffix("\n").split("\n")
    return "|" + hint + "".join("\n" + (margin + line if line else "") for line in body)


# Reading


def read(text: str) -> Any:
    """The value of the first document of a text; numbers and words are those of ``resolve``."""
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise FunctionError('YAML is read with PyYAML: pip install "strongroom[agent]"') from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise FunctionError("invalid YAML") from None
    return _Reader().value(root, 0) if root is not None else None


class _Reader:
    """Nodes into values; a text whose aliases multiply is refused."""

    def __init__(self) -> None:
        self.nodes = 0

    def value(self, node: Any, depth: int) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise FunctionError("the YAML text is too large")
        if node.id == "sequence":
            return [self.value(item, depth + 1) for item in node.value]
        if node.id == "mapping":
            return self.map(node, depth)
        if node.style is not None or node.tag == "tag:yaml.org,2002:str":
            return node.value if node.style is not None else self.plain(node)
        return self.plain(node)

    def plain(self, node: Any) -> Any:
        return resolve(node.value)

    def map(self, node: Any, depth: int) -> AnyMap:
        out = AnyMap()
        merges: list[Any] = []
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                merges.append(self.value(value_node, depth + 1))
                continue
            key = self.value(key_node, depth + 1)
            if isinstance(key, list | dict):
                raise FunctionError("invalid YAML: a key is no scalar")
            out[key] = self.value(value_node, depth + 1)
        for merge in merges:
            for mapping in merge if isinstance(merge, list) else [merge]:
                if isinstance(mapping, dict):
                    for key, value in mapping.items():
                        out.setdefault(key, value)
        return out
