"""Values as text: Go's ``fmt``, with its verbs, flags, widths and its marks where they do not fit."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from strongroom.template.duration import duration_text
from strongroom.template.errors import FunctionError
from strongroom.template.literal import quote, quote_character
from strongroom.template.number import binary, fixed, general, hexadecimal, scientific
from strongroom.template.value import (
    NIL,
    Duration,
    List,
    Map,
    NilMap,
    NilPointer,
    Record,
    Sized,
    Walk,
    kind,
    sorted_keys,
    type_name,
)

NAMES: dict[str, Callable[[int], str]] = {
    "time.Month": lambda number: calendar.month_name[number],
    "time.Weekday": lambda number: calendar.day_name[(number - 1) % 7],
}
LARGEST_WIDTH = 1_000_000
LARGEST_TEXT = 32 << 20
ADDRESS = "0xc000000000"  # of what is behind a pointer: no two runs have one in common


class Verb(Struct):
    """One directive of a format: ``%-8.3f``."""

    letter: str = "v"
    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None
    names: bool = False  # %+v
    syntax: bool = False  # %#v
    raw: bool = False  # without the forms that types have of their own
    walk: Walk = field(default_factory=Walk)


def show(value: Any) -> str:
    """A value as a template writes it."""
    if value is None or value is NIL:
        return "<no value>"
    if type(value) is str:
        return value
    return print_value(value, Verb(), inner=isinstance(value, Record))


def sprint(values: Sequence[Any]) -> str:
    """``print``: values side by side, with a space where neither is a string."""
    out: list[str] = []
    before_text = True
    for index, value in enumerate(values):
        is_text = isinstance(value, str)
        if index and not is_text and not before_text:
            out.append(" ")
        out.append(print_value(value, Verb()))
        before_text = is_text
    return "".join(out)


def sprintln(values: Sequence[Any]) -> str:
    """``println``: values with a space between them, and a line's end."""
    return " ".join(print_value(value, Verb()) for value in values) + "\n"


def sprintf(layout: str, values: Sequence[Any]) -> str:
    """``printf``: the layout, with each directive replaced by a value."""
    return _Layout(layout, values).run()


