"""JSON values as YAML, in block style with sorted keys."""

from __future__ import annotations

import re

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What a YAML 1.1 reader would take for something else than text: null, booleans, numbers
# (also hexadecimal, octal, base 60), dates.
OTHER = re.compile(
    r"""(?: ~|null|Null|NULL|<<|=
      | y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE
      | [-+]?0b[01_]+ | [-+]?0o?[0-7_]+ | [-+]?0x[0-9a-fA-F_]+
      | [-+]?(?:[0-9][0-9_]*)?\.?[0-9_]*(?:[eE][-+]?[0-9]+)?
      | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
      | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\ ].*)?
    )""",
    re.VERBOSE,
)
LEADING = frozenset("-?:,[]{}#&*!|>'\"%@`")
# Also what YAML takes for the end of a line: NEL, LS, PS.
UNPRINTABLE = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def emit(value: Any) -> str:
    """``value`` as a YAML document, ending in a newline."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key in sorted(value, key=_natural):
            yield from _entry(f"{scalar(str(key))}:", value[key], nested="  " * isinstance(value[key], dict))
    elif isinstance(value, (list, tuple)) and value:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" if line else "" for line in rest)
    elif isinstance(value, str) and _is_block(value):
        yield _block_mark(value)
        yield from (f"  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield scalar(value)


def _natural(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isascii() and key.isdigit() else (-1, key)


def _entry(head: str, value: Any, nested: str) -> Iterator[str]:
    if isinstance(value, (dict, list, tuple)) and value:
        yield head
        yield from (nested + line if line else "" for line in _lines(value))
        return
    first, *rest = _lines(value)
    yield f"{head} {first}"
    yield from rest


def scalar(value: Any) -> str:
    """One value on one line, quoted where a reader would misread it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    if not isinstance(value, str):
        return str(value)
    return _text(value)


def _text(text: str) -> str:
    if not text or OTHER.fullmatch(text) or UNPRINTABLE.search(text) or "\n" in text:
        return _double(text)
    if _needs_quotes(text):
        return "'" + text.replace("'", "''") + "'"
    return text


def _needs_quotes(text: str) -> bool:
    if text[0] in " \t" or text[-1] in " \t:" or text.startswith(("---", "...")):
        return True
    if ": " in text or " #" in text or "\t" in text:
        return True
    return text[0] in LEADING and not (text[0] in "-?:" and len(text) > 1 and text[1] not in " \t")


def _double(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
    return '"' + UNPRINTABLE.sub(_escape, "".join(escapes.get(letter, letter) for letter in text)) + '"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _is_block(text: str) -> bool:
    return "\n" in text and text[0] not in " \t\n" and not UNPRINTABLE.search(text)


def _block_mark(text: str) -> str:
    if not text.endswith("\n"):
        return "|-"
    return "|+" if text.endswith("\n\n") else "|"
