"""``key=value`` words as data: from the command line, from files, from standard input."""

from __future__ import annotations

from strongroom.cli.command import Failure

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from strongroom.cli.terminal import Terminal


def parse_data(words: Iterable[str], terminal: Terminal) -> dict[str, Any]:
    r"""The object ``words`` describe.

    ``key=value``; ``key=@file`` and ``key=-`` take the value from a file or standard input,
    ``key=\@text`` is literal; ``@file.json`` and ``-`` alone add a whole JSON object. A key
    that comes twice has a list. Raises Failure without repeating what a value was.
    """
    data: dict[str, Any] = {}
    stdin_used = False
    for word in words:
        if word == "-" or (word.endswith("=-") and "=" not in word[:-2]):
            if stdin_used:
                raise Failure("Failed to parse K=V data: stdin already consumed", 1)
            stdin_used = True
        if word == "-":
            data.update(_object(terminal.read_all(), "standard input"))
        elif word.startswith("@"):
            data.update(_object(read_file(word[1:]), word[1:]))
        else:
            _add(data, word, terminal)
    return data


def _add(data: dict[str, Any], word: str, terminal: Terminal) -> None:
    key, equals, value = word.partition("=")
    if not equals:
        raise Failure(
            f'Failed to parse K=V data: invalid key/value pair "{word}": format must be key=value', 1
        )
    if value == "-":
        value = terminal.read_all()
    elif value.startswith("@"):
        value = read_file(value[1:])
    elif value.startswith("\\@"):
        value = value[1:]
    if key not in data:
        data[key] = value
    elif isinstance(data[key], list):
        data[key].append(value)
    else:
        data[key] = [data[key], value]


def read_file(path: str) -> str:
    """The text of the file at ``path``. Raises Failure."""
    import os  # noqa: PLC0415 (already loaded; kept beside its use)

    try:
        with open(os.path.expanduser(path), encoding="utf-8", newline="") as file:  # noqa: PTH111, PTH123 (pathlib is slow to import)
            return file.read()
    except OSError as error:
        raise Failure(
            f"Failed to parse K=V data: error reading file: open {path}: {reason(error)}", 1
        ) from error
    except UnicodeDecodeError as error:
        raise Failure(f"Failed to parse K=V data: error reading file: {path} is not text", 1) from error


def reason(error: OSError) -> str:
    """Why a file could not be used, in the system's words."""
    return (error.strerror or str(error)).lower()


def _object(text: str, source: str) -> dict[str, Any]:
    import json  # noqa: PLC0415 (rare)

    try:
        decoded = json.loads(text)
    except ValueError:
        raise Failure(f"Failed to parse K=V data: {source} does not hold JSON", 1) from None
    if not isinstance(decoded, dict):
        raise Failure(f"Failed to parse K=V data: {source} does not hold a JSON object", 1)
    return decoded


def query_of(data: dict[str, Any]) -> dict[str, str | list[str]]:
    """``data`` as the parameters of a query."""
    return {
        key: [str(item) for item in value] if isinstance(value, list) else str(value)
        for key, value in data.items()
    }
