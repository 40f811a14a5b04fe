"""Where an agent's log goes."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.agent.config import parsed
from strongroom.agent.config.stanza import Syslog
from strongroom.agent.logs import level_of, logs_of, syslog
from strongroom.agent.process import _log_flags
from strongroom.errors import BadRequest, StrongroomError
from strongroom.log import Logs

WORK = 'template { contents = "x" destination = "y" }\n'


@pytest.fixture
def opened() -> Iterator[list[Logs]]:
    made: list[Logs] = []
    yield made
    for each in made:
        each.close()


def test_a_file_that_keeps_none_of_the_old(tmp_path: Path, opened: list[Logs]) -> None:
    file = f'log_file {{ path = "{tmp_path}/" log_rotate_bytes = 1 log_rotate_max_files = -1 }}'
    opened.append(logs_of(parsed([("c", WORK + 'log_level = "info"\n' + file)]), "template"))
    for word in ("one", "two", "three"):
        logging.getLogger("agent").info(word)
    assert [each.name for each in tmp_path.iterdir()] == ["template.log"]
    assert "three" in (tmp_path / "template.log").read_text()


def test_keys_beside_the_file_and_in_it_mean_the_same(tmp_path: Path, opened: list[Logs]) -> None:
    text = f"""
    log_level = "err"
    log_file = "{tmp_path}/a"
    log_rotate_bytes = 40
    log_rotate_duration = "1h"
    log_rotate_max_files = 1
    """
    config = parsed([("c", WORK + text)])
    stanza = config.log_file
    assert (stanza.path, stanza.log_rotate_bytes, stanza.log_rotate_duration) == (f"{tmp_path}/a", 40, 3_600)
    assert level_of(config) == "error"
    opened.append(logs_of(config))
    for word in ("one", "two", "three"):
        logging.getLogger("agent").error(word)
        logging.getLogger("agent").warning("not told")
    assert len([*tmp_path.iterdir()]) == 2


def test_flags_win(tmp_path: Path) -> None:
    config = parsed([("c", WORK + 'log_file = "a"\nlog_level = "info"')])
    _log_flags(
        config, {"log-file": "b", "log-rotate-duration": "2h", "log-rotate-bytes": 7, "log-level": "warn"}
    )
    stanza = config.log_file
    assert (stanza.path, stanza.log_rotate_duration, stanza.log_rotate_bytes) == ("b", 7_200, 7)
    assert config.log_level == "warn"
    with pytest.raises(StrongroomError, match="-log-rotate-duration must be a duration"):
        _log_flags(config, {"log-rotate-duration": "soon"})


def test_syslog_is_told(tmp_path: Path, opened: list[Logs]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(10)
        logs = Logs("info")
        opened.append(logs)
        logs.to(
            syslog(Syslog(facility="local5", name="app"), (str(tmp_path / "none"), str(tmp_path / "log")))
        )
        logging.getLogger("agent").error("hello")
        line = daemon.recv(1_000).decode()
    assert line.startswith(f"<{21 * 8 + 3}>app: ")
    assert "agent: hello" in line


def test_syslog_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no facility LOCAL9"):
        syslog(Syslog(facility="LOCAL9"))
    with pytest.raises(BadRequest, match="no daemon on this machine"):
        syslog(Syslog(), (str(tmp_path),))
