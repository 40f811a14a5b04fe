"""Texts cut, joined and replaced."""

from __future__ import annotations

import re
import unicodedata

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.function import Library
from strongroom.template.regex import Pattern, compile_pattern
from strongroom.template.value import StringMap, Strings

LIBRARY = Library()
function = LIBRARY.function


def split_text(separator: str, text: str) -> list[str]:
    """As Go splits: without a separator, into characters."""
    return text.split(separator) if separator else list(text)


# What may stand inside of a word, between two letters.
MIDDLE = frozenset("':.\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a")
IDEOGRAPHS = re.compile("[\u2e80-\u2fff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
BAD_BYTE = re.compile("[\udc80-\udcff]")


def title(text: str) -> str:
    """The first letter of each word large, where words are those of Unicode's rules for segmenting text."""
    out: list[str] = []
    inside = middle = False
    for char in text:
        breaks = _breaks(char)
        if middle and (breaks or char in MIDDLE):
            inside = False
        middle = char in MIDDLE
        cased = not breaks and not middle and (char.upper() != char or char.lower() != char)
        out.append(char.title() if cased and not inside else char)
        inside = (inside or cased) and not breaks
    return "".join(out)


def _breaks(char: str) -> bool:
    """Whether a word ends at a character: one that is no letter, digit, mark, and may not stand inside."""
    if char.isalnum() or char == "_":
        return IDEOGRAPHS.match(char) is not None
    return char not in MIDDLE and unicodedata.category(char) not in {"Mn", "Me", "Mc", "Cf", "Pc"}


def whole(text: str) -> str:
    """The text with each byte that is no UTF-8 replaced: what goes over characters makes that of them."""
    return text if text.isascii() else BAD_BYTE.sub("\ufffd", text)


def large(text: str) -> str:
    """Upper case, character by character: one never becomes two."""
    return "".join(char if len(char.upper()) != 1 else char.upper() for char in whole(text))


def small(text: str) -> str:
    """Lower case, character by character."""
    return "".join(char.lower()[0] for char in whole(text))


def pattern(execution: Execution, expression: str) -> Pattern:
    """A compiled regular expression, whose work is counted."""
    try:
        return compile_pattern(expression).counting(execution.work)
    except ValueError as error:
        raise FunctionError(f"not a regular expression: {error}") from None


@function("trim")
def trim(cutset: str, text: str) -> str:
    """The text without the characters of the first argument at either end."""
    return text.strip(cutset) if cutset else text


@function("trimPrefix")
def trim_prefix(prefix: str, text: str) -> str:
    """The text without the prefix, if it has it."""
    return text.removeprefix(prefix)


@function("trimSuffix")
def trim_suffix(suffix: str, text: str) -> str:
    """The text without the suffix, if it has it."""
    return text.removesuffix(suffix)


@function("trimSpace")
def trim_space(text: str) -> str:
    """The text without white space at either end."""
    return text.strip()


@function("split")
def split(separator: str, text: str) -> Strings:
    """The parts of a text between separators; white space around the text is dropped first."""
    text = text.strip()
    return Strings(split_text(separator, text)) if text else Strings()


@function("splitToMap")
def split_to_map(between: str, inside: str, text: str) -> StringMap:
    """A map of a text such as ``a:1,b:2``: what separates the pairs, what separates key and value."""
    parts = [part.strip() for part in split_text(between, text.strip())] if text.strip() else []
    if not inside:
        return StringMap({"": parts[-1]} if parts else {})
    pairs = (part.partition(inside) for part in parts)
    return StringMap({key: value for key, sign, value in pairs if sign})


@function("join")
def join(execution: Execution, separator: str, parts: Strings) -> str:
    """The texts of a list, with a separator between them."""
    return joined(execution, separator, parts)


def joined(execution: Execution, separator: str, parts: list[str]) -> str:
    """Texts with a separator between them, unless that would be too large."""
    execution.bound(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


@function("indent")
def indent(execution: Execution, spaces: int, text: str) -> str:
    """The text with spaces before each line that is not empty."""
    if spaces < 0:
        raise FunctionError("the number of spaces must not be negative")
    execution.bound(spaces * (text.count("\n") + 1))
    return "\n".join(" " * spaces + line if line else line for line in text.split("\n"))


@function("toLower")
def to_lower(text: str) -> str:
    """The text in lower case."""
    return small(text)


@function("toUpper")
def to_upper(text: str) -> str:
    """The text in upper case."""
    return large(text)


@function("toTitle")
def to_title(text: str) -> str:
    """The text with the first letter of each word in upper case."""
    return title(text)


@function("replaceAll")
def replace_all(execution: Execution, old: str, new: str, text: str) -> str:
    """The text with each occurrence of the first argument replaced by the second."""
    return replaced(execution, text, old, new)


def replaced(execution: Execution, text: str, old: str, new: str) -> str:
    """Go's replacement: an empty text stands before, between and after all characters."""
    execution.bound(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


@function("regexMatch")
def regex_match(execution: Execution, expression: str, text: str) -> bool:
    """Whether a regular expression (RE2 syntax) matches anywhere in a text."""
    return pattern(execution, expression).search(text) is not None


@function("regexReplaceAll")
def regex_replace_all(execution: Execution, expression: str, replacement: str, text: str) -> str:
    """The text with each match replaced; ``$1`` and ``${name}`` stand for what groups matched."""
    return pattern(execution, expression).replace(text, replacement)
