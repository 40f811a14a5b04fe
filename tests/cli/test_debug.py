from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from strongroom.cli import debug
from tests.cli.conftest import Cli


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug, "SHORTEST", 0.05)


def test_archive(cli: Cli, tmp_path: Path) -> None:
    output = tmp_path / "case"
    argv = (
        "-duration=1ms",
        "-interval=1ms",
        "-target=server-status,config",
        "-target=nope",
        f"-output={output}",
    )
    done = cli("debug", *argv)
    assert done.code == 0, done.err
    assert "Ignoring invalid targets: nope" in done.err
    assert (tmp_path / "case.tar.gz").stat().st_mode & 0o777 == 0o600
    with tarfile.open(f"{output}.tar.gz") as archive:
        names = archive.getnames()
        state = archive.extractfile("case/server-status.json")
        index = archive.extractfile("case/index.json")
        assert state is not None
        assert index is not None
        looks, facts = json.load(state), json.load(index)
    assert sorted(names) == ["case/config.json", "case/index.json", "case/server-status.json"]
    assert looks[0]["answer"]["initialized"] is True
    assert facts["errors"] == []
    assert cli("debug", *argv).code == 1


def test_folder_and_failures(cli: Cli, tmp_path: Path) -> None:
    output = tmp_path / "open"
    argv = ("-duration=1ms", "-target=config", "-compress=false", f"-output={output}")
    assert cli("debug", *argv, STRONGROOM_TOKEN="bad").code == 0
    assert json.loads((output / "config.json").read_text()) == []
    assert json.loads((output / "index.json").read_text())["errors"][0]["target"] == "config"


def test_nothing_to_collect(local: Cli) -> None:
    assert local("debug", "-target=nope").code == 1
