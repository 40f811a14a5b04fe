from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.audit import file
from strongroom.audit.file import FileSink


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_lines_are_appended_at_once(log: Path) -> None:
    log.write_bytes(b"before\n")
    sink = FileSink(str(log))
    sink.write(b"one\n")
    assert log.read_bytes() == b"before\none\n"
    sink.write(b"two\n")
    assert log.read_bytes() == b"before\none\ntwo\n"
    sink.close()


def test_folders_are_made_and_kept_private(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "a" / "b" / "audit.log"))
    sink.write(b"one\n")
    assert (tmp_path / "a" / "b" / "audit.log").read_bytes() == b"one\n"
    assert mode_of(tmp_path / "a" / "b") == 0o700
    sink.close()


@pytest.mark.parametrize(
    ("existing", "mode", "expected"),
    (
        (None, 0o600, 0o600),
        (None, 0o640, 0o640),
        (0o644, 0o600, 0o600),
        (0o600, 0o666, 0o666),
        (None, None, 0o600),
        (0o644, None, 0o644),
        (0o755, None, 0o644),
        (0o6755, None, 0o644),
        (0o755, 0o600, 0o600),
        (None, 0o777, 0o666),
        (None, 0o4600, 0o600),
    ),
)
def test_permissions_never_include_execution(
    log: Path, existing: int | None, mode: int | None, expected: int
) -> None:
    if existing is not None:
        log.touch()
        log.chmod(existing)
    sink = FileSink(str(log), mode)
    sink.write(b"one\n")
    assert mode_of(log) == expected
    sink.close()


def test_descriptor_is_not_inherited(log: Path) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    assert not os.get_inheritable(sink._fd)
    sink.close()


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path))
    with pytest.raises(IsADirectoryError):
        sink.write(b"one\n")
    with pytest.raises(IsADirectoryError):
        sink.reopen()