class _Layout:
    def __init__(self, layout: str, values: Sequence[Any]) -> None:
        self.layout = layout
        self.values = values
        self.position = 0
        self.next = 0
        self.reordered = False
        self.bad_index = False
        self.out: list[str] = []

    def run(self) -> str:
        size = 0
        while True:
            start = self.layout.find("%", self.position)
            if start < 0:
                break
            self.out.append(self.layout[self.position : start])
            self.position = start + 1
            self.directive()
            size += len(self.out[-1])
            if size > LARGEST_TEXT:
                raise FunctionError("a text is too large")
        self.out.append(self.layout[self.position :])
        if not self.reordered and self.next < len(self.values):
            extra = ", ".join(
                "<nil>" if value is None else f"{type_name(value)}={print_value(value, Verb())}"
                for value in self.values[self.next :]
            )
            self.out.append(f"%!(EXTRA {extra})")
        return "".join(self.out)

    def peek(self) -> str:
        return self.layout[self.position : self.position + 1]

    def directive(self) -> None:
        verb = Verb()
        self.bad_index = False
        self.flags(verb)
        indexed = self.index()
        self.width(verb)
        if self.peek() == "." and self.position + 1 < len(self.layout):
            self.position += 1
            if indexed:
                self.bad_index = True
            indexed = self.index()
            self.precision(verb)
        if not indexed:
            self.index()
        letter = self.peek()
        if not letter:
            self.out.append("%!(NOVERB)")
            return
        self.position += 1
        verb.letter = letter
        if letter in "vw":
            verb.names, verb.syntax, verb.plus, verb.sharp = verb.plus, verb.sharp, False, False
        self.out.append(self.one(verb))

    def flags(self, verb: Verb) -> None:
        names = {"+": "plus", "-": "minus", "#": "sharp", " ": "space", "0": "zero"}
        while self.peek() in names and self.peek():
            setattr(verb, names[self.peek()], True)
            self.position += 1

    def index(self) -> bool:
        """``[2]``: which value the next star or verb takes."""
        if self.peek() != "[":
            return False
        self.reordered = True
        end = self.layout.find("]", self.position)
        digits = self.layout[self.position + 1 : end] if end > 0 else ""
        if not digits.isdecimal() or not 1 <= int(digits[:7]) <= len(self.values):
            self.bad_index = True
            self.position = end + 1 if end > 0 else self.position + 1
            return True
        self.next = int(digits) - 1
        self.position = end + 1
        return True

    def star(self) -> int | None:
        """A width or precision that is a value itself."""
        self.position += 1
        value = self.values[self.next] if self.next < len(self.values) else None
        self.next += self.next < len(self.values)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WIDTH:
            return value
        return None

    def digits(self) -> int | None:
        start = self.position
        while self.peek().isdecimal() and self.peek().isascii():
            self.position += 1
        return int(self.layout[start : self.position]) if self.position > start else None

    def width(self, verb: Verb) -> None:
        if self.peek() == "*":
            verb.width = self.star()
            if verb.width is None:
                self.out.append("%!(BADWIDTH)")
            elif verb.width < 0:
                verb.width, verb.minus = -verb.width, True
            return
        verb.width = self.digits()
        if verb.width is not None and verb.width > LARGEST_WIDTH:
            verb.width = None
            self.out.append("%!(BADWIDTH)")

    def precision(self, verb: Verb) -> None:
        if self.peek() == "*":
            verb.precision = self.star()
            if verb.precision is None or verb.precision < 0:
                verb.precision = None
                self.out.append("%!(BADPREC)")
            return
        verb.precision = self.digits() or 0
        if verb.precision > LARGEST_WIDTH:
            verb.precision = None
            self.out.append("%!(BADPREC)")

    def one(self, verb: Verb) -> str:
        if verb.letter == "%":
            return "%"
        if self.bad_index:
            return f"%!{verb.letter}(BADINDEX)"
        if self.next >= len(self.values):
            return f"%!{verb.letter}(MISSING)"
        value = self.values[self.next]
        self.next += 1
        return print_value(value, verb)


def print_value(value: Any, verb: Verb, *, inner: bool = False, depth: int = 0) -> str:
    """One value under one verb. ``inner``: a struct is written without the mark of its pointer."""
    if depth:
        verb.walk.visit(depth, value)
    if value is None or value is NIL:
        return _nil(verb, depth)
    if verb.letter == "T":
        return pad(_cut(type_name(value), verb), verb)
    if verb.letter == "p" or (verb.letter == "w" and not depth):
        return mismatch(value, verb)
    special = _special(value, verb)
    if special is not None:
        return pad(special, verb) if verb.syntax else _text(special, verb)
    if isinstance(value, list | dict | Record):
        return _compound(value, verb, inner, depth)
    if isinstance(value, NilPointer):
        return pad(f"(*{value.go_type})(nil)" if verb.syntax else "<nil>", verb)
    write = _SCALARS[kind(value)]
    return write(value, verb)


def _nil(verb: Verb, depth: int) -> str:
    if depth:
        return "interface {}(nil)" if verb.syntax else "<nil>"
    if verb.letter == "v":
        return pad("<nil>", verb)
    if verb.letter == "T":
        return pad("<nil>", verb)
    return f"%!{verb.letter}(<nil>)"


def _special(value: Any, verb: Verb) -> str | None:
    """Types that know how they are printed."""
    if verb.syntax:
        return value.syntax() if isinstance(value, Record) else None
    if verb.raw or verb.letter not in "vsqxX":
        return None
    if isinstance(value, Duration):
        return duration_text(value)
    if isinstance(value, Sized) and value.go_type in NAMES:
        return NAMES[value.go_type](value)
    return value.text() if isinstance(value, Record) else None


def mismatch(value: Any, verb: Verb) -> str:
    """The mark of a verb that does not fit its value."""
    if value is None:
        return f"%!{verb.letter}(<nil>)"
    plain = replace(verb, letter="v", raw=True)
    return f"%!{verb.letter}({type_name(value)}={print_value(value, plain)})"


