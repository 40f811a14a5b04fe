"""A disk for an agent that can be filled and emptied while it runs.

It is a small file system of the agent's own where this machine lets one be mounted, and otherwise a folder in
which the C library's writes fail as on a full disk: both need no privilege, and the second works everywhere.
"""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.agent.agents import Running

SIZE = 1 << 20
_MOUNTED = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
_UNSHARED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED, "sh", str(SIZE))
_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int full(int fd) {
    char link[64], place[4096];
    const char *folder = getenv("FULL_DISK"), *flag = getenv("FULL_DISK_FLAG");
    if (!folder || !flag || access(flag, F_OK)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, place, sizeof place - 1);
    if (length < 0) return 0;
    place[length] = 0;
    return strncmp(place, folder, strlen(folder)) == 0;
}
#define FAILS(type, name, arguments, passed)                       \
    type name arguments {                                          \
        static type (*real) arguments;                             \
        if (!real) real = dlsym(RTLD_NEXT, #name);                 \
        if (full(fd)) { errno = ENOSPC; return -1; }               \
        return real passed;                                        \
    }
FAILS(ssize_t, write, (int fd, const void *from, size_t count), (fd, from, count))
FAILS(ssize_t, writev, (int fd, const struct iovec *from, int count), (fd, from, count))
FAILS(ssize_t, pwrite, (int fd, const void *from, size_t count, off_t at), (fd, from, count, at))
FAILS(ssize_t, pwrite64, (int fd, const void *from, size_t count, off_t at), (fd, from, count, at))
FAILS(int, fsync, (int fd), (fd))
"""


class Disk(Protocol):
    """What tests do with either kind. ``program`` is prepended to the agent's words."""

    def program(self, folder: Path) -> tuple[str, ...]:
        """What starts an agent that has the disk at ``folder``."""

    def environment(self, folder: Path) -> dict[str, str]:
        """What the agent needs besides."""

    def root(self, agent: Running, folder: Path) -> Path:
        """The folder as the running agent sees it."""

    def fill(self, agent: Running, folder: Path) -> None:
        """Let nothing more be written."""

    def free(self, agent: Running, folder: Path) -> None:
        """Have room again."""


class Mounted:
    """A file system in memory that the agent alone sees; it goes with the agent."""

    def program(self, folder: Path) -> tuple[str, ...]:
        return (*_UNSHARED, str(folder))

    def environment(self, folder: Path) -> dict[str, str]:
        return {}

    def root(self, agent: Running, folder: Path) -> Path:
        return Path(f"/proc/{agent.process.pid}/root{folder}")

    def fill(self, agent: Running, folder: Path) -> None:
        with (self.root(agent, folder) / "ballast").open("wb", buffering=0) as ballast:
            try:
                for size in (65_536, 4_096, 1):
                    while True:
                        try:
                            ballast.write(b"\0" * size)
                        except OSError as error:
                            if error.errno != errno.ENOSPC:
                                raise
                            break
            finally:
                ballast.flush()

    def free(self, agent: Running, folder: Path) -> None:
        (self.root(agent, folder) / "ballast").unlink()


class Pretended:
    """A folder whose writes fail as long as a file beside it is there."""

    def __init__(self, library: Path) -> None:
        self._library = library

    def program(self, folder: Path) -> tuple[str, ...]:
        return ("env", f"LD_PRELOAD={self._library}")

    def environment(self, folder: Path) -> dict[str, str]:
        return {"FULL_DISK": f"{folder}/", "FULL_DISK_FLAG": f"{folder}.full"}

    def root(self, agent: Running, folder: Path) -> Path:
        return folder

    def fill(self, agent: Running, folder: Path) -> None:
        Path(f"{folder}.full").touch()

    def free(self, agent: Running, folder: Path) -> None:
        Path(f"{folder}.full").unlink()


def can_mount(folder: Path) -> bool:
    """Whether this machine lets tests mount a file system of their own."""
    line: Sequence[str] = (*_UNSHARED, str(folder), "true")
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


def pretended(folder: Path) -> Pretended:
    """The kind that works everywhere."""
    source, library = folder / "full.c", folder / "full.so"
    source.write_text(_SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return Pretended(library)
