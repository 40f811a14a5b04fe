"""The directory a store lives in: private to its owner, and written by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from strongroom.errors import StorageFailed

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def create(path: Path) -> None:
    """Make ``path`` (0700, durable) unless it is there; raises StorageFailed."""
    try:
        for folder in reversed([path, *path.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                sync(folder.parent)
    except OSError as error:
        raise StorageFailed(f"cannot create the storage directory {path}", cause=str(error)) from error


def sync(path: Path) -> None:
    """Make the entries of a directory durable: fsync of a file does not cover its name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(path: Path) -> int:
    """Become the one writer of the store at ``path``, until the descriptor returned is closed.

    The lock goes with the process, however it ends. Raises StorageFailed when another has it.
    """
    descriptor = -1
    try:
        descriptor = os.open(path / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        public = f"cannot lock the storage at {path}"
        if isinstance(error, BlockingIOError):
            public = f"another process already writes to the storage at {path}"
        raise StorageFailed(public, cause=str(error)) from error
    return descriptor


def failure(error: OSError) -> StorageFailed:
    """What the client is told of a write that failed."""
    if error.errno in FULL:
        return StorageFailed("the storage is full: nothing was written", cause=str(error))
    return StorageFailed("the storage could not be read or written", cause=str(error))
