"""The server's own log: two formats, levels that change while it runs, and subscribers.

Loggers are those of :mod:`logging`, named by the noun they speak for (``core``, ``audit``). What
is to be searchable goes into fields::

    log.info("unsealed", extra={"fields": {"threshold": 3}})

An exception outside our own tree is logged by its type and the places it passed: its message and
its variables may hold secrets.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TextIO

import orjson

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest, StrongroomError

TRACE = 5
logging.addLevelName(TRACE, "TRACE")

LEVELS: Mapping[str, int] = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_WORDS = {number: word for word, number in LEVELS.items()} | {logging.CRITICAL: "error"}

Format = Literal["standard", "json"]

BACKLOG = 1_024
"""Lines that a subscriber may be behind; older ones are dropped and counted."""


def level_number(word: str) -> int:
    """The level of that name, in any case. Raises BadRequest."""
    number = LEVELS.get(word.lower())
    if number is None:
        raise BadRequest("unknown log level")
    return number


def known_format(word: str) -> Format:
    """The format of that name. Raises BadRequest."""
    if word == "json":
        return "json"
    if word == "standard":
        return "standard"
    raise BadRequest("unknown log format")


def _word(number: int) -> str:
    return _WORDS.get(number) or next(
        (word for word, low in reversed([*LEVELS.items()]) if number >= low), "trace"
    )


class Formatter(logging.Formatter):
    """One line a record: ``standard`` for people, ``json`` for machines, both in the peer's shape."""

    def __init__(self, form: Format) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        module = "" if record.name == "root" else record.name
        if self._form == "json":
            return _json(record, module, fields)
        return _standard(record, module, fields)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What is searchable of a record, and what may be told of its exception."""
    fields = dict(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[1] is not None:
        fields |= described(record.exc_info[1])
    return fields


def _json(record: logging.LogRecord, module: str, fields: Mapping[str, Any]) -> str:
    line: dict[str, Any] = {"@level": _word(record.levelno), "@message": message_of(record)}
    if module:
        line["@module"] = module
    line["@timestamp"] = rfc3339(int(record.created * 1_000_000) * 1_000)
    return orjson.dumps(line | dict(fields), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _standard(record: logging.LogRecord, module: str, fields: Mapping[str, Any]) -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    level = f"[{_word(record.levelno).upper()}]"
    words = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
    message = (f"{module}: " if module else "") + message_of(record) + (f": {words}" if words else "")
    return f"{moment}.{int(record.msecs):03d}Z {level:<7} {_one_line(message)}"


def message_of(record: logging.LogRecord) -> str:
    """The message; asyncio's own errors quote arguments and exceptions, so theirs is not shown."""
    if record.name == "asyncio" and record.levelno >= logging.ERROR:
        return "unhandled error in the event loop"
    return record.getMessage()


