"""A file that names the process, for whoever sends it signals."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def pid_file(path: str) -> Iterator[None]:
    """A file with the process's ID, for as long as it runs; nothing for an empty path. Raises OSError."""
    if not path:
        yield
        return
    file = Path(path)
    file.write_text(f"{os.getpid()}\n")
    file.chmod(0o644)  # a process ID is no secret, and service supervisors run as others
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
