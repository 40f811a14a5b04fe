"""Functions whose values come from outside: the server, files, the environment, programs, the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.template.dependency import (
    CertificateIssue,
    FileContent,
    SecretList,
    SecretRead,
    SecretWrite,
)
from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution, FileWrite
from strongroom.template.function import Library
from strongroom.template.value import Strings

LIBRARY = Library()
function = LIBRARY.function


def pairs(words: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """``key=value`` words as pairs."""
    found: list[tuple[str, str]] = []
    for number, word in enumerate(words, 1):
        if not word:
            continue
        key, sign, value = word.partition("=")
        if not sign:
            raise FunctionError(f"not a key=value pair: argument {number} after the path")
        found.append((key.strip(), value.strip()))
    return tuple(found)


@function("secret")
def secret(execution: Execution, *words: str) -> Any:
    """Reads a secret; with ``key=value`` words it writes them, and the answer is the secret."""
    if not words:
        return None
    path, data = words[0], pairs(words[1:])
    _check_path(path)
    return execution.recall(SecretRead(path) if len(words) == 1 else SecretWrite(path, data), None)


@function("secrets")
def secrets(execution: Execution, path: str) -> Strings:
    """The names under a path."""
    if not path:
        return Strings()
    _check_path(path)
    return Strings(execution.recall(SecretList(path), ()) or ())


@function("pkiCert")
def pki_certificate(execution: Execution, *words: str) -> Any:
    """Issues a certificate, and again only when it nears its end: ``.Cert``, ``.Key``, ``.CA``."""
    if not words:
        return None
    _check_path(words[0])
    return execution.recall(CertificateIssue(words[0], pairs(words[1:])), None)


def _check_path(path: str) -> None:
    if not path.strip().strip("/"):
        raise FunctionError("invalid path")


@function("file")
def file(execution: Execution, path: str) -> str:
    """The content of a file, which is watched for changes."""
    if not path:
        return ""
    _stay_inside(execution, path)
    return str(execution.recall(FileContent(path), "") or "")


def _stay_inside(execution: Execution, path: str) -> None:
    """Raises FunctionError for a path that leads out of the sandbox, by dots or by links."""
    sandbox = execution.options.sandbox_path
    if not sandbox:
        return
    base, full = execution.world.resolved(sandbox), execution.world.resolved(path)
    if full != base and not full.startswith(base.rstrip("/") + "/"):
        raise FunctionError("the path is outside of the sandbox")


@function("env")
def env(execution: Execution, name: str) -> str:
    """A variable of the environment; empty if it is not set."""
    return _environment(execution).get(name, "")


@function("mustEnv")
def must_env(execution: Execution, name: str) -> str:
    """A variable of the environment; fails if it is not set."""
    value = _environment(execution).get(name)
    if value is None:
        raise FunctionError("a required environment variable is not set")
    return value


@function("envOrDefault")
def env_or_default(execution: Execution, name: str, default: str) -> str:
    """A variable of the environment, or a default if it is not set."""
    return _environment(execution).get(name, default)


def _environment(execution: Execution) -> Mapping[str, str]:
    return execution.world.environment()


@function("plugin")
def plugin(execution: Execution, name: str, *arguments: str) -> str:
    """Runs a program, and gives what it prints."""
    if not name:
        return ""
    return execution.world.plugin(name, arguments)


@function("writeToFile")
def write_to_file(execution: Execution, path: str, user: str, group: str, mode: str, *rest: str) -> str:
    """Writes a file: path, user, group, mode such as ``0644``, flags ``append,newline`` if any, content."""
    if not 1 <= len(rest) <= 2:
        raise FunctionError("takes a path, user, group, mode, flags (may be left out) and a content")
    _stay_inside(execution, path)
    flags = frozenset(filter(None, rest[0].split(","))) if len(rest) == 2 else frozenset()
    if not flags <= {"append", "newline"}:
        raise FunctionError('flags are "append" and "newline"')
    execution.writes.append(FileWrite(path, user, group, mode, flags, rest[-1]))
    return ""
