"""A bounded queue of lines and the thread that writes them, for targets that may block."""

from __future__ import annotations

import asyncio
import errno
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic


@dataclass(slots=True)
class _Line:
    data: bytes
    deadline: float
    future: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop
    expiry: asyncio.TimerHandle


class Backlog:
    """Hands lines to ``transmit`` on a thread of its own, in order.

    ``transmit(line, timeout)`` writes the line or raises OSError, if it can within ``timeout``
    seconds. A line that is not written ``deadline`` seconds after it was put fails, also while
    the thread is stuck in an earlier one, and is then not written late: a target that comes back
    gets fresh lines, and none waits for the stale ones. At most ``limit`` lines wait, and at most
    ``size`` bytes behind the first.
    """

    def __init__(
        self,
        transmit: Callable[[bytes, float], None],
        *,
        deadline: float = 2.0,
        limit: int = 1024,
        size: int = 32 << 20,
    ) -> None:
        self._transmit = transmit
        self._deadline = deadline
        self._size = size
        self._held = 0
        self._lines: queue.Queue[_Line | None] = queue.Queue(limit)
        self._thread: threading.Thread | None = None

    def put(self, data: bytes) -> asyncio.Future[None]:
        """A future that is done when ``data`` is written. Raises OSError when the queue is full."""
        loop = asyncio.get_running_loop()
        if self._held > self._size:
            raise _full()
        future = loop.create_future()
        expiry = loop.call_later(self._deadline, _fail, future, _timed_out())
        try:
            self._lines.put_nowait(_Line(data, monotonic() + self._deadline, future, loop, expiry))
        except queue.Full:
            expiry.cancel()
            raise _full() from None
        self._held += len(data)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()
        return future

    def close(self, timeout: float = 1.0) -> None:
        """End the thread after the lines that wait; give up on it after ``timeout`` seconds."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with suppress(queue.Full):  # a stuck thread is a daemon and dies with the process
            self._lines.put(None, timeout=timeout)
            thread.join(timeout)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            error = self._attempt(line)
            with suppress(RuntimeError):  # the loop may be closed: nobody waits any more
                line.loop.call_soon_threadsafe(self._settle, line, error)

    def _attempt(self, line: _Line) -> OSError | None:
        remaining = line.deadline - monotonic()
        if remaining <= 0:
            return _timed_out()
        try:
            self._transmit(line.data, remaining)
        except OSError as error:
            return error
        return None

    def _settle(self, line: _Line, error: OSError | None) -> None:
        self._held -= len(line.data)
        line.expiry.cancel()
        if error is not None:
            _fail(line.future, error)
        elif not line.future.done():
            line.future.set_result(None)


def _fail(future: asyncio.Future[None], error: OSError) -> None:
    if not future.done():
        future.set_exception(error)


def _full() -> OSError:
    return OSError(errno.ENOBUFS, "too many lines are waiting to be written")


def _timed_out() -> OSError:
    return TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
