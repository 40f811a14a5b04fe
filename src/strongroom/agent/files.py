"""Files that appear whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import re
import secrets
import stat
from pathlib import Path

from msgspec import Struct

from strongroom.errors import StrongroomError

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{12}\.strongroom-tmp")
_swept: set[Path] = set()
"""Folders that were looked through for what dead writers left."""


class Unwritable(StrongroomError):
    """The file could not be written; what stood there still does."""


class Shape(Struct, frozen=True):
    """Mode and owner of a file; None keeps what the file has, or the system's default for a new one."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def user_id(name: str) -> int:
    """The number of a user, by name or number. Raises Unwritable."""
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise Unwritable(f"there is no user {name}") from None


def group_id(name: str) -> int:
    """The number of a group, by name or number. Raises Unwritable."""
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Unwritable(f"there is no group {name}") from None


def owned(path: Path, shape: Shape) -> bool:
    """Whether a file that is there belongs to whom it should."""
    if shape.uid is None and shape.gid is None:
        return True
    try:
        found = path.stat()
    except OSError:
        return False
    return shape.uid in {None, found.st_uid} and shape.gid in {None, found.st_gid}


def write(path: Path, content: bytes, shape: Shape, *, default_mode: int, create_dirs: bool = False) -> None:
    """Put ``content`` at ``path``. Raises Unwritable, which names the place and never the content."""
    try:
        if create_dirs:
            path.parent.mkdir(parents=True, exist_ok=True)
        if is_special(path):
            _pour(path, content)
            return
        _sweep(path.parent)
        _replace(path, content, _completed(path, shape, default_mode))
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None


def check_place(path: Path) -> None:
    """See whether a file may be made at ``path`` at all. Raises Unwritable; a full disk is no reason."""
    if is_special(path):
        return
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.strongroom-tmp")
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        beside.unlink()
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise Unwritable(f"{path} cannot be written: {error.strerror}") from None


def is_special(path: Path) -> bool:
    """Whether a device, a pipe or an open descriptor is there: such is written to, and never replaced."""
    try:
        kind = path.stat().st_mode
        aim = str(path.readlink() if path.is_symlink() else path)
    except OSError:
        return False
    return stat.S_ISCHR(kind) or stat.S_ISFIFO(kind) or aim.startswith(("/proc/", "/dev/fd/"))


def _pour(path: Path, content: bytes) -> None:
    """Write to what cannot be replaced. A pipe that nobody reads fails, and keeps nobody waiting."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def _completed(path: Path, shape: Shape, default_mode: int) -> Shape:
    """With what the file that is there has."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return Shape(default_mode if shape.mode is None else shape.mode, shape.uid, shape.gid)
    return Shape(
        found.st_mode & 0o7777 if shape.mode is None else shape.mode,
        found.st_uid if shape.uid is None else shape.uid,
        found.st_gid if shape.gid is None else shape.gid,
    )


def _replace(path: Path, content: bytes, shape: Shape) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.strongroom-tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            file.write(content)
            file.flush()
            _own(file.fileno(), shape)
            os.fsync(file.fileno())
            beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _sweep(folder: Path) -> None:
    """Delete what writers that were killed have left in a folder: it holds secrets. Once for each process.

    A writer at work holds a lock.
    """
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if _UNFINISHED.fullmatch(each.name):
                _delete_unlocked(each)


def _delete_unlocked(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def _own(descriptor: int, shape: Shape) -> None:
    if shape.uid is not None or shape.gid is not None:
        uid, gid = -1 if shape.uid is None else shape.uid, -1 if shape.gid is None else shape.gid
        now = os.fstat(descriptor)
        if (uid not in {-1, now.st_uid}) or (gid not in {-1, now.st_gid}):
            os.fchown(descriptor, uid, gid)
    if shape.mode is not None:
        os.fchmod(descriptor, shape.mode)


def back_up(path: Path) -> None:
    """Keep a copy of the file as ``<name>.bak``, if there is one. Raises Unwritable."""
    if not path.exists() or is_special(path):
        return
    try:
        content = path.read_bytes()
        write(
            path.with_name(path.name + ".bak"),
            content,
            Shape(path.stat().st_mode & 0o7777),
            default_mode=0o600,
        )
        import shutil  # noqa: PLC0415  brings three compressions, at every start of an agent

        with contextlib.suppress(OSError):
            shutil.copystat(path, path.with_name(path.name + ".bak"))
    except OSError as error:
        raise Unwritable(f"{path} cannot be backed up: {error.strerror}") from None
