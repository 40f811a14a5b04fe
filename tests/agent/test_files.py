"""Files appear whole or not at all, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.agent import files

_DIES = """
import os, signal, sys
from pathlib import Path
from strongroom.agent import files
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
files.write(Path(sys.argv[1]), b"a secret", files.Shape(0o600), default_mode=0o600)
"""


def test_what_a_killed_writer_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _DIES, str(tmp_path / "out")], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.read_bytes() == b"a secret"
    mine = tmp_path / ".out.0123456789ab.tmp"
    mine.touch()
    files.write(tmp_path / "other", b"x", files.Shape(), default_mode=0o600)
    assert {each.name for each in tmp_path.iterdir()} == {"other", mine.name}


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    wait = _DIES.replace("os.kill(os.getpid(), signal.SIGKILL)", "(print(flush=True), sys.stdin.read())")
    line = [sys.executable, "-c", wait, str(tmp_path / "out")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        files.write(tmp_path / "mine", b"x", files.Shape(), default_mode=0o600)
        other.stdin.close()
        assert other.wait(10) == 0
    assert (tmp_path / "out").read_bytes() == b"a secret"
    assert {each.name for each in tmp_path.iterdir()} == {"mine", "out"}


def test_to_whom_a_file_belongs(tmp_path: Path) -> None:
    path = tmp_path / "out"
    assert files.owned(path, files.Shape())
    assert not files.owned(path, files.Shape(uid=os.getuid()))
    path.touch()
    assert files.owned(path, files.Shape(uid=os.getuid(), gid=path.stat().st_gid))
    assert not files.owned(path, files.Shape(uid=os.getuid() + 1))
    assert not files.owned(path, files.Shape(gid=path.stat().st_gid + 1))


def test_devices_and_pipes_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    nothing, pipe = tmp_path / "nothing", tmp_path / "pipe"
    nothing.symlink_to("/dev/null")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in (nothing, pipe):
        files.back_up(path)
        files.write(path, b"a secret", files.Shape(0o600), default_mode=0o600)
    assert os.read(reader, 100) == b"a secret"
    os.close(reader)
    assert nothing.readlink() == Path("/dev/null")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(files.Unwritable, match="No such device"):
        files.write(pipe, b"a secret", files.Shape(), default_mode=0o600)
    assert {each.name for each in tmp_path.iterdir()} == {"nothing", "pipe"}


def test_standard_output_is_one_of_these(tmp_path: Path) -> None:
    place = tmp_path / "stdout"
    place.symlink_to("/proc/self/fd/1")
    code = "import sys; from pathlib import Path; from strongroom.agent import files;"
    code += "files.write(Path(sys.argv[1]), b'x', files.Shape(), default_mode=0o600)"
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", code, str(place)], check=True, stdout=log)
    assert (tmp_path / "log").read_bytes() == b"x"
    assert place.is_symlink()