def pad(text: str, verb: Verb) -> str:
    """Fills up to the width with spaces, or with zeros in front."""
    if verb.width is None or len(text) >= verb.width:
        return text
    if verb.minus:
        return text.ljust(verb.width)
    return text.rjust(verb.width, "0" if verb.zero else " ")


def _cut(text: str, verb: Verb) -> str:
    return text if verb.precision is None else text[: verb.precision]


# Scalars


def _bool(value: bool, verb: Verb) -> str:
    if verb.letter in "tv":
        return pad("true" if value else "false", verb)
    return mismatch(value, verb)


def _text(value: str, verb: Verb) -> str:
    match verb.letter:
        case "v" if verb.syntax:
            return pad(quote(_cut(value, verb)), verb)
        case "v" | "s":
            return pad(_cut(str(value), verb), verb)
        case "q":
            cut = _cut(value, verb)
            raw = verb.sharp and "`" not in cut and cut.isprintable()
            return pad(f"`{cut}`" if raw else _ascii(quote(cut), verb), verb)
        case "x" | "X":
            return pad(_hex(_cut_bytes(value, verb), verb), verb)
    return mismatch(value, verb)


def _ascii(quoted: str, verb: Verb) -> str:
    if not verb.plus:
        return quoted
    return "".join(
        char if char.isascii() else f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
        for char in quoted
    )


def _cut_bytes(text: str, verb: Verb) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return raw if verb.precision is None else raw[: verb.precision]


def _hex(raw: bytes, verb: Verb) -> str:
    if verb.space:
        prefix = f"0{verb.letter}" if verb.sharp else ""
        text = " ".join(prefix + f"{byte:02x}" for byte in raw)
    else:
        text = (f"0{verb.letter}" if verb.sharp and raw else "") + raw.hex()
    return text.upper() if verb.letter == "X" else text


_BASES = {"b": "b", "o": "o", "O": "o", "d": "d", "x": "x", "X": "X", "v": "d"}


def _integer(value: int, verb: Verb) -> str:
    if verb.letter in _BASES:
        return _in_base(value, verb)
    if verb.letter == "c":
        return pad(chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000 else "�", verb)
    if verb.letter == "q":
        return pad(_ascii(quote_character(value), verb), verb)
    if verb.letter == "U":
        text = f"U+{value:04X}"
        shown = verb.sharp and 0 <= value <= 0x10FFFF and chr(value).isprintable()
        return pad(f"{text} '{chr(value)}'" if shown else text, verb)
    return mismatch(value, verb)


def _in_base(value: int, verb: Verb) -> str:
    letter = verb.letter
    sharp = verb.sharp
    if verb.syntax:
        unsigned = isinstance(value, Sized) and not value.signed
        letter, sharp = ("x", True) if unsigned else ("d", False)
    digits = format(abs(int(value)), _BASES[letter])
    if verb.precision == 0 == value:
        return " " * (verb.width or 0)
    if verb.precision is not None:
        digits = digits.rjust(verb.precision, "0")
    sign = "-" if value < 0 else "+" if verb.plus else " " if verb.space else ""
    prefix = ""
    if letter == "O":
        prefix = "0o"
    elif sharp:
        prefix = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(letter, "")
        prefix = "" if letter == "o" and digits.startswith("0") else prefix
    if verb.zero and not verb.minus and verb.precision is None and verb.width is not None:
        digits = digits.rjust(verb.width - len(sign), "0")
        return sign + prefix + digits
    return pad(sign + prefix + digits, Verb(width=verb.width, minus=verb.minus))


def _float(value: float, verb: Verb) -> str:
    text = _digits(value, verb)
    if text is None:
        return mismatch(value, verb)
    sign = "-" if text.startswith("-") else "+"
    text = text.lstrip("+-")
    sign = " " if sign == "+" and verb.space and not verb.plus else sign
    if not math.isfinite(value):
        signed = sign != "+" or verb.plus or (math.isinf(value) and not verb.space)
        return pad(sign + text if signed else text, Verb(width=verb.width, minus=verb.minus))
    if verb.sharp and verb.letter != "b":
        text = _with_point(text, verb)
    if sign == "+" and not verb.plus:
        return pad(text, verb)
    if verb.zero and not verb.minus and verb.width is not None:
        return sign + text.rjust(verb.width - 1, "0")
    return pad(sign + text, verb)


