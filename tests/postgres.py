"""A real PostgreSQL for tests: Debian's, started privately on a loopback port, one for each test process.

It forgives crashes of the machine, not of the server, and so it is fast. As root it runs as Debian's
``postgres``, since it refuses to run as root.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.daemon import Daemon, ended, kept, lent, made

__all__ = ["PASSWORD", "ROOT", "Postgres", "_cluster", "ended", "postgres", "programs", "started"]

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
}
ROOT, PASSWORD = "root", "root-of-the-database"


def programs() -> Path:
    """Where Debian has the programs of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "PostgreSQL is not installed; scripts/test installs it"
    return found[-1]


@dataclass
class Postgres(Daemon):
    """A running cluster. ``url`` is for whoever is given a user and a password."""

    name = "postgres"
    account = "postgres"

    @property
    def url(self) -> str:
        return (
            f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.port}/postgres?sslmode=disable"
        )

    @property
    def variables(self) -> dict[str, str]:
        """What differential cases call it by."""
        return {"pg": self.url, "pg_port": str(self.port), "pg_root": ROOT, "pg_password": PASSWORD}

    def target(self, user: str = ROOT, password: str = PASSWORD, database: str = "postgres") -> str:
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user} password={password}"

    def create(self) -> None:
        """Make the cluster, and start it."""
        (self.folder / "password").write_text(PASSWORD)
        self.done([
            *_owner(), str(programs() / "initdb"), "-D", "data", "-U", ROOT, "-A", "scram-sha-256",
            "--pwfile=password", "-N", "--locale=C", "-E", "UTF8",
        ])  # fmt: skip
        self.start()

    def line(self) -> list[str]:
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        return [*_owner(), str(programs() / "postgres"), "-D", "data", f"-p{self.port}", "-k", "", *settings]

    def answers(self) -> bool:
        ready = [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        return subprocess.run(ready, check=False).returncode == 0

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # a fast shutdown
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(15)
            self.process = None

    def query(
        self, text: str, *values: Any, user: str = ROOT, password: str = PASSWORD
    ) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows."""
        with psycopg.connect(self.target(user, password), autocommit=True) as connection:
            cursor = connection.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def logs_in(self, user: str, password: str) -> bool:
        """Whether the server lets somebody in."""
        target = psycopg.conninfo.make_conninfo(self.target(), user=user, password=password)
        try:
            psycopg.connect(target).close()
        except psycopg.OperationalError:
            return False
        return True

    def has(self, role: str) -> bool:
        """Whether there is a role of that name."""
        return bool(self.query("SELECT 1 FROM pg_roles WHERE rolname = %s", role))

    def roles(self) -> set[str]:
        """The roles there are, without those PostgreSQL has itself."""
        return {row[0] for row in self.query("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")} - {ROOT}

    def clear(self) -> None:
        """Remove every role that a test left."""
        for role in self.roles():
            quoted = psycopg.sql.Identifier(role).as_string()
            self.query(f"DROP OWNED BY {quoted}")
            self.query(f"DROP ROLE {quoted}")


def _owner() -> list[str]:
    """The words before a command that make it run as somebody PostgreSQL accepts."""
    if os.getuid():
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def started() -> Postgres:
    """A new cluster, running. Whoever asks for it has it ``ended``."""
    return made(Postgres)


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Postgres]:
    yield from kept(Postgres)


@pytest.fixture
def postgres(_cluster: Postgres) -> Iterator[Postgres]:
    """PostgreSQL, running, without a role but root."""
    yield from lent(_cluster)
