"""A real MariaDB for tests: Debian's, started privately on a loopback port, one for each test process.

As root it runs as Debian's ``mysql``, since it refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pymysql
import pytest

from tests.daemon import Daemon, ended, kept, lent, made
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD

__all__ = ["PASSWORD", "ROOT", "MariaDB", "_mariadb", "ended", "mariadb", "started"]

ROOT, PASSWORD = "root", "root-of-the-database"
_OWN = frozenset({"root", "mariadb.sys", "mysql", "PUBLIC", ""})
_SETTINGS = (
    "--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--skip-ssl",
    "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=8M",
    "--key-buffer-size=1M", "--performance-schema=off", "--plugin-maturity=unknown",
)  # fmt: skip


@dataclass
class MariaDB(Daemon):
    """A running server. ``url`` is for whoever is given a user and a password."""

    name = "mariadb"
    account = "mysql"

    root_password: str = ""

    @property
    def url(self) -> str:
        return f"{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{self.port})/"

    @property
    def config(self) -> dict[str, Any]:
        return {
            "plugin_name": "mysql-database-plugin",
            "connection_url": self.url,
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }

    @property
    def creation(self) -> list[str]:
        return [
            "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON *.* TO '{{name}}'@'%'"
        ]

    @property
    def variables(self) -> dict[str, str]:
        """What differential cases call it by."""
        return {
            "mariadb": self.url,
            "mariadb_port": str(self.port),
            "mariadb_root": ROOT,
            "mariadb_password": PASSWORD,
        }

    def create(self) -> None:
        """Make the data folder, with an account ``root`` of this host, and start the server."""
        self.done([
            "mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
            "--auth-root-authentication-method=normal",
            f"--user={_owner() or pwd.getpwuid(os.getuid()).pw_name}",
        ])  # fmt: skip
        self.start()
        self.query("SET PASSWORD = PASSWORD(%s)", PASSWORD, password="")
        self.root_password = PASSWORD

    def line(self) -> list[str]:
        return [
            "mariadbd", *_SETTINGS, f"--datadir={self.folder}/data", f"--port={self.port}",
            f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid",
            *([f"--user={_owner()}"] if _owner() else []),
        ]  # fmt: skip

    def answers(self) -> bool:
        return self.logs_in(ROOT, self.root_password)

    def connection(self, user: str = ROOT, password: str = PASSWORD) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, password=password.encode(), charset="utf8mb4",
            autocommit=True, connect_timeout=10, ssl_disabled=True,
        )  # fmt: skip

    def query(
        self, text: str, *values: Any, user: str = ROOT, password: str = PASSWORD
    ) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows."""
        with self.connection(user, password) as connection, connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return list(cursor.fetchall())

    def logs_in(self, user: str, password: str) -> bool:
        """Whether the server lets somebody in."""
        try:
            self.connection(user, password).close()
        except pymysql.OperationalError:
            return False
        return True

    def make(self, user: str, password: str) -> None:
        """An account; the administrator may do everything."""
        self.query("CREATE USER %s IDENTIFIED BY %s", user, password)
        if user == ADMIN:
            self.query("GRANT ALL ON *.* TO %s WITH GRANT OPTION", user)

    def has(self, user: str) -> bool:
        """Whether there is a user of that name."""
        return user in self.users()

    def users(self) -> set[str]:
        """The users there are, without those MariaDB has itself."""
        return {row[0] for row in self.query("SELECT User FROM mysql.user")} - _OWN - {ADMIN}

    def idle(self) -> int:
        """How many connections wait for a statement."""
        return len(self.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep'"))

    def clear(self) -> None:
        """Remove every user that a test left."""
        for user, host in self.query("SELECT User, Host FROM mysql.user"):
            if user not in _OWN:
                self.query("DROP USER %s@%s", user, host)


def _owner() -> str:
    return "" if os.getuid() else "mysql"


def started() -> MariaDB:
    """A new server, running. Whoever asks for it has it ``ended``."""
    return made(MariaDB)


@pytest.fixture(scope="session")
def _mariadb() -> Iterator[MariaDB]:
    yield from kept(MariaDB)


@pytest.fixture
def mariadb(_mariadb: MariaDB) -> Iterator[MariaDB]:
    """MariaDB, running, without a user but root."""
    yield from lent(_mariadb)
