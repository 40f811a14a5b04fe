"""Where the token of the last login is kept: a file of mode 0600, or a program of the user's.

``~/.vault`` may hold ``token_helper = "/path/to/program"``; it is called with ``get``,
``store`` (the token on its standard input) or ``erase``. The token never stands on a
command line.
"""

from __future__ import annotations

import os

from strongroom.client.environment import variable
from strongroom.client.error import ClientError

TYPE_CHECKING = False  # see environment.py
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = ".vault-token"
CONFIG = ".vault"


class TokenFile:
    """A file in the home directory, or wherever ``TOKEN_PATH`` says."""

    def __init__(self, path: str) -> None:
        self.path = path

    def get(self) -> str:
        """The stored token; empty when there is none."""
        try:
            with open(self.path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to import)
                return file.read().strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise ClientError(f"error reading the token file: {error.strerror}") from error

    def store(self, token: str) -> None:
        """Replaces the file in one step, readable by its owner only from its first byte."""
        fresh = f"{self.path}.{os.getpid()}"
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(token)
            os.replace(fresh, os.path.realpath(self.path))  # noqa: PTH105 (as above)
        except OSError as error:
            raise ClientError(f"error storing token: {error.strerror}") from error

    def erase(self) -> None:
        """Forgets the token; nothing happens when there is none."""
        try:
            os.remove(self.path)  # noqa: PTH107 (as above)
        except FileNotFoundError:
            return


class TokenProgram:
    """An external program that keeps the token, in a keyring for example."""

    def __init__(self, program: str) -> None:
        self.program = program

    def get(self) -> str:
        return self._call("get").strip()

    def store(self, token: str) -> None:
        self._call("store", token)

    def erase(self) -> None:
        self._call("erase")

    def _call(self, verb: str, given: str = "") -> str:
        import subprocess  # noqa: PLC0415 (rare, and slow to import)

        try:
            done = subprocess.run(  # noqa: S603 (the user's own choice of program)
                [self.program, verb], input=given, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise ClientError(f"error using token helper: {error.strerror}") from error
        if done.returncode:
            raise ClientError(f"error using token helper: {verb}: {done.stderr.strip() or done.returncode}")
        return done.stdout


def token_helper(environ: Mapping[str, str]) -> TokenFile | TokenProgram:
    """The helper this user chose, a file unless ``~/.vault`` names a program."""
    if path := variable(environ, "TOKEN_PATH"):
        return TokenFile(path)
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 (pathlib is slow to import)
    config = environ.get("VAULT_CONFIG_PATH") or f"{home}/{CONFIG}"
    if program := configured_program(config):
        return TokenProgram(program)
    return TokenFile(f"{home}/{FILE}")


def configured_program(path: str) -> str:
    """What ``token_helper`` is set to in the file at ``path``; empty without file or setting."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (as above)
            lines = file.read().splitlines()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(f"error reading {path}: {error}") from error
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key.strip().strip('"') == "token_helper":
            program = value.split("#")[0].strip().strip('"')
            return program if "/" in program else f"vault-token-{program}" if program else ""
    return ""
