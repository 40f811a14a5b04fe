"""Storage in plain files, one for each key; atomic batches come from the journal above.

``a/b/c`` is the file ``a.d/b.d/c.v``. Names are escaped so that they are safe on any file system,
also those that fold case; a name too long for one entry goes on in the next folder (``.c``).
Paths are walked one entry at a time, so their length has no limit and links are never followed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import unquote_to_bytes

from strongroom.errors import StorageFailed
from strongroom.storage import directory
from strongroom.storage.physical import InvalidKey, Names
from strongroom.storage.writer import Writer

SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
LONGEST = 240
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

P = ParamSpec("P")
T = TypeVar("T")


class FileTree:
    """Single keys as files (0600) in folders (0700), for :class:`~strongroom.storage.journal.Journal`.

    One process may open a tree. A change is durable when it returns: written aside, fsynced,
    renamed, and the folder fsynced.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        directory.create(self._path)
        self._lock = directory.hold(self._path)
        try:
            self._root, self._aside = self._folder("tree"), self._folder("aside")
        except OSError as error:
            os.close(self._lock)
            raise StorageFailed(f"cannot open the storage at {self._path}", cause=str(error)) from error
        self._writer = Writer("file-writer")
        self._closed = False

    async def get(self, key: str) -> bytes | None:
        """The content of the key's file, or None."""
        return _guarded(self._read, parts(key))

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """Names in one folder; nothing below it is visited."""
        names = sorted(name for name in _guarded(self._names, prefix) if name > after)
        return names[:limit] if limit > 0 else names

    async def put(self, key: str, value: bytes) -> None:
        """Replace the key's file; raises StorageFailed (disk full, I/O error)."""
        await self._writer.run(_guarded, self._write, parts(key), value)

    async def delete(self, key: str) -> None:
        """Remove the key's file, and the folders this leaves empty."""
        await self._writer.run(_guarded, self._remove, parts(key))

    async def close(self) -> None:
        """Finish the change under way and let go of the directory."""
        self._writer.close()
        if not self._closed:
            self._closed = True
            for descriptor in (self._root, self._aside, self._lock):
                os.close(descriptor)

    def _folder(self, name: str) -> int:
        directory.create(self._path / name)
        return os.open(self._path / name, FOLDER)

    def _read(self, path: Names) -> bytes | None:
        folder, depth = self._walk(path[:-1])
        try:
            if depth < len(path) - 1:
                return None
            descriptor = os.open(path[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        finally:
            os.close(folder)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def _write_aside(self, value: bytes) -> None:
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open("new", mode, 0o600, dir_fd=self._aside)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                left = memoryview(value)
                while left:
                    left = left[file.write(left) :]
                os.fsync(descriptor)
        except OSError:
            os.unlink("new", dir_fd=self._aside)  # on a full disk its part would stand in the way
            raise

    def _write(self, path: Names, value: bytes) -> None:
        self._write_aside(value)
        folder, depth = self._walk(path[:-1])
        try:
            for entry in path[depth:-1]:
                os.mkdir(entry, 0o700, dir_fd=folder)
                os.fsync(folder)
                folder = _enter(folder, entry)
                depth += 1
            os.rename("new", path[-1], src_dir_fd=self._aside, dst_dir_fd=folder)
            os.fsync(folder)
        except OSError:
            self._prune(folder, path[:depth])
            raise
        finally:
            os.close(folder)

    def _remove(self, path: Names) -> None:
        folder, depth = self._walk(path[:-1])
        try:
            if depth == len(path) - 1:
                os.unlink(path[-1], dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            pass  # gone already: only the folders may be left, from a crash
        finally:
            self._prune(folder, path[:depth])
            os.close(folder)

    def _names(self, prefix: str) -> set[str]:
        folder, depth = self._walk(path := parts(prefix)[:-1])
        names: set[str] = set()
        pending = [(folder, "")] if depth == len(path) else []
        if not pending:
            os.close(folder)
        while pending:
            folder, so_far = pending.pop()
            try:
                for entry in os.listdir(folder):  # noqa: PTH208  # by descriptor, not by path
                    name, kind = so_far + entry[:-2], entry[-2:]
                    if kind == ".c":
                        pending.append((_enter(os.dup(folder), entry), name))
                    else:
                        names.add(unquote_to_bytes(name).decode() + ("/" if kind == ".d" else ""))
            finally:
                os.close(folder)
        return names

    def _walk(self, path: Names) -> tuple[int, int]:
        """The deepest folder of ``path`` that exists, and how deep it is."""
        folder = os.dup(self._root)
        for depth, entry in enumerate(path):
            try:
                folder = _enter(folder, entry)
            except FileNotFoundError:
                return folder, depth
        return folder, len(path)

    def _prune(self, folder: int, path: Names) -> None:
        """Remove ``folder``, which is at ``path``, and its parents, as long as they are empty."""
        here = os.dup(folder)
        try:
            for entry in reversed(path):
                here = _enter(here, "..")
                os.rmdir(entry, dir_fd=here)
                os.fsync(here)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            os.close(here)


def parts(key: str) -> Names:
    """The entries of the tree that lead to the key's file: folders, then the file."""
    try:
        *folders, name = key.encode().split(b"/")
    except UnicodeEncodeError:
        raise InvalidKey("the path is not valid UTF-8") from None
    entries: Names = []
    for folder in folders:
        entries += _chunks(folder, ".d")
    return entries + _chunks(name, ".v")


def _chunks(name: bytes, kind: str) -> Names:
    escaped = "".join(chr(byte) if byte in SAFE else f"%{byte:02x}" for byte in name)
    last = max(0, len(escaped) - 1) // LONGEST * LONGEST
    return [escaped[at : at + LONGEST] + ".c" for at in range(0, last, LONGEST)] + [escaped[last:] + kind]


def _enter(folder: int, entry: str) -> int:
    """The folder below, in exchange for ``folder``, which stays open if there is none."""
    below = os.open(entry, FOLDER, dir_fd=folder)
    os.close(folder)
    return below


def _guarded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    except OSError as error:
        raise directory.failure(error) from error
