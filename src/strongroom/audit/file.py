"""A regular file as audit log: appended to inline, one system call a line."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from time import monotonic

_CHECK_INTERVAL = 1.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK


class FileSink:
    """Appends to the file at ``path``, creating it and the folders above it.

    ``mode`` is the file's permissions; None leaves those of an existing file, less any execute
    bit. The file is opened at the first line, and again within a second after it was moved away
    or deleted, so log rotation needs no signal. A full disk leaves no half line behind.
    """

    def __init__(self, path: str, mode: int | None = 0o600) -> None:
        self._path = Path(path).absolute()
        self._mode = mode
        self._fd = -1
        self._identity = (0, 0)
        self._next_check = 0.0
        self._torn = False

    def write(self, line: bytes) -> None:
        """Append ``line``. Raises OSError; the file then holds nothing of it."""
        if monotonic() >= self._next_check:
            self._follow()
        if self._torn:
            line = b"\n" + line
        written = os.write(self._fd, line)
        if written == len(line):
            self._torn = False
        else:
            self._finish(line, written)

    def reopen(self) -> None:
        """Open the file anew. On failure, raised as OSError, the old one stays in use."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._path, _FLAGS, 0o600)
        try:
            self._identity = _claim(fd, self._mode)
        except OSError:
            os.close(fd)
            raise
        self.close()
        self._fd = fd
        self._next_check = monotonic() + _CHECK_INTERVAL

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._next_check = 0.0
        self._torn = False

    def _follow(self) -> None:
        """Open the file if it is not open, or no longer the one at ``path``."""
        if self._fd < 0 or _identity_at(self._path) != self._identity:
            self.reopen()
        self._next_check = monotonic() + _CHECK_INTERVAL

    def _finish(self, line: bytes, written: int) -> None:
        """Write the rest of a line of which only a part was taken, or take that part back."""
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            self._retract(written)
            raise
        self._torn = False

    def _retract(self, written: int) -> None:
        """Cut the last ``written`` bytes off, unless somebody has appended after them.

        Then, or when the cut fails, the next line starts on a line of its own.
        """
        try:
            end = os.lseek(self._fd, 0, os.SEEK_CUR)
            if os.fstat(self._fd).st_size == end:
                os.ftruncate(self._fd, end - written)
                return
        except OSError:
            pass  # the error that led here is the one to report
        self._torn = True


def _identity_at(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


def _claim(fd: int, mode: int | None) -> tuple[int, int]:
    """Give the opened file its permissions, never to be executed (CVE-2025-6000), and identify it."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    wanted = stat.S_IMODE(status.st_mode) & 0o666 if mode is None else mode & 0o666
    if stat.S_IMODE(status.st_mode) != wanted:
        os.fchmod(fd, wanted)
    return status.st_dev, status.st_ino
