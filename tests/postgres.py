"""A real PostgreSQL for tests: Debian's, started privately on a loopback port, one for each test process.

It forgives crashes of the machine, not of the server, and so it is fast. As root it runs as Debian's
``postgres``, since it refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.server import free_port

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


@dataclass(slots=True)
class Postgres:
    """A running cluster. ``url`` is for whoever is given a user and a password."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

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
        """Make the cluster."""
        (self.folder / "password").write_text(PASSWORD)
        self._as_owner(
            "initdb", "-D", "data", "-U", ROOT, "-A", "scram-sha-256", "--pwfile=password", "-N",
            "--locale=C", "-E", "UTF8",
        )  # fmt: skip

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        assert self.process is None
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *_owner(),
                    str(programs() / "postgres"),
                    "-D",
                    "data",
                    f"-p{self.port}",
                    "-k",
                    "",
                    *settings,
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _ in range(400):
            ready = subprocess.run(
                [programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"],
                check=False,
            )
            if ready.returncode == 0:
                return
            time.sleep(0.02)
            assert self.process.poll() is None, (self.folder / "log").read_text()
        raise AssertionError("PostgreSQL does not come up")

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

    def _as_owner(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*_owner(), str(programs() / program), *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _owner() -> list[str]:
    """The words before a command that make it run as somebody PostgreSQL accepts."""
    if os.getuid():
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def started() -> Postgres:
    """A new cluster, running. Whoever asks for it stops it and removes its folder."""
    folder = Path(tempfile.mkdtemp(prefix="strongroom-postgres-"))
    if not os.getuid():
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    cluster = Postgres(folder)
    try:
        cluster.create()
        cluster.start()
    except BaseException:
        ended(cluster)
        raise
    return cluster


def ended(cluster: Postgres) -> None:
    """Stop a cluster and remove what it stored."""
    cluster.stop()
    shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Postgres]:
    cluster = started()
    yield cluster
    ended(cluster)


@pytest.fixture
def postgres(_cluster: Postgres) -> Iterator[Postgres]:
    """PostgreSQL, running, without a role but root."""
    if _cluster.process is None:
        _cluster.start()
    _cluster.clear()
    yield _cluster
    if _cluster.process is None:
        _cluster.start()
