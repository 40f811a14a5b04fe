from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from strongroom.testing.local import LocalServer

TESTS = """
def test_one(strongroom):
    strongroom.client().write("secret/data/x", {"data": {"a": "1"}})
    assert strongroom.client().read("secret/data/x")["data"]["data"] == {"a": "1"}

def test_two(strongroom):
    assert strongroom.client().read("secret/data/x") is None

def test_first_of_session(strongroom_session):
    strongroom_session.client().write("secret/data/y", {"data": {"a": "1"}})

def test_second_of_session(strongroom_session, strongroom):
    assert strongroom_session.client().read("secret/data/y")
    assert strongroom_session.address != strongroom.address
"""
USELESS = """
import sys

def test_nothing_is_imported_that_nobody_asked_for():
    loaded = [name for name in sys.modules if name.startswith("strongroom.")]
    assert sorted(loaded) == ["strongroom.testing", "strongroom.testing.plugin"]
"""


def run(folder: Path, source: str) -> str:
    (folder / "test_it.py").write_text(source)
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        str(folder),
    ]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_plugin_is_registered() -> None:
    assert [point.value for point in entry_points(group="pytest11", name="strongroom")] == [
        "strongroom.testing.plugin"
    ]


def test_the_fixtures_in_a_project_of_its_own(tmp_path: Path) -> None:
    assert "4 passed" in run(tmp_path, TESTS)


def test_a_project_that_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, USELESS)


def test_the_fixture_here(strongroom: LocalServer) -> None:
    assert strongroom.client().read("secret/data/x") is None
