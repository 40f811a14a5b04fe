"""A real Redis for tests: Debian's, started privately on a loopback port. It starts in a few milliseconds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.daemon import Daemon, ended, kept, made
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD

__all__ = ["Redis", "ended", "redis", "started"]


@dataclass
class Redis(Daemon):
    """A running server, whose users are in a file."""

    name = "redis"

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

    @property
    def variables(self) -> dict[str, str]:
        """What differential cases call it by; there is an administrator for them."""
        self.make(ADMIN, ADMIN_PASSWORD)
        return {"redis_port": str(self.port), "redis_root": ADMIN, "redis_password": ADMIN_PASSWORD}

    def line(self) -> list[str]:
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return ["redis-server", *self.options(), *place]

    def options(self) -> list[str]:
        """Where the users are."""
        (self.folder / "users").touch()
        return ["--save", "", "--aclfile", str(self.folder / "users")]

    def answers(self) -> bool:
        return self._call("PING").strip() == "PONG"

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


def started() -> Redis:
    """A new server, running. Whoever asks for it has it ``ended``."""
    return made(Redis)


@pytest.fixture
def redis() -> Iterator[Redis]:
    """Redis, running, without a user but ``default``."""
    yield from kept(Redis)
