"""Sprig's functions of texts."""

from __future__ import annotations

import re
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.format import sprint, sprintf
from strongroom.template.function import Library
from strongroom.template.functions.sprig.casing import camel, separated
from strongroom.template.functions.sprig.conversion import text_of_value, texts
from strongroom.template.functions.text import joined, large, pattern, replaced, small, split_text, whole
from strongroom.template.literal import bytes_of, quote, text_of
from strongroom.template.value import NilStrings, StringMap, Strings

LIBRARY = Library("sprig_")
function = LIBRARY.function
DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
VISIBLE = "".join(map(chr, range(32, 127)))


@function("hello")
def hello() -> str:
    """A greeting."""
    return "Hello!"


@function("abbrev")
def abbrev(width: int, text: str) -> str:
    """The text, cut to a width with three dots at its end."""
    return _abbreviated(bytes_of(text), 0, width) if width >= 4 else text


@function("abbrevboth")
def abbrevboth(left: int, width: int, text: str) -> str:
    """The text, cut on both sides."""
    if width < 4 or (left > 0 and width < 7):
        return text
    return _abbreviated(bytes_of(text), left, width)


def _abbreviated(raw: bytes, offset: int, width: int) -> str:
    if len(raw) <= width:
        return text_of(raw)
    offset = min(offset, len(raw))
    if len(raw) - offset < width - 3:
        offset = len(raw) - (width - 3)
    if offset <= 4:
        return text_of(raw[: width - 3] + b"...")
    if offset + width - 3 < len(raw):
        return "..." + _abbreviated(raw[offset:], 0, width - 3)
    return text_of(b"..." + raw[len(raw) - (width - 3) :])


@function("trunc")
def trunc(count: int, text: str) -> str:
    """The first bytes of a text, or the last ones for a negative number."""
    raw = bytes_of(text)
    if count < 0:
        return text_of(raw[count:])
    return text_of(raw[:count])


@function("substr")
def substr(start: int, end: int, text: str) -> str:
    """The bytes of a text from one position to another."""
    raw = bytes_of(text)
    if start < 0:
        return text_of(raw[: _position(end, raw)])
    if end < 0 or end > len(raw):
        return text_of(raw[_position(start, raw) :])
    if start > end:
        raise FunctionError("the range is not within the text")
    return text_of(raw[start:end])


def _position(number: int, raw: bytes) -> int:
    if not 0 <= number <= len(raw):
        raise FunctionError("the range is not within the text")
    return number


@function("untitle")
def untitle(text: str) -> str:
    """The text with the first letter of each word small."""
    return re.sub(r"(^|\s)(\S)", lambda match: match.group(1) + small(match.group(2)), whole(text))


@function("upper")
def upper(text: str) -> str:
    """The text in upper case."""
    return large(text)


@function("lower")
def lower(text: str) -> str:
    """The text in lower case."""
    return small(text)


@function("title")
def sprig_title(text: str) -> str:
    """The text with the first letter of each word large; words are of letters, digits and ``_``."""
    out: list[str] = []
    before = " "
    for char in whole(text):
        ends = before.isspace() or (before.isascii() and not before.isalnum() and before != "_")
        larger = char.title() if ends else char
        out.append(larger if len(larger) == 1 else char)
        before = char
    return "".join(out)


@function("repeat")
def repeat(execution: Execution, count: int, text: str) -> str:
    """The text so many times."""
    if count < 0:
        raise FunctionError("negative Repeat count")
    execution.bound(count * len(text))
    return text * count


@function("trim")
def trim(text: str) -> str:
    """The text without white space at either end."""
    return text.strip()


@function("trimAll", "trimall")
def trim_all(cutset: str, text: str) -> str:
    """The text without the characters of the first argument at either end."""
    return text.strip(cutset) if cutset else text


@function("trimSuffix")
def trim_suffix(suffix: str, text: str) -> str:
    """The text without the suffix."""
    return text.removesuffix(suffix)


@function("trimPrefix")
def trim_prefix(prefix: str, text: str) -> str:
    """The text without the prefix."""
    return text.removeprefix(prefix)


@function("nospace")
def nospace(text: str) -> str:
    """The text without white space. If it had any, bytes that are not ASCII become characters of Latin-1."""
    latin = bytes_of(text).decode("latin-1")
    shorter = "".join(latin.split())
    return text if latin == shorter else shorter


@function("initials")
def initials(text: str) -> str:
    """The first letters of the words. Bytes that are not ASCII become characters of Latin-1."""
    return "".join(word[:1] for word in bytes_of(text).decode("latin-1").split())


