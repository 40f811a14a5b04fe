from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest

from strongroom.audit.syslog import syslog_sink
from strongroom.errors import BadRequest


def run(facility: str, device: Path, *lines: bytes) -> None:
    async def scenario() -> None:
        sink = syslog_sink(facility, "strongroom", (str(device) + "-absent", str(device)))
        try:
            for line in lines:
                await sink.write(line)
        finally:
            sink.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("facility", "priority"), (("AUTH", 38), ("auth", 38), ("KERN", 6), ("LOCAL0", 134), ("LOCAL7", 190))
)
def test_datagram_in_the_form_of_rfc_3164(tmp_path: Path, facility: str, priority: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(5)
        run(facility, tmp_path / "log", b'{"a":1}\n')
        message = daemon.recv(1000)
    form = rb'<%d>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d strongroom\[%d\]: \{"a":1\}\n'
    assert re.fullmatch(form % (priority, os.getpid()), message)


def test_stream(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.listen()
        run("AUTH", tmp_path / "log", b"one\n", b"two\n")
        connection, _ = daemon.accept()
        with connection:
            lines = connection.recv(1000).splitlines()
    assert [line.rpartition(b" ")[2] for line in lines] == [b"one", b"two"]


def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Unix syslog delivery error"):
        run("AUTH", tmp_path / "log", b"lost\n")


def test_unknown_facility() -> None:
    with pytest.raises(BadRequest, match="invalid syslog facility: XX"):
        syslog_sink("XX", "strongroom")
