"""FIFOs, character devices and standard output: targets that a slow reader can block."""

from __future__ import annotations

import errno
import os
import select
from asyncio import Future
from time import monotonic

from strongroom.audit.backlog import Backlog

_PIPE_BUF = 4096
"""A pipe that polls as writable takes this many bytes without blocking (POSIX, Linux)."""


class PipeSink:
    """Writes to whatever stands at ``path`` and is no regular file; ``stdout`` is standard output.

    A line that is not taken within ``deadline`` seconds fails. Of a line that fails the reader may
    have got a part; the next one then starts on a line of its own.
    """

    def __init__(self, path: str, *, deadline: float = 2.0) -> None:
        self._path = path
        self._fd = -1
        self._torn = False
        self._stale = False
        self._backlog = Backlog(self._transmit, deadline=deadline)

    def write(self, line: bytes) -> Future[None]:
        """Queue ``line``; the future is done when the target has taken all of it."""
        return self._backlog.put(line)

    def reopen(self) -> None:
        """Open the target anew at the next line: opening is the writing thread's business too."""
        self._stale = True

    def close(self) -> None:
        """Write what waits and close the target."""
        self._backlog.close()
        self._shut()

    def _transmit(self, line: bytes, timeout: float) -> None:
        deadline = monotonic() + timeout
        fd = self._open()
        rest = memoryview(b"\n" + line if self._torn else line)
        whole = len(rest)
        try:
            while rest:
                _await_room(fd, deadline)
                rest = rest[_write(fd, rest[:_PIPE_BUF]) :]
        except OSError as error:
            self._torn |= len(rest) < whole
            if error.errno == errno.EPIPE:  # the reader went; another one may open the FIFO
                self._shut()
            raise
        self._torn = False

    def _open(self) -> int:
        if self._stale:
            self._shut()
        if self._fd < 0:
            # Standard output is shared with others, who did not ask for a non-blocking one.
            flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
            self._fd = os.dup(1) if self._path == "stdout" else os.open(self._path, flags)
            self._stale = False
        return self._fd

    def _shut(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._torn = False


def _await_room(fd: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
        raise TimeoutError(errno.ETIMEDOUT, "the reader does not take the line")


def _write(fd: int, data: memoryview) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
