"""A real InfluxDB for tests: Debian's, started privately on a loopback port, one for each test process."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.daemon import Daemon, ended, kept, lent, made
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD
from tests.server import free_port

__all__ = ["PASSWORD", "ROOT", "InfluxDB", "_influxdb", "ended", "influxdb", "started"]

ROOT, PASSWORD = "root", "root-of-the-database"
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  https-enabled = {https}
  https-certificate = "{folder}/certificate"
[monitor]
  store-enabled = false
"""


@dataclass
class InfluxDB(Daemon):
    """A running server."""

    name = "influxdb"

    https: bool = False

    @property
    def config(self) -> dict[str, Any]:
        return {
            "plugin_name": "influxdb-database-plugin",
            "host": "127.0.0.1",
            "port": self.port,
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }

    @property
    def creation(self) -> list[str]:
        create = "CREATE USER \"{{username}}\" WITH PASSWORD '{{password}}'"
        return [create + '; GRANT READ ON things TO "{{username}}"']

    def create(self) -> None:
        """Start the server for the first time, and make its first user."""
        self.start()
        self.query(f"CREATE USER {ROOT} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        self.query("CREATE DATABASE things")

    @property
    def variables(self) -> dict[str, str]:
        """What differential cases call it by."""
        return {"influxdb_port": str(self.port), "influxdb_root": ROOT, "influxdb_password": PASSWORD}

    def line(self) -> list[str]:
        config = _CONFIG.format(
            folder=self.folder, port=self.port, rpc=free_port(), https="true" if self.https else "false"
        )
        (self.folder / "config").write_text(config)
        return ["influxd", "run", "-config", str(self.folder / "config")]

    def answers(self) -> bool:
        return "Listening on HTTP" in self.log and (self.https or self._pongs())

    def stop(self) -> None:
        """Stop it at once; the next one's log begins anew, for that it says when it is up."""
        super().stop()
        (self.folder / "log").write_text("")

    def query(self, text: str, user: str = ROOT, password: str = PASSWORD) -> list[list[Any]]:
        """Run a statement and give its rows."""
        proof = b64encode(f"{user}:{password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/query",
            urllib.parse.urlencode({"q": text}).encode(),
            {"Authorization": f"Basic {proof}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            (result,) = json.loads(answer.read())["results"]
        assert "error" not in result, result
        rows: list[list[Any]] = result.get("series", [{}])[0].get("values", [])
        return rows

    def make(self, user: str, password: str) -> None:
        """An account; the administrator may do everything."""
        rights = " WITH ALL PRIVILEGES" if user == ADMIN else ""
        self.query(f"CREATE USER \"{user}\" WITH PASSWORD '{password}'{rights}")

    def users(self) -> set[str]:
        """The users there are, without the administrators."""
        return {row[0] for row in self.query("SHOW USERS")} - {ROOT, ADMIN}

    def logs_in(self, user: str, password: str) -> bool:
        """Whether the server lets somebody in."""
        try:
            self.query("SHOW DATABASES", user, password)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 401:
                raise
            return False
        return True

    def clear(self) -> None:
        """Remove every user that a test left."""
        for user, _ in self.query("SHOW USERS"):
            if user != ROOT:
                quoted = user.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                self.query(f'DROP USER "{quoted}"')

    def _pongs(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=20).close()
        except OSError:
            return False
        return True


def started() -> InfluxDB:
    """A new server, running. Whoever asks for it has it ``ended``."""
    return made(InfluxDB)


@pytest.fixture(scope="session")
def _influxdb() -> Iterator[InfluxDB]:
    yield from kept(InfluxDB)


@pytest.fixture
def influxdb(_influxdb: InfluxDB) -> Iterator[InfluxDB]:
    """InfluxDB, running, without a user but root."""
    yield from lent(_influxdb)
