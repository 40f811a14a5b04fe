"""Texts cut, joined and replaced."""

from __future__ import annotations

from strongroom.template.errors import FunctionError
from strongroom.template.function import Library
from strongroom.template.regex import Pattern, compile_pattern
from strongroom.template.value import StringMap, Strings

LIBRARY = Library()
function = LIBRARY.function
SPACE = " \t\n\v\f\r\x85\xa0"


def split_text(separator: str, text: str) -> list[str]:
    """As Go splits: without a separator, into characters."""
    return text.split(separator) if separator else list(text)


def title(text: str) -> str:
    """The first letter of each word large; a word ends at anything but letters, digits and ``_'``."""
    out: list[str] = []
    before = " "
    for char in text:
        ends = not (before.isalnum() or before in "_'") if before.isascii() else before.isspace()
        out.append(large(char) if ends else char)
        before = char
    return "".join(out)


def large(text: str) -> str:
    """Upper case, character by character: one never becomes two."""
    return "".join(char if len(char.upper()) != 1 else char.upper() for char in text)


def small(text: str) -> str:
    """Lower case, character by character."""
    return "".join(char.lower()[0] for char in text)


def pattern(expression: str) -> Pattern:
    """A compiled regular expression."""
    try:
        return compile_pattern(expression)
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
    pairs = (part.strip().partition(inside) for part in split_text(between, text.strip()))
    return StringMap({key: value for key, sign, value in pairs if sign})


@function("join")
def join(separator: str, parts: Strings) -> str:
    """The texts of a list, with a separator between them."""
    return separator.join(parts)


@function("indent")
def indent(spaces: int, text: str) -> str:
    """The text with spaces before each line that is not empty."""
    if spaces < 0:
        raise FunctionError("the number of spaces must not be negative")
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
def replace_all(old: str, new: str, text: str) -> str:
    """The text with each occurrence of the first argument replaced by the second."""
    return replaced(text, old, new, -1)


def replaced(text: str, old: str, new: str, count: int) -> str:
    """Go's replacement: an empty text stands before, between and after all characters."""
    return text.replace(old, new, count) if count >= 0 else text.replace(old, new)


@function("regexMatch")
def regex_match(expression: str, text: str) -> bool:
    """Whether a regular expression (RE2 syntax) matches anywhere in a text."""
    return pattern(expression).search(text) is not None


@function("regexReplaceAll")
def regex_replace_all(expression: str, replacement: str, text: str) -> str:
    """The text with each match replaced; ``$1`` and ``${name}`` stand for what groups matched."""
    return pattern(expression).replace(text, replacement)
