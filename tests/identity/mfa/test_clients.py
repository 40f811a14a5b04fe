"""Logins with a second factor at the keyboard: the peer's command line and our own, on a real terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.identity.mfa.totp_device import Device
from tests.server import PEER, Server

OURS = (str(Path(sys.executable).with_name("strongroom")),)
SECONDS = 60


class Door:
    """A userpass mount whose user needs a code."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.path = f"u{uuid.uuid4().hex[:8]}"
        self.write(f"sys/auth/{self.path}", type="userpass")
        self.write(f"auth/{self.path}/users/ann", password="pw")
        auth = server.api.request("POST", f"auth/{self.path}/login/ann", {"password": "pw"}).json["auth"]
        accessor = server.api.request("GET", f"sys/auth/{self.path}").json["data"]["accessor"]
        self.method = self.write("identity/mfa/method/totp", issuer="S")["method_id"]
        asked = {"method_id": self.method, "entity_id": auth["entity_id"]}
        self.device = Device(self.write("identity/mfa/method/totp/admin-generate", **asked)["url"])
        self.write(
            f"identity/mfa/login-enforcement/{self.path}",
            mfa_method_ids=[self.method],
            auth_method_accessors=[accessor],
        )

    def write(self, path: str, **fields: Any) -> Any:
        answer = self.server.api.request("POST", path, fields, token=self.server.root_token)
        assert answer.status in (200, 204), answer
        return (answer.json or {}).get("data")

    def line(self, *more: str) -> list[str]:
        return ["login", *more, "-method=userpass", f"-path={self.path}", "username=ann", "password=pw"]

    def code(self) -> str:
        return self.device.code(time.time())


@pytest.fixture
def door(server: Server) -> Door:
    return Door(server)


def at_a_terminal(
    argv: list[str], environment: dict[str, str], question: bytes, door: Door
) -> tuple[int, str]:
    """Exit code and all that was shown, when somebody types the code at the question."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, environment)
    shown, typed, end = b"", False, time.monotonic() + SECONDS
    with contextlib.suppress(OSError):  # how a closed terminal reads
        while time.monotonic() < end and select.select([fd], [], [], SECONDS)[0]:
            part = os.read(fd, 4096)
            if not part:
                break
            shown += part
            if question in shown and not typed:
                typed = bool(os.write(fd, door.code().encode() + b"\n"))
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def environment(door: Door, home: Path) -> dict[str, str]:
    return door.server.environment | {"HOME": str(home), "VAULT_TOKEN": "", "BAO_TOKEN": ""}


@pytest.mark.parametrize(
    ("command", "question"),
    (((*PEER,), b"passphrase"), (OURS, b"Passcode of")),
    ids=("peer", "ours"),
)
def test_the_code_is_asked_for(command: tuple[str, ...], question: bytes, door: Door, tmp_path: Path) -> None:
    argv = [*command, *door.line()]
    code, shown = at_a_terminal(argv, environment(door, tmp_path), question, door)
    assert code == 0, shown
    stored = (tmp_path / ".vault-token").read_text()
    assert door.server.api.request("GET", "auth/token/lookup-self", token=stored).status == 200


@pytest.mark.parametrize("command", ((*PEER,), OURS), ids=("peer", "ours"))
def test_the_code_comes_along(command: tuple[str, ...], door: Door, tmp_path: Path) -> None:
    argv = [*command, *door.line(f"-mfa={door.method}:{door.code()}", "-token-only")]
    done = subprocess.run(
        argv, env=environment(door, tmp_path), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    given = done.stdout.strip()
    found = door.server.api.request("GET", "auth/token/lookup-self", token=given).json
    assert found["data"]["display_name"] == f"{door.path}-ann"


def test_where_nobody_can_be_asked_it_is_explained(door: Door, tmp_path: Path) -> None:
    done = subprocess.run(
        [*OURS, *door.line()],
        env=environment(door, tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mfa_request_id" in done.stdout
    assert "sys/mfa/validate" in done.stderr
    assert not (tmp_path / ".vault-token").exists()