def _digits(value: float, verb: Verb) -> str | None:
    """A real number under a verb, without regard to its flags; None where the verb does not fit."""
    letter = verb.letter
    places = 6 if verb.precision is None else verb.precision
    match letter:
        case "v" | "g" | "G":
            text = general(value, verb.precision)
        case "f" | "F":
            text = fixed(value, places)
        case "e" | "E":
            text = scientific(value, places)
        case "x" | "X":
            text = hexadecimal(value, verb.precision)
        case "b":
            text = binary(value)
        case _:
            return None
    return text.upper() if letter in "GEX" and math.isfinite(value) else text


def _with_point(text: str, verb: Verb) -> str:
    """``#``: a point even where no digits follow, and zeros up to the precision where they were dropped."""
    mark = "p" if verb.letter in "xX" else "e"
    at = text.lower().find(mark)
    number, tail = (text, "") if at < 0 else (text[:at], text[at:])
    digits = 0
    if verb.letter in "vgGxX":
        digits = 6 if verb.precision is None else verb.precision
        digits -= len(number.replace(".", "").lstrip("0"))
        digits -= number == "0"
    if "." not in number:
        number += "."
    return number + "0" * max(digits, 0) + tail


def _complex(value: complex, verb: Verb) -> str:
    if verb.letter not in "vbgGxXfFeE":
        return mismatch(value, verb)
    return f"({_float(value.real, verb)}{_float(value.imag, replace(verb, plus=True))}i)"


_SCALARS: dict[str, Callable[[Any, Verb], str]] = {
    "bool": _bool,
    "string": _text,
    "int": _integer,
    "uint": _integer,
    "float": _float,
    "complex": _complex,
    "invalid": lambda value, verb: pad(f"({type_name(value)})({ADDRESS})" if verb.syntax else ADDRESS, verb),
}


# Lists, maps, structs


def _compound(value: list[Any] | dict[Any, Any] | Record, verb: Verb, inner: bool, depth: int) -> str:
    if isinstance(value, Record):
        return _struct(value, verb, inner, depth)
    if isinstance(value, dict):
        return _map(value, verb, depth)
    return _list(value, verb, depth)


def _list(value: list[Any], verb: Verb, depth: int) -> str:
    element = value.element if isinstance(value, List) else "interface {}"
    if verb.syntax and isinstance(value, List) and value.absent:
        return f"{type_name(value)}(nil)"
    if element == "uint8" and verb.letter in "sqxX":
        return _text(bytes(value).decode("utf-8", "surrogateescape"), verb)
    parts = [print_value(item, verb, depth=depth + 1) for item in value]
    if verb.syntax:
        return f"{type_name(value)}{{{', '.join(parts)}}}"
    return f"[{' '.join(parts)}]"


def _map(value: dict[Any, Any], verb: Verb, depth: int) -> str:
    sharp = verb.syntax
    parts = [
        f"{print_value(key, verb, depth=depth + 1)}:{print_value(value[key], verb, depth=depth + 1)}"
        for key in sorted_keys(value)
    ]
    if sharp and isinstance(value, NilMap):
        return f"{value.go_type}(nil)"
    if sharp:
        name = value.go_type if isinstance(value, Map) else "map[string]interface {}"
        return f"{name}{{{', '.join(parts)}}}"
    return f"map[{' '.join(parts)}]"


def _struct(value: Record, verb: Verb, inner: bool, depth: int) -> str:
    mark = "&" if value.pointer and not inner else ""
    if mark and depth:
        return f"({type_name(value)})({ADDRESS})" if verb.syntax else ADDRESS
    sharp = verb.syntax
    names = verb.names or sharp
    parts = [
        (f"{name}:" if names else "") + print_value(item, verb, depth=depth + 1)
        for name, item in value.fields().items()
    ]
    if sharp:
        return f"{mark}{value.go_type}{{{', '.join(parts)}}}"
    return f"{mark}{{{' '.join(parts)}}}"
