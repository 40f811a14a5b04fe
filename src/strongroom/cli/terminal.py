"""The streams of one call: what is printed where, what is asked, and whether anyone looks."""

from __future__ import annotations

import sys

from strongroom.cli.command import Failure

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

PAGED_FROM = 60  # lines: longer listings go through $PAGER, on a terminal


class Terminal:
    """Standard input, output and error, and the environment they were opened in."""

    def __init__(
        self,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        if environ is None:
            import os  # noqa: PLC0415 (already loaded; kept beside its use)

            environ = os.environ
        self.environ = environ

    def print(self, text: str = "", end: str = "\n") -> None:
        """Writes ``text`` to standard output."""
        self.stdout.write(text + end)

    def warn(self, text: str = "") -> None:
        """Writes ``text`` to standard error: progress, warnings, failures."""
        self.stdout.flush()
        self.stderr.write(text + "\n")

    def interactive(self) -> bool:
        """Whether standard output is a terminal."""
        return self.stdout.isatty()

    def colour(self, code: str, text: str) -> str:
        """``text`` in a colour (SGR ``code``), on a terminal whose user wants colours."""
        unwanted = ("NO_COLOR", "STRONGROOM_CLI_NO_COLOR", "BAO_CLI_NO_COLOR", "VAULT_CLI_NO_COLOR")
        if not self.stderr.isatty() or any(self.environ.get(name) for name in unwanted):
            return text
        return f"\x1b[{code}m{text}\x1b[0m"

    def page(self, text: str) -> None:
        """Prints ``text``; through the user's pager when it is long and someone looks."""
        pager = self.environ.get("PAGER", "")
        if not self.interactive() or not pager or text.count("\n") < PAGED_FROM:
            self.print(text)
            return
        import shlex  # noqa: PLC0415 (rare)
        import subprocess  # noqa: PLC0415 (rare, and slow to import)

        try:
            subprocess.run(shlex.split(pager), input=text + "\n", text=True, check=False)  # noqa: S603
        except OSError:
            self.print(text)

    def ask_hidden(self, question: str) -> str:
        """The answer to ``question``, typed without echo.

        Raises Failure when standard input is not a terminal: what is piped in is asked for
        with ``-``, so that nothing waits for an answer that cannot come.
        """
        if not self.stdin.isatty():
            self.warn(question)
            raise Failure("standard input is not a terminal", 1)
        import getpass  # noqa: PLC0415 (rare)

        return getpass.getpass(question).strip()

    def read_all(self) -> str:
        """Everything on standard input."""
        return self.stdin.read()
