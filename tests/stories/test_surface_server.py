"""The server's half of examples/surface: its scripts as they stand, a real server, a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.postgres import PASSWORD, ROOT, Postgres, _cluster, postgres
from tests.server import STRONGROOM, Server, wait_until

__all__ = ["_cluster", "postgres"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "surface"
MOUNTS = ("hello-db", "hello-database")


class Surface:
    """A development server set up by the operator's script."""

    def __init__(self, server: Server, postgres: Postgres, folder: Path) -> None:
        self.server, self.postgres = server, postgres
        (folder / "vault").symlink_to(STRONGROOM[0])
        self.environment = server.environment | {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "SALT": "grains",
            "DATABASE": f"127.0.0.1:{postgres.port}/postgres",
            "DATABASE_USER": ROOT,
            "DATABASE_PASSWORD": PASSWORD,
        }
        self.run("operator.sh", "hello", "127.0.0.1", "10.1.2.3")

    def run(self, script: str, *arguments: str) -> list[str]:
        done = self.attempt(script, *arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.splitlines()

    def attempt(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(EXAMPLE / script), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def credentials(self, mount: str) -> tuple[str, str, str]:
        user, password, lease = self.run("credentials.sh", "hello", "127.0.0.1", mount)
        return user, password, lease

    def gone(self, user: str) -> None:
        wait_until(lambda: not self.postgres.has(user), self.server)


@pytest.fixture
def surface(dev_server: Server, postgres: Postgres, tmp_path: Path) -> Surface:
    postgres.query("CREATE TABLE IF NOT EXISTS greetings (text text)")
    return Surface(dev_server, postgres, tmp_path)


def test_every_process_has_a_role_of_its_own_until_it_ends(surface: Surface) -> None:
    for mount in MOUNTS:
        first, second = surface.credentials(mount), surface.credentials(mount)
        assert first[0] != second[0]
        for user, password, _ in (first, second):
            surface.postgres.query("INSERT INTO greetings VALUES ('hello')", user=user, password=password)
        answer = surface.server.api.put("sys/leases/revoke", {"lease_id": first[2], "sync": True})
        assert answer.status == 204, answer
        assert not surface.postgres.has(first[0])
        assert surface.postgres.has(second[0])


def test_roles_end_with_the_tokens_that_asked_for_them(surface: Surface) -> None:
    users = [surface.credentials(mount)[0] for mount in MOUNTS]
    answer = surface.server.api.put("sys/leases/revoke-prefix/auth/app-id/login", {})
    assert answer.status == 204, answer
    for user in users:
        surface.gone(user)


def test_roles_end_with_their_time(surface: Surface) -> None:
    api = surface.server.api
    assert api.put("hello-db/config/lease", {"lease": "1s", "lease_max": "1s"}).status == 204
    assert api.put("hello-database/roles/readwrite", {"default_ttl": "1s"}).status == 204
    for mount in MOUNTS:
        user, _, _ = surface.credentials(mount)
        surface.gone(user)


def test_whoever_is_not_on_the_map_gets_nothing(surface: Surface) -> None:
    for service, address in (("hello", "127.0.0.9"), ("other", "127.0.0.1"), ("hello", "10.1.2.3")):
        done = surface.attempt("credentials.sh", service, address)
        assert done.returncode != 0, done.stdout
    assert not surface.postgres.roles()