def test_fifo_in_place_of_the_file_is_refused_without_blocking(log: Path) -> None:
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    sink = FileSink(str(log))
    before = open_descriptors()
    with pytest.raises(OSError, match="not a regular file"):
        sink.write(b"one\n")
    assert open_descriptors() == before
    os.close(reader)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr(file, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def test_moved_file_is_replaced_within_a_second(log: Path, clock: Callable[[float], None]) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    moved = log.rename(log.with_suffix(".1"))
    clock(0.5)
    sink.write(b"two\n")
    assert not log.exists()
    clock(0.6)
    sink.write(b"three\n")
    assert moved.read_bytes() == b"one\ntwo\n"
    assert log.read_bytes() == b"three\n"
    sink.close()


def test_the_path_is_looked_at_once_a_second(
    log: Path, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    looks = []
    identity_at = file._identity_at

    def look(path: Path) -> tuple[int, int]:
        looks.append(path)
        return identity_at(path)

    monkeypatch.setattr(file, "_identity_at", look)
    for _ in range(3):
        clock(1.0)
        for _ in range(10):
            sink.write(b"more\n")
    assert len(looks) == 3
    sink.close()


def test_deleted_and_replaced_files_are_noticed(log: Path, clock: Callable[[float], None]) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    log.unlink()
    clock(1.0)
    sink.write(b"two\n")
    assert log.read_bytes() == b"two\n"
    other = log.with_name("other")
    other.write_bytes(b"other\n")
    other.rename(log)
    clock(1.0)
    sink.write(b"three\n")
    assert log.read_bytes() == b"other\nthree\n"
    sink.close()


def test_moved_file_that_cannot_be_replaced_fails_until_it_can(
    log: Path, clock: Callable[[float], None]
) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    log.unlink()
    log.mkdir()
    clock(1.0)
    for _ in range(2):
        with pytest.raises(IsADirectoryError):
            sink.write(b"lost\n")
    log.rmdir()
    sink.write(b"two\n")
    assert log.read_bytes() == b"two\n"
    sink.close()


def test_truncated_by_the_log_rotation(log: Path) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    os.truncate(log, 0)
    sink.write(b"two\n")
    assert log.read_bytes() == b"two\n"
    sink.close()


def test_reopen_uses_the_new_file_at_once(log: Path) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")
    log.rename(log.with_suffix(".1"))
    sink.reopen()
    sink.write(b"two\n")
    assert log.read_bytes() == b"two\n"
    sink.close()


def test_failed_reopen_keeps_the_old_file(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = FileSink(str(log))
    sink.write(b"one\n")

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(PermissionError):
            sink.reopen()
    sink.write(b"two\n")
    assert log.read_bytes() == b"one\ntwo\n"
    sink.close()


def test_closed_sink_leaks_no_descriptor(log: Path) -> None:
    before = open_descriptors()
    sink = FileSink(str(log))
    for _ in range(3):
        sink.write(b"one\n")
        sink.reopen()
    sink.close()
    sink.close()
    assert open_descriptors() == before


class Disk:
    """Takes ``room`` bytes, then is full; all else is the real file."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self.calls = 0
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: bytes) -> int:
        self.calls += 1
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self._write(fd, data[: self.room])
        self.room -= taken
        return taken


def test_one_system_call_a_line(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(1000, monkeypatch)
    sink = FileSink(str(log))
    sink.write(b"x" * 500 + b"\n")
    assert disk.calls == 1
    sink.close()


def test_full_disk_leaves_no_half_line(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(9, monkeypatch)
    sink = FileSink(str(log))
    sink.write(b"one\n")
    for room in (5, 3, 0):
        disk.room = room
        with pytest.raises(OSError, match="No space left"):
            sink.write(b"second\n")
        assert log.read_bytes() == b"one\n"
    disk.room = 100
    sink.write(b"third\n")
    assert log.read_bytes() == b"one\nthird\n"
    sink.close()


def test_short_write_that_can_be_finished_is_finished(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, sizes = os.write, [2, 1, 100]
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: sizes.pop(0)]))
    sink = FileSink(str(log))
    sink.write(b"second\n")
    assert log.read_bytes() == b"second\n"
    sink.close()


def test_half_line_that_cannot_be_cut_off_is_ended(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process appended after it: cutting would take its line."""
    sink = FileSink(str(log))
    sink.write(b"one\n")
    disk = Disk(3, monkeypatch)
    lseek = os.lseek

    def interfere(fd: int, offset: int, whence: int) -> int:
        with log.open("ab") as other:
            other.write(b"other\n")
        return lseek(fd, offset, whence)

    monkeypatch.setattr(os, "lseek", interfere)
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"second\n")
    assert log.read_bytes() == b"one\nsecother\n"
    disk.room = 100
    sink.write(b"third\n")
    sink.write(b"fourth\n")
    assert log.read_bytes() == b"one\nsecother\n\nthird\nfourth\n"
    sink.close()


def test_real_file_size_limit(log: Path) -> None:
    """The kernel itself takes a part of the line and refuses the rest."""
    script = textwrap.dedent(f"""
        import resource
        from strongroom.audit.file import FileSink
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        sink = FileSink({str(log)!r})
        taken = 0
        for _ in range(20):
            try:
                sink.write(b"x" * 299 + b"\\n")
                taken += 1
            except OSError as error:
                assert error.errno == 27, error
        print(taken)
    """)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)
    assert done.stdout == b"3\n"
    assert log.read_bytes() == (b"x" * 299 + b"\n") * 3


def test_size_limit_is_an_error_and_no_signal() -> None:
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    assert resource.getrlimit(resource.RLIMIT_FSIZE)


def test_two_sinks_and_threads_share_a_file_without_mixing_lines(log: Path) -> None:
    sinks = [FileSink(str(log)), FileSink(str(log))]

    def work(number: int) -> None:
        for _ in range(200):
            sinks[number % 2].write(bytes([ord("a") + number]) * 500 + b"\n")

    for sink in sinks:
        sink.reopen()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = log.read_bytes().splitlines()
    assert len(lines) == 800
    assert all(len(set(line)) == 1 and len(line) == 500 for line in lines)
    for sink in sinks:
        sink.close()