def _value(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    text = value if isinstance(value, str) else str(value)
    plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if plain else orjson.dumps(text).decode()


def _one_line(text: str) -> str:
    """Nobody writes a second line into the log by way of a message."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def described(error: BaseException) -> dict[str, Any]:
    """What may be logged of an exception: its type and places; words only of our own errors."""
    found: dict[str, Any] = {"error_type": type(error).__qualname__}
    if isinstance(error, StrongroomError):
        found["error"] = error.public
        if error.cause:
            found["cause"] = error.cause
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    found["at"] = " < ".join(f"{_place(each.filename)}:{each.lineno}" for each in reversed(frames))
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None:
        found["after"] = type(origin).__qualname__
    return found


def _place(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a log file is put aside: its size, its age in seconds, and how many to keep (0: all).

    Without ``keeps`` none is.
    """

    max_bytes: int = 0
    max_age: float = 86_400.0
    max_files: int = 0
    keeps: bool = True

    @classmethod
    def configured(cls, max_bytes: int, max_age: float, max_files: int) -> Self:
        """In the words of configurations, where -1 files means that none is kept."""
        return cls(max(max_bytes, 0), max_age, max(max_files, 0), keeps=max_files >= 0)


class RotatingFile(logging.Handler):
    """Appends to a file, puts it aside under the time of the rotation, and deletes the oldest."""

    def __init__(self, path: Path, rotation: Rotation, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._path = path
        self._rotation = rotation
        self._clock = clock
        self._failing = False
        self._open()

    def reopen(self) -> None:
        """Open the file again by its name, after somebody moved it away."""
        with self.lock or threading.RLock():
            self._file.close()
            self._open()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
            if self._file.closed:
                self._open()
            if self._due(len(line)):
                self._rotate()
            self._file.write(line)
            self._size += len(line)
        except OSError as error:
            self._failed(error)
        else:
            self._failing = False

    def close(self) -> None:
        self._file.close()
        super().close()

    def _failed(self, error: OSError) -> None:
        """Told once, and not with the traces that ``logging`` prints: they may hold secrets."""
        if not self._failing:
            self._failing = True
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{self._path} cannot be written: {error.strerror}\n")

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._opened = self._clock()

    def _due(self, more: int) -> bool:
        rotation = self._rotation
        if not self._size:
            return False
        if rotation.max_bytes and self._size + more > rotation.max_bytes:
            return True
        return bool(rotation.max_age) and self._clock() - self._opened >= rotation.max_age

    def _rotate(self) -> None:
        self._file.close()
        stem, suffix = self._path.stem, self._path.suffix
        aside = self._aside()
        # Later than all others even when the clock was set back: the names tell the age.
        moment = max(int(self._clock() * 1_000_000_000), max(aside, default=0) + 1)
        aside[moment] = self._path.rename(self._path.with_name(f"{stem}-{moment}{suffix}"))
        self._open()
        if self._rotation.max_files or not self._rotation.keeps:
            kept = self._rotation.max_files if self._rotation.keeps else 0
            for old in sorted(aside)[: len(aside) - kept]:
                aside[old].unlink(missing_ok=True)

    def _aside(self) -> dict[int, Path]:
        """The files that were put aside, by the time in their names."""
        start = f"{self._path.stem}-"
        found = self._path.parent.glob(f"*{self._path.suffix}")
        names = {each.stem.removeprefix(start): each for each in found if each.stem.startswith(start)}
        return {int(digits): each for digits, each in names.items() if digits.isdecimal()}


class Subscription(logging.Handler):
    """The lines that one reader of sys/monitor has not taken yet. Close it, or use ``with``."""

    def __init__(
        self, logs: Logs, level: int, form: Format, size: int, notify: Callable[[], None] | None
    ) -> None:
        super().__init__(level)
        self.setFormatter(Formatter(form))
        self.dropped = 0
        self.closed = False
        self._logs = logs
        self._lines: deque[str] = deque()
        self._size = size
        self._notify = notify

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) >= self._size:
            self._lines.popleft()
            self.dropped += 1
        self._lines.append(self.format(record))
        if self._notify is not None:
            self._notify()

    def take(self) -> list[str]:
        """All lines since the last call, oldest first."""
        taken = []
        while self._lines:
            taken.append(self._lines.popleft())
        return taken

    def close(self) -> None:
        self._logs.unsubscribe(self)
        super().close()
        if not self.closed:
            self.closed = True
            if self._notify is not None:
                self._notify()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Logs:
    """The outlets of a logger and what hangs below it, and their levels.

    A level is set for the whole or for a name; ``a.b`` follows ``a`` unless it has its own. ``told`` is
    called with :attr:`threshold` whenever it may have changed.
    """

    def __init__(
        self, level: str = "info", form: Format = "standard", *, root: logging.Logger | None = None
    ) -> None:
        self._root = root or logging.getLogger()
        self._form = form
        self._configured = self._default = level_number(level)
        self._levels: dict[str, int] = {}
        self._subscriptions: list[Subscription] = []
        self._outlets: list[logging.Handler] = []
        self.told: Callable[[int], None] | None = None
        self._tune()

    def to_stream(self, stream: TextIO | None = None) -> None:
        """Write to a stream, standard error by default."""
        self._add(logging.StreamHandler(stream or sys.stderr))

    def to_file(self, path: Path, rotation: Rotation | None = None) -> RotatingFile:
        """Write to a file as well. Raises OSError."""
        handler = RotatingFile(path, rotation or Rotation())
        self._add(handler)
        return handler

    def dismiss(self) -> None:
        """End all subscriptions."""
        for subscription in list(self._subscriptions):
            subscription.close()

    def close(self) -> None:
        """Detach every outlet and subscriber."""
        self.dismiss()
        for outlet in self._outlets:
            self._root.removeHandler(outlet)
            outlet.close()
        self._outlets.clear()

    def names(self) -> list[str]:
        """The loggers that exist."""
        known = logging.root.manager.loggerDict.items()
        return sorted(name for name, logger in known if isinstance(logger, logging.Logger))

    def level(self, name: str) -> str:
        """The level in force for a logger."""
        return _word(self._level(name))

    def levels(self) -> dict[str, str]:
        """The level in force for every logger."""
        return {name: self.level(name) for name in self.names()}

    def set_level(self, level: str, name: str = "") -> None:
        """Set the level of one logger, or of all when no name is given. Raises BadRequest."""
        if not level:
            raise BadRequest("level is required")
        if level.lower() not in LEVELS:
            raise BadRequest(f"invalid level provided: unknown log level: {level}")
        if name:
            self._known(name)
            self._levels[name] = LEVELS[level.lower()]
        else:
            self._levels.clear()
            self._default = LEVELS[level.lower()]
        self._tune()

    def configure(self, level: str) -> None:
        """Take over another configured level; levels set for a name stay. Raises BadRequest."""
        self._configured = self._default = level_number(level)
        self._tune()

    def reset_level(self, name: str = "") -> None:
        """Undo :meth:`set_level` for one logger, or for all. Raises BadRequest."""
        if name:
            self._known(name)
            self._levels.pop(name, None)
        else:
            self._levels.clear()
            self._default = self._configured
        self._tune()

    def subscribe(
        self,
        level: str = "info",
        form: str = "standard",
        *,
        size: int = BACKLOG,
        notify: Callable[[], None] | None = None,
    ) -> Subscription:
        """Everything from that level on, whatever the loggers' own levels. Raises BadRequest.

        ``notify`` is called after each line, in the thread that logged it.
        """
        found = Subscription(self, level_number(level), known_format(form), size, notify)
        self._subscriptions.append(found)
        self._root.addHandler(found)
        self._tune()
        return found

    def unsubscribe(self, subscription: Subscription) -> None:
        """Let a subscriber go; closing it does this."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._root.removeHandler(subscription)
            self._tune()

    @property
    def threshold(self) -> int:
        """The lowest level that any outlet or subscriber wants, of whatever logger."""
        return min([self._default, *self._levels.values(), *(each.level for each in self._subscriptions)])

    def follow(self, threshold: int) -> None:
        """Let pass what another process wants, which chooses further."""
        self._levels.clear()
        self._default = threshold
        self._tune()

    def to(self, handler: logging.Handler) -> None:
        """Write to an outlet of somebody else's making."""
        self._add(handler)

    def _add(self, handler: logging.Handler) -> None:
        handler.setFormatter(Formatter(self._form))
        handler.addFilter(lambda record: record.levelno >= self._level(record.name))
        self._outlets.append(handler)
        self._root.addHandler(handler)

    def _known(self, name: str) -> None:
        if name not in self.names():
            raise BadRequest(f'logger "{name}" not found')

    def _level(self, name: str) -> int:
        while name:
            found = self._levels.get(name)
            if found is not None:
                return found
            name = name.rpartition(".")[0]
        return self._default

    def _tune(self) -> None:
        """The root lets pass what anybody wants; the outlets choose."""
        self._root.setLevel(self.threshold)
        if self.told is not None:
            self.told(self.threshold)
