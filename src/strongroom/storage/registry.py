"""The kinds of storage by the names the configuration uses. What is not used is not imported."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.errors import StorageFailed
from strongroom.storage.physical import Physical


def open_storage(kind: str, options: dict[str, str]) -> Physical:
    """Open the storage of a ``storage`` stanza; raises StorageFailed with a sentence for the operator."""
    opener = KINDS.get(kind)
    if opener is None:
        raise StorageFailed(f"unknown storage type {kind!r}; known are: {', '.join(sorted(KINDS))}")
    return opener(options)


def _inmem(_options: dict[str, str]) -> Physical:
    from strongroom.storage.inmem import InMem  # noqa: PLC0415  # only when asked for

    return InMem()


def _lmdb(options: dict[str, str]) -> Physical:
    from strongroom.storage.lmdb import LMDB, MAP_SIZE  # noqa: PLC0415  # only when asked for

    size = options.get("map_size", str(MAP_SIZE))
    if not size.isdigit():
        raise StorageFailed("storage option map_size is not a number of bytes")
    return LMDB(_path("lmdb", options), map_size=int(size))


def _file(options: dict[str, str]) -> Physical:
    from strongroom.storage.file import FileTree  # noqa: PLC0415  # only when asked for
    from strongroom.storage.journal import Journal  # noqa: PLC0415

    return Journal(FileTree(_path("file", options)))


def _path(kind: str, options: dict[str, str]) -> str:
    if not options.get("path"):
        raise StorageFailed(f"storage type {kind!r} needs the option path")
    return options["path"]


KINDS: dict[str, Callable[[dict[str, str]], Physical]] = {"inmem": _inmem, "lmdb": _lmdb, "file": _file}
