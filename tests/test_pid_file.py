from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.pid_file import pid_file


def test_the_file_is_there_as_long_as_the_process_runs(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with pid_file(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
        assert path.stat().st_mode & 0o777 == 0o644
    assert not path.exists()


def test_it_goes_with_a_process_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with pytest.raises(RuntimeError), pid_file(str(path)):
        raise RuntimeError
    assert not path.exists()


def test_no_file_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pid_file(""):
        assert not list(tmp_path.iterdir())


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), pid_file(str(tmp_path / "none" / "pid")):
        raise AssertionError("it must not be reached")