@function("swapcase")
def swapcase(text: str) -> str:
    """Large letters small, and small ones large."""
    return "".join(small(char) if char.isupper() else large(char) for char in text)


@function("wrap")
def wrap(execution: Execution, width: int, text: str) -> str:
    """The text broken into lines of so many characters."""
    return wrapped(execution, text, width, "\n", cut=False)


@function("wrapWith")
def wrap_with(execution: Execution, width: int, ending: str, text: str) -> str:
    """The text broken into lines of so many characters, with an ending of one's own."""
    return wrapped(execution, text, width, ending, cut=True)


def wrapped(execution: Execution, text: str, width: int, ending: str, *, cut: bool) -> str:
    """Breaks at the last space that fits; ``cut``: also inside words that do not fit."""
    text = bytes_of(text).decode("latin-1")  # widths are bytes
    width = max(width, 1)
    ending = bytes_of(ending or "\n").decode("latin-1")
    out: list[str] = []
    start = 0
    while len(text) - start > width:
        if text[start] == " ":
            start += 1
            continue
        end = text.rfind(" ", start, start + width + 1)
        if end < 0 and cut:
            out.append(text[start : start + width])
            start += width
            continue
        end = end if end >= 0 else text.find(" ", start + width)
        if end < 0:
            break
        out.append(text[start:end])
        start = end + 1
    return text_of(joined(execution, ending, [*out, text[start:]]).encode("latin-1"))


@function("snakecase")
def snakecase(text: str) -> str:
    """``first_name`` of ``FirstName``."""
    return separated(text, "_")


@function("kebabcase")
def kebabcase(text: str) -> str:
    """``first-name`` of ``FirstName``."""
    return separated(text, "-")


@function("camelcase")
def camelcase(text: str) -> str:
    """``FirstName`` of ``first_name``."""
    return camel(text)


@function("contains")
def contains(part: str, text: str) -> bool:
    """Whether a text holds a part."""
    return part in text


@function("hasPrefix")
def has_prefix(prefix: str, text: str) -> bool:
    """Whether a text begins so."""
    return text.startswith(prefix)


@function("hasSuffix")
def has_suffix(suffix: str, text: str) -> bool:
    """Whether a text ends so."""
    return text.endswith(suffix)


@function("quote")
def quoted(*values: Any) -> str:
    """The values in double quotes, with spaces between them."""
    return " ".join(quote(text_of_value(value)) for value in values if value is not None)


@function("squote")
def single_quoted(*values: Any) -> str:
    """The values in single quotes, with spaces between them."""
    return " ".join(f"'{sprint([value])}'" for value in values if value is not None)


@function("cat")
def cat(*values: Any) -> str:
    """The values with spaces between them."""
    return " ".join(sprintf("%v", [value]) for value in values if value is not None)


@function("indent")
def indent(execution: Execution, spaces: int, text: str) -> str:
    """The text with spaces before each line."""
    if spaces < 0:
        raise FunctionError("negative Repeat count")
    execution.bound(spaces * (text.count("\n") + 1))
    return " " * spaces + text.replace("\n", "\n" + " " * spaces)


@function("nindent")
def nindent(execution: Execution, spaces: int, text: str) -> str:
    """The same on a new line."""
    return "\n" + indent(execution, spaces, text)


@function("replace")
def replace(execution: Execution, old: str, new: str, text: str) -> str:
    """The text with each occurrence replaced."""
    return replaced(execution, text, old, new)


@function("plural")
def plural(one: str, many: str, count: int) -> str:
    """The first text for one, the second for any other number."""
    return one if count == 1 else many


@function("split")
def split(separator: str, text: str) -> StringMap:
    """The parts of a text as ``._0``, ``._1`` ..."""
    return StringMap({f"_{index}": part for index, part in enumerate(split_text(separator, text))})


@function("splitn")
def splitn(separator: str, count: int, text: str) -> StringMap:
    """At most so many parts of a text as ``._0``, ``._1`` ..."""
    if count == 0:
        return StringMap()
    if separator:
        parts = text.split(separator, count - 1 if count > 0 else -1)
    else:
        last = count - 1 if 0 < count < len(text) else len(text)
        parts = [*text[:last], *([text[last:]] if text[last:] else [])]
    return StringMap({f"_{index}": part for index, part in enumerate(parts)})


@function("splitList")
def split_list(separator: str, text: str) -> Strings:
    """The parts of a text."""
    return Strings(split_text(separator, text))


