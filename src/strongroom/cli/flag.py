"""Flags: declared once, parsed the way Go's flag package does, printed in help and completion.

One dash or two, ``-flag=value`` or ``-flag value``; a boolean never takes the next word.
Parsing stops at the first word that is not a flag, or after ``--``.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the typing module costs a fifth of `strongroom version`
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class FlagError(Exception):
    """The command line is not what the command declares."""


class Flag:
    """One flag: its name, the kind of value it takes, and what it is for.

    ``kind`` is one of string, bool, int, duration (seconds), list (repeatable), map
    (repeatable ``key=value``). ``env`` is the variable's name without its prefix. A flag
    that was not given, and has neither variable nor default, has the value None (list and
    map: empty; bool: False unless ``default`` says otherwise).
    """

    __slots__ = ("aliases", "default", "env", "group", "help", "hidden", "kind", "name", "shown")

    def __init__(
        self,
        name: str,
        kind: str,
        help: str,  # noqa: A002 (the word users know)
        *,
        default: Any = None,
        env: str = "",
        group: str = "Command options",
        aliases: tuple[str, ...] = (),
        hidden: bool = False,
        shown: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.default = False if kind == "bool" and default is None else default
        self.env = env
        self.group = group
        self.aliases = aliases
        self.hidden = hidden
        self.shown = shown

    def unseen(self) -> Flag:
        """The same flag where it is taken, means nothing, and is not shown."""
        return Flag(self.name, self.kind, self.help, aliases=self.aliases, hidden=True)

    def parse(self, text: str) -> Any:
        """The value ``text`` stands for. Raises ValueError with the reason."""
        return PARSERS[self.kind](text)


class Values(dict[str, "Any"]):
    """What the flags of one call hold; ``given`` names those that stood on the command line."""

    def __init__(self) -> None:
        super().__init__()
        self.given: set[str] = set()


def parse(
    flags: Iterable[Flag], words: list[str], variable: Callable[[str], str]
) -> tuple[Values, list[str]]:
    """The values of ``flags`` in ``words`` and the words after them.

    ``variable`` looks up an environment variable by its name without prefix. Raises
    FlagError in Go's words, since scripts show them to people who search for them.
    """
    known: dict[str, Flag] = {}
    values = Values()
    for flag in flags:
        known.update(dict.fromkeys((flag.name, *flag.aliases), flag))
        values[flag.name] = _initial(flag, variable)
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0][0] == "-":
        word = rest.pop(0)
        if word == "--":
            break
        _take(word, rest, known, values)
    return values, rest


def _initial(flag: Flag, variable: Callable[[str], str]) -> Any:
    text = variable(flag.env) if flag.env else ""
    if text:
        try:
            value = flag.parse(text)
        except ValueError as error:
            raise FlagError(f'invalid value "{text}" for variable {flag.env}: {error}') from None
        return _gathered(flag, None, value)
    if flag.default is None and flag.kind in {"list", "map"}:
        return [] if flag.kind == "list" else {}
    return flag.default


def _take(word: str, rest: list[str], known: dict[str, Flag], values: Values) -> None:
    name = word[2:] if word.startswith("--") else word[1:]
    if not name or name[0] in "-=":
        raise FlagError(f"bad flag syntax: {word}")
    name, equals, text = name.partition("=")
    flag = known.get(name)
    if flag is None:
        if name in {"h", "help"}:
            raise HelpWanted
        raise FlagError(f"flag provided but not defined: -{name}")
    if not equals:
        if flag.kind in {"bool", "optbool"}:
            text = "true"
        elif rest:
            text = rest.pop(0)
        else:
            raise FlagError(f"flag needs an argument: -{name}")
    try:
        value = flag.parse(text)
    except ValueError as error:
        raise FlagError(f'invalid value "{text}" for flag -{name}: {error}') from None
    values[flag.name] = _gathered(flag, values[flag.name] if flag.name in values.given else None, value)
    values.given.add(flag.name)


def _gathered(flag: Flag, before: Any, value: Any) -> Any:
    if flag.kind == "list":
        return [*(before or []), value]
    if flag.kind == "map":
        return {**(before or {}), value[0]: value[1]}
    return value


class HelpWanted(FlagError):
    """``-h`` or ``-help`` stood where a flag was expected."""


def parse_bool(text: str) -> bool:
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError("not true or false")


def parse_int(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError("not a whole number") from None


def parse_duration(text: str) -> float:
    """Seconds in ``90``, ``1h30m``, ``250ms``, ``-1s``; a bare number is seconds."""
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest.isascii() and rest.isdigit():
        return sign * int(rest)
    total = 0.0
    while rest:
        number, rest = _leading(rest, "0123456789.")
        unit, rest = _leading(rest, "nuµmshd")
        if unit not in UNITS or not number.strip(".") or number.count(".") > 1:
            raise ValueError(f'invalid duration "{text}"')
        total += float(number) * UNITS[unit]
    if not text.strip("+-"):
        raise ValueError(f'invalid duration "{text}"')
    return sign * total


def _leading(text: str, letters: str) -> tuple[str, str]:
    rest = text.lstrip(letters)
    return text[: len(text) - len(rest)], rest


def parse_pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f'missing = in KV pair: "{text}"')
    return key, value


PARSERS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "bool": parse_bool,
    "optbool": parse_bool,
    "int": parse_int,
    "duration": parse_duration,
    "list": str,
    "map": parse_pair,
}
