"""Calm fleets: members of a group restart by turns, whatever happens to one of them or to the server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.agent.agents import Agents, Running, kv
from tests.conftest import SealedServer
from tests.server import STRONGROOM, Server

MEMBERS, AT_ONCE = 12, 4
CONFIG = """
vault {
  address = "%"
  retry { backoff = "200ms" max_backoff = "1s" }
}
template_config { static_secret_render_interval = "1s" }
auto_auth {
  method "token_file" { config = { token_file_path = "@/token" } }
}
template {
  contents    = "{{ with secret `secret/data/fleet` }}{{ .Data.data.version }}{{ end }}"
  destination = "@/out"
  command     = ["/bin/sh", "@/restart"]
  cycle {
    group           = "hello"
    member          = "MEMBER"
    max_concurrent  = 4
    path            = "secret/cycle"
    turn            = "3s"
    drain           = "echo down MEMBER $(cat @/out) $STRONGROOM_CYCLE_FENCE >> LOG"
    health          = ["/bin/sh", "@/health"]
    health_interval = "100ms"
  }
}
"""
# Told once for each turn: a service that is up stays up.
HEALTH = """
turn="$(cat @/out) $STRONGROOM_CYCLE_FENCE"
test "$(cat @/told 2>/dev/null)" = "$turn" && exit
echo "$turn" > @/told
echo "up MEMBER $turn" >> LOG
"""
POLICY = """
path "secret/data/fleet" { capabilities = ["read"] }
path "secret/data/cycle/hello" { capabilities = ["create", "read", "update"] }
"""


class Fleet:
    """The members, and the log of who went down and came up."""

    def __init__(self, agents: Agents, server: Server, folder: Path) -> None:
        self.server = server
        self.log = folder / "events"
        self.log.touch()
        assert server.api.put("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}).status == 204
        assert server.api.put("sys/policies/acl/fleet", {"policy": POLICY}).status == 204
        token = server.api.post("auth/token/create", {"policies": ["fleet"]}).auth["client_token"]
        self.members = [self._member(agents, f"m{number}", token) for number in range(MEMBERS)]

    def _member(self, agents: Agents, name: str, token: str) -> Running:
        config = CONFIG.replace("MEMBER", name).replace("LOG", str(self.log))
        files = {
            "agent.hcl": config,
            "token": token,
            "restart": "sleep 0.4",
            # Told once for each restart: a service that is up stays up.
            "health": HEALTH.replace("MEMBER", name).replace("LOG", str(self.log)),
        }
        return agents.prepare(name, STRONGROOM, self.server, files)

    def events(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]

    def up(self, version: str) -> set[str]:
        return {member for what, member, at, *_ in self.events() if what == "up" and at == version}

    def until(self, condition: object, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        assert callable(condition)
        while not condition():
            assert time.monotonic() < deadline, "\n".join(
                [*self.log.read_text().splitlines(), self.members[0].log[-3000:]]
            )
            time.sleep(0.02)

    def most_down(self) -> int:
        """How many were down at once, at most."""
        down: set[str] = set()
        most = 0
        for what, member, *_ in self.events():
            (down.add if what == "down" else down.discard)(member)
            most = max(most, len(down))
        return most


@pytest.mark.slow
def test_a_fleet_rotates_by_turns_through_a_crash_and_an_outage(
    agents: Agents, sealed_server: SealedServer, tmp_path: Path
) -> None:
    server = sealed_server("fleet")
    server.initialize()
    server.unseal()
    fleet = Fleet(agents, server, tmp_path)
    kv(server, "fleet", version="one")
    for member in fleet.members:
        member.start()
    fleet.until(lambda: len(fleet.up("one")) == MEMBERS)
    kv(server, "fleet", version="two")

    fleet.until(lambda: [each for each in fleet.events() if each[0] == "down" and each[2] == "two"])
    victim = next(each[1] for each in fleet.events() if each[0] == "down" and each[2] == "two")
    killed = next(member for member in fleet.members if member.folder.name == victim)
    killed.kill()
    time.sleep(1)
    killed.start()

    fleet.until(lambda: len(fleet.up("two")) >= 3)
    server.stop()
    while_away = len(fleet.events())
    time.sleep(1)
    assert all(member.process.poll() is None for member in fleet.members)
    server.restart()
    server.unseal()
    fleet.until(lambda: len(fleet.up("two")) == MEMBERS)

    assert fleet.most_down() <= AT_ONCE, fleet.log.read_text()
    assert len(fleet.events()) > while_away
    fences = [int(each[3]) for each in fleet.events() if each[0] == "down"]
    assert len(fences) == len(set(fences)), "a fence was given out twice"
    fleet.until(lambda: not server.api.get("secret/data/cycle/hello").data["data"]["slots"])
    assert all(member.stop() == 0 for member in fleet.members)