@function("join")
def join(execution: Execution, separator: str, value: Any) -> str:
    """The entries of a list as texts, with a separator between them."""
    return joined(execution, separator, texts(value))


@function("toStrings")
def to_strings(value: Any) -> Strings:
    """The entries of a list as texts."""
    return Strings(texts(value))


@function("sortAlpha")
def sort_alpha(value: Any) -> Strings:
    """The entries of a list as texts, in order."""
    return Strings(sorted(texts(value), key=bytes_of) if isinstance(value, list) else [text_of_value(value)])


@function("toString")
def to_string(value: Any) -> str:
    """The value as a text."""
    return text_of_value(value)


@function("regexMatch")
def regex_match(execution: Execution, expression: str, text: str) -> bool:
    """Whether an expression matches anywhere in a text; false for what is no expression."""
    try:
        compiled = pattern(execution, expression)
    except FunctionError:
        return False
    return compiled.search(text) is not None


@function("mustRegexMatch")
def must_regex_match(execution: Execution, expression: str, text: str) -> bool:
    """Whether an expression matches anywhere in a text."""
    return pattern(execution, expression).search(text) is not None


@function("regexFind", "mustRegexFind")
def regex_find(execution: Execution, expression: str, text: str) -> str:
    """The first match of an expression."""
    match = pattern(execution, expression).search(text)
    return text[match[0] : match[1]] if match else ""


@function("regexFindAll", "mustRegexFindAll")
def regex_find_all(execution: Execution, expression: str, text: str, count: int) -> Strings:
    """The first so many matches of an expression; all for a negative number."""
    found = Strings(
        text[match[0] : match[1]] for match in pattern(execution, expression).find_all(text, count)
    )
    return found or NilStrings()


@function("regexReplaceAll", "mustRegexReplaceAll")
def regex_replace_all(execution: Execution, expression: str, text: str, replacement: str) -> str:
    """The text with each match replaced; ``${1}`` stands for what a group matched."""
    return pattern(execution, expression).replace(text, replacement)


@function("regexReplaceAllLiteral", "mustRegexReplaceAllLiteral")
def regex_replace_all_literal(execution: Execution, expression: str, text: str, replacement: str) -> str:
    """The text with each match replaced by a text as it is."""
    return pattern(execution, expression).replace(text, replacement, literally=True)


@function("regexSplit", "mustRegexSplit")
def regex_split(execution: Execution, expression: str, text: str, count: int) -> Strings:
    """The parts between matches, at most so many; all for a negative number."""
    if count == 0:
        return NilStrings()
    if expression and not text:
        return Strings([""])
    parts = Strings()
    start = end = 0
    for match in pattern(execution, expression).find_all(text):
        if 0 < count == len(parts) + 1:
            break
        end = match[0] or 0
        if match[1]:
            parts.append(text[start:end])
        start = match[1] or 0
    if end != len(text):
        parts.append(text[start:])
    return parts


@function("regexQuoteMeta")
def regex_quote_meta(text: str) -> str:
    """The text as an expression that matches just it."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


# Chance


def chosen(execution: Execution, count: int, alphabet: str) -> str:
    """So many characters of an alphabet, each as likely as the others."""
    if count < 0:
        raise FunctionError("the number must not be negative")
    execution.bound(count)
    limit = 256 - 256 % len(alphabet)
    out: list[str] = []
    while len(out) < count:
        out += [alphabet[byte % len(alphabet)] for byte in execution.world.random(count + 16) if byte < limit]
    return "".join(out[:count])


@function("randAlphaNum")
def rand_alpha_num(execution: Execution, count: int) -> str:
    """So many letters and digits, at random."""
    return chosen(execution, count, LETTERS + DIGITS)


@function("randAlpha")
def rand_alpha(execution: Execution, count: int) -> str:
    """So many letters, at random."""
    return chosen(execution, count, LETTERS)


@function("randNumeric")
def rand_numeric(execution: Execution, count: int) -> str:
    """So many digits, at random."""
    return chosen(execution, count, DIGITS)


@function("randAscii")
def rand_ascii(execution: Execution, count: int) -> str:
    """So many visible characters, at random."""
    return chosen(execution, count, VISIBLE)


@function("shuffle")
def shuffle(execution: Execution, text: str) -> str:
    """The characters of a text in another order, at random."""
    chars = list(text)
    for index in range(len(chars) - 1, 0, -1):
        other = int.from_bytes(execution.world.random(8)) % (index + 1)
        chars[index], chars[other] = chars[other], chars[index]
    return "".join(chars)
