"""Regular expressions in RE2's syntax, matched in time that grows with the text only linearly.

Python's own engine backtracks, so that an expression in a template could stop the whole process. This
one walks the text once, with all states of the expression at the same time. Groups are found as Perl
and Go find them: the leftmost match, the alternatives in the order written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from strongroom.template.errors import FunctionError

MAX_REPEAT = 1000
MAX_PROGRAM = 20_000
MAX_STEPS = 20_000_000
STEPS = 5  # of the engine that count as one of a template
MAX_SIZE = 32 << 20
MAX_NESTING = 100
MAX_BRANCHES = 2000

Test = Callable[[str], bool]
Instruction = tuple[str, Any, Any]
Match = tuple[int | None, ...]


class Pattern(Struct):
    """A compiled expression."""

    program: list[Instruction]
    groups: int
    names: dict[str, int]
    work: Callable[[int], None] | None = None

    def counting(self, work: Callable[[int], None]) -> Pattern:
        """The same expression, which tells of its work: as so many of its caller's steps."""
        return replace(self, work=work)

    def search(self, text: str, start: int = 0) -> Match | None:
        """Where the leftmost match and its groups begin and end."""
        run = _Run(self.program, text)
        match = run.match(start, 2 * (self.groups + 1))
        if self.work is not None:
            self.work(run.steps // STEPS)
        return match

    def find_all(self, text: str, limit: int = -1) -> Iterator[Match]:
        """Matches one after the other; one of no length directly after another is skipped."""
        position, last = 0, -1
        while limit and position <= len(text):
            match = self.search(text, position)
            if match is None:
                return
            start, end = match[0] or 0, match[1] or 0
            if end > start or start != last:
                limit -= 1
                yield match
            last = end
            position = end if end > start else start + 1

    def replace(self, text: str, replacement: str, *, literally: bool = False) -> str:
        """The text with each match replaced."""
        out: list[str] = []
        position = size = 0
        for match in self.find_all(text):
            out.append(text[position : match[0]])
            out.append(replacement if literally else self.expand(replacement, text, match))
            position = match[1] or 0
            size += len(out[-1])
            if size > MAX_SIZE:
                raise FunctionError("a text is too large")
        return "".join((*out, text[position:]))

    def expand(self, template: str, text: str, match: Match) -> str:
        """``$1``, ``${1}``, ``$name`` and ``$$`` in a replacement."""
        out: list[str] = []
        while True:
            before, sign, rest = template.partition("$")
            out.append(before)
            if not sign:
                return "".join(out)
            if rest.startswith("$"):
                out.append("$")
                template = rest[1:]
                continue
            name, template = _reference(rest)
            out.append("$" if name is None else self.group(name, text, match))

    def group(self, name: str, text: str, match: Match) -> str:
        number = int(name[:6]) if name.isdecimal() else self.names.get(name, -1)
        if not 0 <= number <= self.groups or match[2 * number] is None:
            return ""
        return text[match[2 * number] : match[2 * number + 1]]


def _reference(rest: str) -> tuple[str | None, str]:
    """The name that stands after a dollar, and what follows it."""
    braced = rest.startswith("{")
    body = rest[1:] if braced else rest
    size = next((i for i, char in enumerate(body) if not (char.isalnum() or char == "_")), len(body))
    name = body[:size]
    if not name or (braced and body[size : size + 1] != "}"):
        return None, rest
    return name, body[size + 1 :] if braced else body[size:]


# Parsing


class _Flags(Struct):
    fold: bool = False
    multiline: bool = False
    dotall: bool = False
    swap: bool = False

    def copy(self) -> _Flags:
        return _Flags(self.fold, self.multiline, self.dotall, self.swap)


CLASSES: dict[str, Test] = {
    "d": lambda c: "0" <= c <= "9",
    "w": lambda c: c == "_" or (c.isascii() and c.isalnum()),
    "s": lambda c: c in "\t\n\f\r ",
}
POSIX: dict[str, Test] = {
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "ascii": str.isascii,
    "blank": lambda c: c in "\t ",
    "cntrl": lambda c: c < " " or c == "\x7f",
    "digit": lambda c: "0" <= c <= "9",
    "graph": lambda c: "!" <= c <= "~",
    "lower": lambda c: "a" <= c <= "z",
    "print": lambda c: " " <= c <= "~",
    "punct": lambda c: "!" <= c <= "~" and not c.isalnum(),
    "space": lambda c: c in "\t\n\v\f\r ",
    "upper": lambda c: "A" <= c <= "Z",
    "word": CLASSES["w"],
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}
ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
SCRIPTS = {"Latin": "LATIN ", "Greek": "GREEK ", "Cyrillic": "CYRILLIC ", "Han": "CJK ", "Hebrew": "HEBREW "}


def _not(test: Test) -> Test:
    return lambda char: not test(char)


def _any(tests: list[Test]) -> Test:
    return lambda char: any(test(char) for test in tests)


def _folded(test: Test) -> Test:
    return lambda char: test(char) or test(char.lower()) or test(char.upper())


QUOTED = re.compile(r"\\(?:Q(.*?)(?:\\E|\Z)|.)", re.DOTALL)


def _unquoted(match: re.Match[str]) -> str:
    """What is quoted as a whole, with each of its signs escaped instead."""
    if match.group(1) is None:
        return match.group()
    return "".join(char if char.isalnum() or not char.isascii() else f"\\{char}" for char in match.group(1))


class _Parser:
    """Compiles as it reads: every part is a list of instructions with relative jumps."""

    def __init__(self, text: str) -> None:
        self.text = QUOTED.sub(_unquoted, text)
        self.position = 0
        self.groups = 0
        self.depth = 0
        self.names: dict[str, int] = {}
        self.flags = _Flags()

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise ValueError("it ends too early")
        self.position += 1
        return char

    def whole(self) -> list[Instruction]:
        if any("\udc80" <= char <= "\udcff" for char in self.text):
            raise ValueError("invalid UTF-8")
        program = self.alternatives()
        if self.peek():
            raise ValueError("unexpected )")
        return program

    def alternatives(self) -> list[Instruction]:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ValueError("nested too deeply")
        program = self.sequence()
        branches = [program]
        while self.peek() == "|":
            self.position += 1
            branches.append(self.sequence())
            if len(branches) > MAX_BRANCHES:
                raise ValueError("it is too large")
        self.depth -= 1
        program = branches[-1]
        for branch in reversed(branches[:-1]):
            size = len(branch)
            program = [("split", 1, size + 2), *branch, ("jump", len(program) + 1, None), *program]
        return _limited(program)

    def sequence(self) -> list[Instruction]:
        program: list[Instruction] = []
        while self.peek() not in {"", "|", ")"}:
            atom = self.atom()
            if atom is None:
                continue
            program += self.repeated(atom)
            _limited(program)
        return _limited(program)

    def repeated(self, atom: list[Instruction]) -> list[Instruction]:
        count = 0
        while (bounds := self.bounds()) is not None:
            count += 1
            if count > 1:
                raise ValueError("invalid nested repetition operator")
            lazy = self.peek() == "?"
            self.position += lazy
            atom = _repeat(atom, *bounds, lazy != self.flags.swap)
        return atom

    def bounds(self) -> tuple[int, int | None] | None:
        char = self.peek()
        if char and char in "*+?":
            self.position += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        return self.counted() if char == "{" else None

    def counted(self) -> tuple[int, int | None] | None:
        end = self.text.find("}", self.position)
        low, comma, high = self.text[self.position + 1 : max(end, 0)].partition(",")
        if end < 0 or not _digits(low) or (high and not _digits(high)):
            return None
        least = int(low)
        most = (int(high) if high else None) if comma else least
        if least > MAX_REPEAT or (most is not None and (most > MAX_REPEAT or most < least)):
            raise ValueError("invalid repeat count")
        self.position = end + 1
        return least, most

    def atom(self) -> list[Instruction] | None:
        """One thing that can be repeated; None for a change of flags."""
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.tested(self.bracket())
        if char == ".":
            dotall = self.flags.dotall
            return self.tested(lambda c: dotall or c != "\n")
        if char in "^$":
            line = self.flags.multiline
            begins = char == "^"
            return (
                [("line_start" if begins else "line_end", None, None)]
                if line
                else [("start" if begins else "end", None, None)]
            )
        if char in "*+?":
            raise ValueError("missing argument to repetition operator")
        if char == "\\":
            return self.escape()
        return self.exactly(char)

    def tested(self, test: Test) -> list[Instruction]:
        return [("test", test, None)]

    def exactly(self, char: str) -> list[Instruction]:
        if self.flags.fold:
            return self.tested(_folded(char.__eq__))
        return [("char", char, None)]

    def escape(self) -> list[Instruction]:
        char = self.take()
        if char in "AzbB":
            return [({"A": "start", "z": "end", "b": "word", "B": "no_word"}[char], None, None)]
        test = self.class_escape(char)
        return self.exactly(self.character(char)) if test is None else self.tested(test)

    def class_escape(self, char: str) -> Test | None:
        if char.lower() in CLASSES:
            test = CLASSES[char.lower()]
            return test if char.islower() else _not(test)
        if char in "pP":
            test = self.property()
            return test if char == "p" else _not(test)
        return None

    def property(self) -> Test:
        name = self.take()
        if name == "{":
            end = self.text.find("}", self.position)
            if end < 0:
                raise ValueError("invalid character class range")
            name, self.position = self.text[self.position : end], end + 1
        inverted, name = name.startswith("^"), name.removeprefix("^")
        if name in SCRIPTS:
            word = SCRIPTS[name]
            test: Test = lambda c: unicodedata.name(c, "").startswith(word)  # noqa: E731 - beside its twin
        elif len(name) <= 2 and name[:1] in "CLMNPSZ" and name:
            test = lambda c: unicodedata.category(c).startswith(name)  # noqa: E731
        else:
            raise ValueError("unknown character class")
        return _not(test) if inverted else test

    def character(self, char: str) -> str:
        """The character that an escape stands for."""
        if char in ESCAPES:
            return ESCAPES[char]
        if char == "x":
            return self.hexadecimal()
        if char in "01234567":
            digits = char
            while len(digits) < 3 and self.peek() and self.peek() in "01234567":
                digits += self.take()
            if char != "0" and len(digits) == 1:
                raise ValueError("invalid escape sequence")
            return chr(int(digits, 8))
        if char.isascii() and char.isalnum():
            raise ValueError("invalid escape sequence")
        return char

    def hexadecimal(self) -> str:
        if self.peek() == "{":
            end = self.text.find("}", self.position)
            digits, self.position = self.text[self.position + 1 : max(end, 0)], end + 1
        else:
            digits = self.text[self.position : self.position + 2]
            self.position += 2
        if not digits or not all(map(POSIX["xdigit"], digits)) or int(digits, 16) > 0x10FFFF:
            raise ValueError("invalid escape sequence")
        return chr(int(digits, 16))

    def bracket(self) -> Test:
        inverted = self.peek() == "^"
        self.position += inverted
        tests: list[Test] = []
        first = True
        while first or self.peek() != "]":
            first = False
            tests.append(self.range())
        self.position += 1
        test = _any(tests)
        if self.flags.fold:
            test = _folded(test)
        return _not(test) if inverted else test

    def range(self) -> Test:
        if self.text.startswith("[:", self.position):
            posix = self.posix()
            if posix is not None:
                return posix
        char = self.take()
        if char == "\\":
            char = self.take()
            test = self.class_escape(char)
            if test is not None:
                return test
            char = self.character(char)
        if self.peek() != "-" or self.text[self.position + 1 : self.position + 2] in {"]", ""}:
            return char.__eq__
        self.position += 1
        high = self.take()
        if high == "\\":
            high = self.character(self.take())
        if high < char:
            raise ValueError("invalid character class range")
        return lambda c: char <= c <= high

    def posix(self) -> Test | None:
        end = self.text.find(":]", self.position)
        if end < 0:
            return None
        name = self.text[self.position + 2 : end]
        inverted, name = name.startswith("^"), name.removeprefix("^")
        if name not in POSIX:
            raise ValueError("invalid character class range")
        self.position = end + 2
        return _not(POSIX[name]) if inverted else POSIX[name]

    def group(self) -> list[Instruction] | None:
        outer = self.flags.copy()
        number = None
        if self.peek() != "?":
            self.groups += 1
            number = self.groups
        elif self.text.startswith(("?P<", "?<"), self.position):
            number = self.named()
        elif self.set_flags():
            return None
        inner = self.alternatives()
        if self.peek() != ")":
            raise ValueError("missing closing )")
        self.position += 1
        self.flags = outer
        if number is None:
            return inner
        return [("save", 2 * number, None), *inner, ("save", 2 * number + 1, None)]

    def named(self) -> int:
        start = self.text.index("<", self.position) + 1
        end = self.text.find(">", start)
        name = self.text[start : max(end, start)]
        if not name or not all(char == "_" or char.isalnum() for char in name) or name in self.names:
            raise ValueError("invalid named capture")
        self.position = end + 1
        self.groups += 1
        self.names[name] = self.groups
        return self.groups

    def set_flags(self) -> bool:
        """``(?i)`` for the rest of the group, or ``(?i:`` for a group. True if nothing else stands here."""
        self.position += 1
        value = True
        attributes = {"i": "fold", "m": "multiline", "s": "dotall", "U": "swap"}
        while True:
            char = self.take()
            if char in attributes:
                setattr(self.flags, attributes[char], value)
            elif char == "-" and value:
                value = False
            elif char in ":)":
                return char == ")"
            else:
                raise ValueError("invalid or unsupported Perl syntax")


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6


def _limited(program: list[Instruction]) -> list[Instruction]:
    if len(program) > MAX_PROGRAM:
        raise ValueError("it is too large")
    return program


def _repeat(atom: list[Instruction], least: int, most: int | None, lazy: bool) -> list[Instruction]:
    size = len(atom)
    if size * max(least, most or 0) > MAX_PROGRAM:
        raise ValueError("it is too large")

    def fork(first: int, second: int) -> Instruction:
        return ("split", second, first) if lazy else ("split", first, second)

    program = atom * least
    if most is None:
        if least:
            return [*program, fork(-size, 1)] if size else program
        # One or more, or none: a turn of no length then ends the loop instead of being forbidden.
        return [fork(1, size + 2), *atom, fork(-size, 1)] if size else atom
    optional: list[Instruction] = []
    for _ in range(most - least):
        optional = [fork(1, size + len(optional) + 1), *atom, *optional]
    return program + optional


@lru_cache(maxsize=256)
def compile_pattern(expression: str) -> Pattern:
    """An expression, compiled. ValueError, with a sentence that repeats nothing of it, where it is none."""
    parser = _Parser(expression)
    body = parser.whole()
    program: list[Instruction] = [("save", 0, None), *body, ("save", 1, None), ("match", None, None)]
    return Pattern(_absolute(program), parser.groups, parser.names)


def _absolute(program: list[Instruction]) -> list[Instruction]:
    out: list[Instruction] = []
    for index, (name, first, second) in enumerate(program):
        if name == "split":
            out.append((name, index + first, index + second))
        elif name == "jump":
            out.append((name, index + first, None))
        else:
            out.append((name, first, second))
    return out


# Matching


def _is_word(text: str, position: int) -> bool:
    return 0 <= position < len(text) and CLASSES["w"](text[position])


CONDITIONS: dict[str, Callable[[str, int], bool]] = {
    "start": lambda _, position: position == 0,
    "end": lambda text, position: position == len(text),
    "line_start": lambda text, position: position == 0 or text[position - 1] == "\n",
    "line_end": lambda text, position: position == len(text) or text[position] == "\n",
    "word": lambda text, position: _is_word(text, position - 1) != _is_word(text, position),
    "no_word": lambda text, position: _is_word(text, position - 1) == _is_word(text, position),
}
Thread = tuple[int, Match]


class _Run:
    """All states at once; the first thread that matches wins over all that come after it."""

    def __init__(self, program: list[Instruction], text: str) -> None:
        self.program = program
        self.text = text
        self.steps = 0

    def match(self, start: int, slots: int) -> Match | None:
        threads: list[Thread] = []
        found: Match | None = None
        for position in range(start, len(self.text) + 1):
            if found is None:
                seen = {pc for pc, _ in threads}
                self.follow(position, (0, (None,) * slots), threads, seen)
            if not threads:
                if found is not None:
                    break
                continue
            self.steps += len(threads) + 1
            if self.steps > MAX_STEPS:
                raise FunctionError("the regular expression takes too long")
            threads, matched = self.step(position, threads)
            found = found if matched is None else matched
        return found

    def step(self, position: int, threads: list[Thread]) -> tuple[list[Thread], Match | None]:
        """The threads that take the character, up to one that has come to its end."""
        char = self.text[position : position + 1]
        following: list[Thread] = []
        seen: set[int] = set()
        for pc, saved in threads:
            name, argument, _ = self.program[pc]
            if name == "match":
                return following, saved
            if char and (argument == char if name == "char" else argument(char)):
                self.follow(position + 1, (pc + 1, saved), following, seen)
        return following, None

    def follow(self, position: int, thread: Thread, threads: list[Thread], seen: set[int]) -> None:
        """Adds a thread, past everything that takes no character."""
        stack = [thread]
        while stack:
            pc, saved = stack.pop()
            if pc in seen:
                continue
            seen.add(pc)
            name, first, second = self.program[pc]
            if name == "jump":
                stack.append((first, saved))
            elif name == "split":
                stack.append((second, saved))
                stack.append((first, saved))
            elif name == "save":
                stack.append((pc + 1, (*saved[:first], position, *saved[first + 1 :])))
            elif name in CONDITIONS:
                if CONDITIONS[name](self.text, position):
                    stack.append((pc + 1, saved))
            else:
                threads.append((pc, saved))
