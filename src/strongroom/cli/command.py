"""What a command is: words, arguments, flags, a docstring that is its help, and a function."""

from __future__ import annotations

from strongroom.cli.flag import Flag

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.cli.session import Session

    Run = Callable[[Session], int]


class Failure(Exception):
    """Ends a command with a sentence on standard error and an exit code.

    Code 1: the command line or something on this machine; 2: the server, or nothing found.
    """

    def __init__(self, sentence: str, code: int = 2) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


class doing:  # noqa: N801 (read as a word: with doing("Error reading x"))
    """Ends the command with ``sentence`` before the reason, when the server refuses."""

    def __init__(self, sentence: str, code: int = 2) -> None:
        self.sentence = sentence
        self.code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        from strongroom.client.error import ClientError  # noqa: PLC0415 (only when it went wrong)

        if isinstance(error, ClientError):
            raise Failure(f"{self.sentence}: {error}", self.code) from error


class Command:
    """One leaf of the command tree; ``words`` is its name, as in ``kv metadata get``."""

    __slots__ = ("arguments", "flags", "least", "most", "passes_on", "raw", "run", "words")

    def __init__(
        self,
        words: str,
        run: Run,
        *,
        arguments: str = "",
        flags: tuple[Flag, ...] = (),
        count: tuple[int, int | None] = (0, 0),
        raw: bool = False,
        passes_on: bool = False,
    ) -> None:
        self.words = words
        self.arguments = arguments
        self.flags = flags
        self.least, self.most = count
        self.run = run
        self.raw = raw
        self.passes_on = passes_on

    @property
    def synopsis(self) -> str:
        return self.help.split("\n", 1)[0].rstrip(".")

    @property
    def help(self) -> str:
        lines = (self.run.__doc__ or "").strip().split("\n")
        # Examples are indented, also where the formatter has taken that away.
        rest = (line.removeprefix("    ") for line in lines[1:])
        return "\n".join([lines[0], *(f"    {line}" if line.startswith("$ ") else line for line in rest)])

    def check_count(self, count: int) -> None:
        """Raises Failure when ``count`` arguments are too few or too many."""
        if count < self.least:
            raise Failure(f"Not enough arguments (expected {self._expected()}, got {count})", 1)
        if self.most is not None and count > self.most:
            raise Failure(f"Too many arguments (expected {self._expected()}, got {count})", 1)

    def _expected(self) -> str:
        if self.most is None:
            return f"at least {self.least}" if self.least != 1 else "1"
        return str(self.least) if self.least == self.most else f"{self.least}-{self.most}"


class Commands(dict[str, Command]):
    """The commands of one module, by their words."""

    def add(
        self,
        words: str,
        arguments: str = "",
        *,
        flags: tuple[Flag, ...] = (),
        count: tuple[int, int | None] = (0, 0),
        raw: bool = False,
        passes_on: bool = False,
    ) -> Callable[[Run], Run]:
        """Declares the function below it as the command ``words``.

        ``count`` is the least and the greatest number of arguments (None: any number). The
        function of a ``raw`` command gets all words as arguments and parses flags itself. Of one
        that ``passes_on``, the words after the flags are another program's, which has its own flags.
        """

        def declare(run: Run) -> Run:
            self[words] = Command(
                words, run, arguments=arguments, flags=flags, count=count, raw=raw, passes_on=passes_on
            )
            return run

        return declare
