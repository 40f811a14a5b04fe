"""Help texts, made from the declarations: usage, words, flags by group."""

from __future__ import annotations

import textwrap

from strongroom.cli.tree import COMMON, GROUPS, OTHER, commands_under

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.command import Command
    from strongroom.cli.flag import Flag

WIDTH = 80
PLACEHOLDERS = {"list": "string", "map": "key=value", "optbool": "bool"}


def root_help(name: str) -> str:
    """What ``strongroom -help`` says."""
    parts = [f"Usage: {name} <command> [flags] [arguments]"]
    for heading, entries in (("Common commands", COMMON), ("Other commands", OTHER)):
        parts.append(_listing(heading, {word: text for word, (_, text) in entries.items()}))
    parts.append(f"Every command explains itself: {name} <command> -help")
    return "\n\n".join(parts)


def group_help(name: str, words: str) -> str:
    """What a group of commands says when none of them is named."""
    first = words.split(" ", 1)[0]
    below: dict[str, str] = {}
    for path, command in sorted(commands_under(first).items()):
        if path.startswith(words + " "):
            head, _, tail = path.removeprefix(words + " ").partition(" ")
            below[head] = GROUPS[f"{words} {head}"].split(".")[0] if tail else command.synopsis
    return "\n\n".join(
        (
            f"Usage: {name} {words} <command> [flags] [arguments]",
            f"  {GROUPS[words]}",
            _listing("Commands", below),
        )
    )


def command_help(name: str, command: Command) -> str:
    """What one command says of itself."""
    usage = " ".join(
        filter(None, (f"Usage: {name} {command.words}", "[flags]" * bool(command.flags), command.arguments))
    )
    parts = [usage, textwrap.indent(command.help.replace("{name}", name), "  ")]
    groups: dict[str, list[Flag]] = {}
    for flag in command.flags:
        if not flag.hidden:
            groups.setdefault(flag.group, []).append(flag)
    for heading in sorted(groups, key=_rank):
        described = (_described(flag) for flag in sorted(groups[heading], key=lambda flag: flag.name))
        parts.append(f"{heading}:\n\n" + "\n\n".join(described))
    return "\n\n".join(parts)


def _rank(heading: str) -> int:
    """The command's own flags first, those every command has last."""
    order = ("Output options", "Connection options")
    return order.index(heading) if heading in order else -1


def _described(flag: Flag) -> str:
    head = f"  -{flag.name}"
    if flag.kind != "bool":
        head += f"=<{PLACEHOLDERS.get(flag.kind, flag.kind)}>"
    text = flag.help
    default = flag.shown or (str(flag.default) if flag.default not in (None, False, "") else "")
    if default:
        text += f" Default: {default.lower() if flag.kind == 'bool' else default}."
    if flag.aliases:
        text += " Also: " + ", ".join(f"-{alias}" for alias in flag.aliases) + "."
    if flag.env:
        text += f" Variable: STRONGROOM_{flag.env} (or BAO_, VAULT_)."
    return head + "\n" + textwrap.fill(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _listing(heading: str, entries: dict[str, str]) -> str:
    width = max(map(len, entries)) + 4
    return f"{heading}:\n" + "\n".join(f"  {word.ljust(width)}{text}" for word, text in entries.items())
