"""The way in: find the command, parse its flags, run it, turn what it raises into an exit code.

This file and what it imports are all that ``strongroom version`` loads; everything else is
imported by the command that needs it.
"""

from __future__ import annotations

import sys

from strongroom import __version__

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from strongroom.cli.command import Command
    from strongroom.cli.terminal import Terminal

UNKNOWN = 127
VERSION_WORDS = frozenset({"version", "-v", "-version", "--version"})
CONSUL_TEMPLATE = "consul-template"
"""The name of a link under which ``template`` is all there is."""
HELP_WORDS = frozenset({"-h", "-help", "--help"})


def run() -> int:
    """The entry point of the installed command."""
    try:
        code = main(sys.argv[1:], name=sys.argv[0].rpartition("/")[2])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader had enough. Python would complain about the same again at exit.
        import os  # noqa: PLC0415 (rare)

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def main(  # noqa: PLR0917 (the three streams have an order everybody knows)
    argv: list[str],
    stdin: IO[str] | None = None,
    stdout: IO[str] | None = None,
    stderr: IO[str] | None = None,
    environ: Mapping[str, str] | None = None,
    name: str = "strongroom",
) -> int:
    """Runs one command line and returns its exit code.

    Called ``consul-template`` it is ``strongroom template``.

    0: done; 1: the command line or this machine; 2: the server, or nothing there;
    127: no such command.
    """
    if name == CONSUL_TEMPLATE:
        name, argv = "strongroom", ["template", *argv]
    if argv and argv[0] in VERSION_WORDS and not HELP_WORDS.intersection(argv[1:2]):
        print(f"Strongroom v{__version__}", file=stdout or sys.stdout)
        return 0
    from strongroom.cli.terminal import Terminal  # noqa: PLC0415 (see the module's docstring)

    terminal = Terminal(stdin, stdout, stderr, environ)
    if not argv or argv[0] in HELP_WORDS:
        return _show_root(name, terminal, 0 if argv else UNKNOWN)
    from strongroom.cli.tree import find  # noqa: PLC0415 (as above)

    words, command, rest = find(argv)
    if command is not None:
        return _run(name, command, rest, terminal)
    if not words:
        return _show_root(name, terminal, UNKNOWN)
    from strongroom.cli.help import group_help  # noqa: PLC0415 (as above)

    asked = bool(HELP_WORDS.intersection(rest[:1]))
    (terminal.print if asked else terminal.warn)(group_help(name, words))
    return 0 if asked else 1


def _show_root(name: str, terminal: Terminal, code: int) -> int:
    from strongroom.cli.help import root_help  # noqa: PLC0415 (as above)

    (terminal.warn if code else terminal.print)(root_help(name))
    return code


def _run(name: str, command: Command, words: list[str], terminal: Terminal) -> int:
    from strongroom.cli.command import Failure  # noqa: PLC0415 (as above)
    from strongroom.cli.flag import FlagError, HelpWanted  # noqa: PLC0415 (as above)

    try:
        return _call(name, command, words, terminal)
    except HelpWanted:
        from strongroom.cli.help import command_help  # noqa: PLC0415 (as above)

        terminal.print(command_help(name, command))
        return 0
    except FlagError as error:
        terminal.warn(str(error))
        return 1
    except Failure as failure:
        if failure.sentence:
            terminal.warn(terminal.colour("31", failure.sentence))
        return failure.code
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 (raised again unless it is the client's)
        return _outside(error, terminal)


def _outside(error: Exception, terminal: Terminal) -> int:
    """The code for what a command let through; a fault of ours is raised again."""
    from strongroom.client.error import ClientError  # noqa: PLC0415 (as above)

    if isinstance(error, ClientError):
        terminal.warn(terminal.colour("31", str(error)))
        return 2
    if type(error).__module__ == "strongroom.cli.dry":
        return 0
    raise error


def _call(name: str, command: Command, words: list[str], terminal: Terminal) -> int:
    from strongroom.cli.flag import Values, parse  # noqa: PLC0415 (as above)
    from strongroom.cli.session import Session  # noqa: PLC0415 (as above)
    from strongroom.client.environment import variable  # noqa: PLC0415 (as above)

    if command.raw and not HELP_WORDS.intersection(words):
        return command.run(Session(name, command, Values(), words, terminal))
    flags, arguments = parse(command.flags, words, lambda key: variable(terminal.environ, key))
    if "format" in flags:
        _check_format(flags["format"], command)
    late = [word for word in arguments if word.startswith("-") and len(word) > 1 and not command.passes_on]
    if late and "--" not in words and flags.get("format", "table") == "table":
        terminal.warn(
            f"Flags must stand before other arguments; these are not read as flags: {' '.join(late)}"
        )
    command.check_count(len(arguments))
    session = Session(name, command, flags, arguments, terminal)
    try:
        return command.run(session)
    finally:
        session.close()


def _check_format(form: str, command: Command) -> None:
    from strongroom.cli.command import Failure  # noqa: PLC0415 (as above)
    from strongroom.cli.output import FORMATS  # noqa: PLC0415 (as above)

    if form.lower() not in FORMATS or (form.lower() == "raw" and command.words != "read"):
        raise Failure(f"Invalid output format: {form}", 1)
