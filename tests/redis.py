"""A real Redis for tests: Debian's, started privately on a loopback port. It starts in a few milliseconds."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD
from tests.server import free_port


@dataclass(slots=True)
class Redis:
    """A running server, whose users are in a file. ``settings`` are further options."""

    folder: Path
    port: int = field(default_factory=free_port)
    settings: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> dict[str, Any]:
        return {
            "plugin_name": "redis-database-plugin",
            "host": "127.0.0.1",
            "port": self.port,
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
            "persistence_mode": "ACLFILE",
        }

    @property
    def creation(self) -> list[str]:
        return ['["~*", "+@read"]']

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        users = self.folder / "users"
        users.touch()
        self._run("--save", "", "--aclfile", str(users), *self.settings)

    def _run(self, *arguments: str) -> None:
        assert self.process is None
        place = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", *arguments, *place],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _ in range(500):
            if self._call("PING").strip() == "PONG":
                return
            time.sleep(0.01)
            assert self.process.poll() is None, (self.folder / "log").read_text()
        raise AssertionError("Redis does not come up")

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(15)
            self.process = None

    def command(self, *words: str) -> str:
        """What the server answers to its user ``default``."""
        answer = self._call(*words)
        assert not answer.startswith(("ERR", "NOPERM", "WRONGPASS")), answer
        return answer

    def make(self, user: str, password: str) -> None:
        """An account; the administrator may do everything."""
        rules = ("~*", "&*", "+@all") if user == ADMIN else ("+@read",)
        self.command("ACL", "SETUSER", user, "on", f">{password}", *rules)
        self._keep()

    def _keep(self) -> None:
        self.command("ACL", "SAVE")

    def users(self) -> set[str]:
        """The users there are, without those Redis has itself."""
        return set(self.command("ACL", "USERS").splitlines()) - {"default", ADMIN}

    def logs_in(self, user: str, password: str) -> bool:
        """Whether the server lets somebody in."""
        return self._call("AUTH", user, password).strip() == "OK"

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        return done.stdout


@pytest.fixture
def redis() -> Iterator[Redis]:
    """Redis, running, without a user but ``default``."""
    with tempfile.TemporaryDirectory(prefix="strongroom-redis-") as folder:
        server = Redis(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()
