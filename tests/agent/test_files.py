"""Files appear whole or not at all, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

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
