"""``cycle`` in ``exec``: processes that agents run are restarted by turns, and a bad change breaks few."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.agents import Agents, Running
from tests.server import STRONGROOM, Server

MEMBERS, AT_ONCE, TURN = 5, 2, 10
CONFIG = """
vault {
  address = "%"
  retry { backoff = "200ms" max_backoff = "1s" }
}
template_config { static_secret_render_interval = "1s" }
auto_auth {
  method "token_file" { config = { token_file_path = "@/token" } }
}
env_template "VERSION" {
  contents = "{{ with secret `exec-fleet/data/app` }}{{ .Data.data.version }}{{ end }}"
}
exec {
  command = ["/bin/sh", "@/service"]
  cycle {
    group           = "app"
    member          = "MEMBER"
    max_concurrent  = 2
    path            = "exec-fleet/cycle"
    turn            = "10s"
    drain           = "echo drain MEMBER $STRONGROOM_CYCLE_FENCE >> LOG; touch @/draining"
    health          = ["/bin/sh", "@/health"]
    health_interval = "50ms"
  }
}
"""
SERVICE = """
rm -f @/draining @/serving
echo start MEMBER $VERSION >> LOG
if [ "$VERSION" = bad ]; then exit 3; fi
end() {
  rm -f @/serving
  test -e @/draining || echo undrained MEMBER >> LOG
  echo end MEMBER >> LOG
  exit 0
}
trap end TERM
sleep 0.3
touch @/serving
while :; do sleep 0.05; done
"""
HEALTH = "test -e @/serving && echo healthy MEMBER $STRONGROOM_CYCLE_FENCE >> LOG"
POLICY = """
path "exec-fleet/data/app" { capabilities = ["read"] }
path "exec-fleet/data/cycle/app" { capabilities = ["create", "read", "update"] }
"""


class Fleet:
    """Agents, each with a process, and the log of what befell these."""

    def __init__(self, agents: Agents, server: Server, folder: Path) -> None:
        self.server = server
        self.log = folder / "events"
        self.log.touch()
        self._ended: dict[str, float] = {}
        api = server.api
        assert api.put("sys/mounts/exec-fleet", {"type": "kv", "options": {"version": "2"}}).status == 204
        assert api.put("sys/policies/acl/exec-fleet", {"policy": POLICY}).status == 204
        token = api.post("auth/token/create", {"policies": ["exec-fleet"]}).auth["client_token"]
        self.members = {f"m{n}": self._member(agents, f"m{n}", token) for n in range(MEMBERS)}

    def _member(self, agents: Agents, name: str, token: str) -> Running:
        files = {"agent.hcl": CONFIG, "token": token, "service": SERVICE, "health": HEALTH}
        texts = {
            file: text.replace("MEMBER", name).replace("LOG", str(self.log)) for file, text in files.items()
        }
        return agents.prepare(name, STRONGROOM, self.server, texts)

    def change(self, version: str) -> None:
        body = {"data": {"version": version}}
        assert self.server.api.put("exec-fleet/data/app", body).status == 200

    def events(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]

    def started(self, version: str) -> set[str]:
        return {each[1] for each in self.events() if each[0] == "start" and each[2] == version}

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            tails = [member.log[-1500:] for member in self.members.values()]
            assert time.monotonic() < deadline, "\n".join([self.log.read_text(), *tails])
            self.revive()
            time.sleep(0.02)

    def revive(self) -> None:
        """What a supervisor of services does: start anew what has ended, after a pause."""
        for name, member in self.members.items():
            if member.process.poll() == 3:
                ended = self._ended.setdefault(name, time.monotonic())
                if time.monotonic() - ended > 1.5:
                    del self._ended[name]
                    member.start()

    def free(self) -> bool:
        return not self.server.api.get("exec-fleet/data/cycle/app").data["data"]["slots"]

    def most_down(self) -> int:
        """How many did not serve at once, at most, while all changed over."""
        down: set[str] = set()
        most = 0
        for what, member, *_ in self.events():
            if what == "drain":
                down.add(member)
            elif what == "healthy":
                down.discard(member)
            most = max(most, len(down))
        return most


@pytest.mark.slow
def test_processes_restart_by_turns_and_a_bad_change_breaks_few(
    agents: Agents, server: Server, tmp_path: Path
) -> None:
    fleet = Fleet(agents, server, tmp_path)
    fleet.change("one")
    for member in fleet.members.values():
        member.start()
    fleet.until(lambda: len(fleet.started("one")) == MEMBERS)
    fleet.until(lambda: all(member.path("serving").exists() for member in fleet.members.values()))

    fleet.change("two")
    fleet.until(lambda: len(fleet.started("two")) == MEMBERS)
    fleet.until(fleet.free)
    assert fleet.most_down() <= AT_ONCE
    fences = [each[2] for each in fleet.events() if each[0] == "drain"]
    assert len(fences) == len(set(fences)) == MEMBERS
    assert not [each for each in fleet.events() if each[0] == "undrained"]

    fleet.change("bad")
    fleet.until(lambda: fleet.started("bad"))
    ends = time.monotonic() + TURN + 3
    fleet.until(lambda: time.monotonic() > ends)
    assert len(fleet.started("bad")) <= AT_ONCE, fleet.log.read_text()
    assert len([member for member in fleet.members.values() if member.path("serving").exists()]) >= 3

    fleet.change("three")
    fleet.until(lambda: len(fleet.started("three")) == MEMBERS)
    fleet.until(fleet.free)
    assert all(member.stop() == 0 for member in fleet.members.values())
    assert server.api.delete("sys/mounts/exec-fleet").status == 204
