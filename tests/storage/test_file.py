"""Files: private, contained in their folder, and whole after a crash at any system call."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import StorageFailed
from strongroom.storage.file import FileTree, parts
from strongroom.storage.journal import Journal
from strongroom.storage.physical import Batch

OLD = {"a/b": b"1", "a/c/d": b"1", "e": b"1"}
BATCH = Batch({"a/b": b"2", "f/g/h": b"2", "e": None}, ranges=["a/c/"])
NEW = {"a/b": b"2", "f/g/h": b"2"}


class Crash(Exception):  # an event, not an error the code may handle
    """The process is gone."""


async def fill(path: Path) -> None:
    journal = Journal(FileTree(path))
    await journal.commit(Batch(dict(OLD)))
    await journal.close()


async def state(path: Path) -> dict[str, bytes | None]:
    journal = Journal(FileTree(path))
    snapshot = journal.snapshot()
    rows = {key: await snapshot.get(key) for key in await snapshot.scan("")}
    await journal.close()
    return rows


def folders(path: Path) -> set[str]:
    return {str(found.relative_to(path)) for found in path.rglob("*.d")}


class Calls:
    """Lets the first ``limit`` changing system calls through; with the next the process is gone."""

    def __init__(self, patch: pytest.MonkeyPatch, limit: int) -> None:
        self.left = limit
        for name in ("fsync", "rename", "unlink", "mkdir", "rmdir"):
            patch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Crash
            return real(*args, **kwargs)

        return call


def test_a_crash_at_any_system_call_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crashed(path: Path, limit: int) -> bool:
        await fill(path)
        journal = Journal(FileTree(path))
        try:
            with monkeypatch.context() as patch:
                Calls(patch, limit)
                await journal.commit(BATCH)
        except Crash:
            return True
        finally:
            await journal.close()
        return False

    async def main() -> list[bool]:
        outcomes, limit = [], 0
        while await crashed(path := tmp_path / str(limit), limit):
            found = await state(path)
            assert found in (OLD, NEW)
            expected = {"a.d", "f.d", "f.d/g.d"} if found == NEW else {"a.d", "a.d/c.d"}
            assert folders(path / "tree" / "data.d") == expected
            outcomes.append(found == NEW)
            limit += 1
        return outcomes

    outcomes = asyncio.run(main())
    assert outcomes == sorted(outcomes)  # once new, always new
    assert len(outcomes) > 20
    assert outcomes[-1]
    assert not outcomes[0]


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        asyncio.run(fill(tmp_path / "data"))
    finally:
        os.umask(old)
    for found in (tmp_path / "data", *(tmp_path / "data").rglob("*")):
        expected = 0o700 if found.is_dir() else 0o600
        assert stat.S_IMODE(found.stat().st_mode) == expected, found


def test_every_file_is_synced_before_it_is_named_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        calls.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        real_fsync(descriptor)

    def rename(*args: Any, **kwargs: Any) -> None:
        calls.append("rename")
        real_rename(*args, **kwargs)

    async def main() -> None:
        tree = FileTree(tmp_path)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "rename", rename)
        await tree.put("a/b", b"1")
        await tree.close()

    asyncio.run(main())
    assert calls == ["new", "tree", "rename", "a.d"]


def test_names_cannot_leave_the_tree_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()

    async def main() -> None:
        tree = FileTree(tmp_path / "data")
        await tree.put("../../outside/x", b"1")
        (tmp_path / "data" / "tree" / "link.d").symlink_to(tmp_path / "outside")
        with pytest.raises(StorageFailed):
            await tree.put("link/x", b"1")
        await tree.close()

    asyncio.run(main())
    assert list((tmp_path / "outside").iterdir()) == []
    assert parts("../a/%") == ["%2e%2e.d", "a.d", "%25.v"]
    assert all(len(part) < 256 for part in parts("é" * 1_000 + "/" + "A" * 1_000))
    assert len({tuple(part.casefold() for part in parts(key)) for key in ("A", "a", "%41", "a.v", "a/")}) == 5


def test_a_full_disk_refuses_the_change_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main() -> None:
        tree = FileTree(tmp_path)
        await tree.put("a", b"1")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageFailed, match="the storage is full: nothing was written"):
                await tree.put("a", b"2" * 100)
        assert await tree.get("a") == b"1"
        assert list((tmp_path / "aside").iterdir()) == []
        await tree.close()

    asyncio.run(main())


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        tree = FileTree(tmp_path)
        with pytest.raises(StorageFailed, match="another process already writes"):
            FileTree(tmp_path)
        await tree.close()
        await FileTree(tmp_path).close()

    asyncio.run(main())
