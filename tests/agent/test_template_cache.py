"""Templates of an agent with a cache: their leases outlive it, are shared, and are renewed once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.agents import PROGRAMS, Agents, Running, approle
from tests.agent.failing import Leases
from tests.api import Api
from tests.canary import Canaries
from tests.postgres import PASSWORD, ROOT, Postgres, _cluster, postgres
from tests.server import Server, free_port

__all__ = ["_cluster", "postgres"]

CONFIG = """
vault { address = "%" }
auto_auth {
  method "approle" {
    min_backoff = "100ms"
    config = {
      role_id_file_path = "@/role"
      secret_id_file_path = "@/secret"
      remove_secret_id_file_after_reading = false
    }
  }
}
api_proxy { use_auto_auth_token = true }
cache {
  persist "kubernetes" {
    path = "@/cache"
    keep_after_import = true
    service_account_token_file = "@/account"
  }
}
listener "tcp" { address = "127.0.0.1:PORT" tls_disable = true }
template {
  contents = "{{ with secret `MOUNT/creds/app` }}{{ .Data.username }} {{ .Data.password }}{{ end }}"
  destination = "@/out"
  command = "echo changed >> @/changes"
}
"""
POLICY = 'path "MOUNT/creds/app" { capabilities = ["read"] }'


class Database:
    """A mount that makes users of a real PostgreSQL."""

    def __init__(self, server: Server, postgres: Postgres, mount: str) -> None:
        self.server, self.postgres, self.mount = server, postgres, mount
        server.api.post(f"sys/mounts/{mount}", {"type": "database"})
        plugin = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*"}
        login = {"username": ROOT, "password": PASSWORD, "connection_url": postgres.url}
        assert server.api.post(f"{mount}/config/pg", plugin | login).status in {200, 204}
        create = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'"
        role = {"db_name": "pg", "creation_statements": [create], "default_ttl": "1h", "max_ttl": "24h"}
        assert server.api.post(f"{mount}/roles/app", role).status in {200, 204}

    def leases(self) -> list[str]:
        found = self.server.api.list(f"sys/leases/lookup/{self.mount}/creds/app")
        return found.data["keys"] if found.status == 200 else []

    def revoke(self, lease: str) -> None:
        body = {"lease_id": f"{self.mount}/creds/app/{lease}", "sync": True}
        assert self.server.api.put("sys/leases/revoke", body).status == 204

    def agent(self, agents: Agents, whose: str, name: str) -> tuple[Running, int]:
        role, secret = approle(self.server, f"{self.mount}-{name}", POLICY.replace("MOUNT", self.mount))
        port = free_port()
        config = CONFIG.replace("MOUNT", self.mount).replace("PORT", str(port))
        files = {"agent.hcl": config, "role": role, "secret": secret, "account": "the account's token"}
        return agents.prepare(name, PROGRAMS[whose], self.server, files), port


@pytest.fixture
def database(server: Server, postgres: Postgres) -> Iterator[Database]:
    made = Database(server, postgres, "kept-db")
    yield made
    assert server.api.delete("sys/mounts/kept-db").status == 204


@pytest.mark.parametrize("end", ("stop", "kill"))
def test_a_restarted_agent_goes_on_with_the_credential_it_had(
    agents: Agents, database: Database, canary: Canaries, end: str
) -> None:
    agent, port = database.agent(agents, "ours", end)
    agent.start()
    text = agent.until(lambda: agent.text("out"))
    user, password = text.split()
    agent.until(lambda: agent.text("changes"))
    canary.watch(password)
    (lease,) = database.leases()
    stood = agent.path("out").stat()

    getattr(agent, end)()
    agent.start()
    agent.until(lambda: agent.log.count("authentication successful") == 2)
    proxied = Api(f"http://127.0.0.1:{port}")
    same = proxied.get(f"{database.mount}/creds/app")
    assert (same.headers["x-cache"], same.data["username"]) == ("HIT", user)
    proxied.close()
    assert database.leases() == [lease]
    now = agent.path("out").stat()
    assert (now.st_ino, now.st_mtime_ns) == (stood.st_ino, stood.st_mtime_ns)
    assert agent.text("changes") == "changed\n"

    database.revoke(lease)
    agent.until(lambda: agent.text("out") not in {text, ""})
    assert database.postgres.logs_in(*agent.text("out").split())
    assert agent.stop() == 0


def test_the_peer_goes_on_as_well(agents: Agents, peer: Server, server: Server, postgres: Postgres) -> None:
    """Both agents, each before both servers."""
    outcomes = {}
    for which, at in (("our", server), ("their", peer)):
        for whose in PROGRAMS:
            database = Database(at, postgres, f"kept-{whose}")
            agent, _ = database.agent(agents, whose, f"{whose}-{which}")
            agent.path("cache").mkdir()  # the peer's does not make it
            agent.start()
            text = agent.until(lambda: agent.text("out"))  # noqa: B023  it is used at once
            agent.until(lambda: agent.text("changes"))  # noqa: B023  as above
            code = agent.stop()
            agent.path("out").unlink()
            agent.start()
            again = agent.until(lambda: agent.text("out"))  # noqa: B023  as above
            outcomes[whose, which] = (code, again == text, len(database.leases()), agent.stop())
            at.api.delete(f"sys/mounts/{database.mount}")
    assert set(outcomes.values()) == {(0, True, 1, 0)}, outcomes


def test_an_application_and_a_template_share_a_lease(agents: Agents, database: Database) -> None:
    agent, port = database.agent(agents, "ours", "shared")
    agent.start()
    user, _ = agent.until(lambda: agent.text("out")).split()
    proxied = Api(f"http://127.0.0.1:{port}")
    answer = proxied.get(f"{database.mount}/creds/app")
    assert (answer.headers["x-cache"], answer.data["username"]) == ("HIT", user)
    proxied.close()
    assert len(database.leases()) == 1
    assert agent.stop() == 0


SHORT = """
vault { address = "%" retry { backoff = "100ms" max_backoff = "500ms" } }
auto_auth { method "token_file" { config = { token_file_path = "@/token" } } }
cache {}
template { contents = "{{ with secret `x/creds/x` }}{{ .Data.v }}{{ end }}" destination = "@/out" }
"""


def short(agents: Agents, address: str, **more: Any) -> Running:
    return agents.ours("a", address, {"agent.hcl": SHORT, "token": "root"} | more)


def test_a_lease_is_renewed_once_not_by_template_and_cache(agents: Agents) -> None:
    leases = Leases(3.0)
    with leases.serving() as address:
        agent = short(agents, address)
        agent.until(lambda: leases.renewed >= 1)
        began, before = time.monotonic(), leases.renewed
        agent.until(lambda: leases.renewed >= before + 3)
        # Two thirds of three seconds lie between two renewals of one lease.
        assert time.monotonic() - began > 3 * 3.0 * 0.6
        assert agent.text("out") == "v1"
        assert agent.stop() == 0


def test_new_secrets_come_through_the_cache_before_the_old_end(agents: Agents) -> None:
    leases = Leases(2.0, longest=5.0)
    with leases.serving() as address:
        agent = short(agents, address)
        agent.until(lambda: agent.text("out") == "v2", 10)
        first, second = leases.issued[:2]
        assert second - first < 5.0
        assert agent.stop() == 0


def test_a_lease_that_was_revoked_is_had_anew_through_the_cache(agents: Agents, tmp_path: Path) -> None:
    leases = Leases()
    with leases.serving() as address:
        agent = short(agents, address)
        agent.until(lambda: leases.renewed >= 1)
        leases.revoked = True
        agent.until(lambda: agent.text("out") == "v2")
        assert agent.stop() == 0
