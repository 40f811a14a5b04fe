"""A disk that is full: what stood there stays whole, no secret lies about, and it goes on with new room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.agent.agents import Agents, Running, approle, kv
from tests.agent.disk import Disk, Mounted, can_mount, pretended
from tests.api import Api
from tests.canary import Canaries, forms
from tests.server import STRONGROOM, Server, free_port

CONFIG = """
log_file = "@/disk/agent.log"
vault { address = "%" retry { backoff = "100ms" max_backoff = "500ms" } }
template_config { static_secret_render_interval = "500ms" }
auto_auth {
  method "approle" {
    min_backoff = "100ms"
    config = {
      role_id_file_path = "@/role"
      secret_id_file_path = "@/secret"
      remove_secret_id_file_after_reading = false
    }
  }
  sink "file" { config = { path = "@/disk/sink" } }
}
template {
  contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.v }}{{ end }}"
  destination = "@/disk/out"
  perms = "0600"
}
"""
POLICY = (
    'path "secret/data/*" { capabilities = ["read"] }\npath "auth/token/create" { capabilities = ["update"] }'
)


@pytest.fixture(scope="module", params=("mounted", "pretended"))
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Disk:
    folder = tmp_path_factory.mktemp("disk")
    if request.param == "mounted" and can_mount(folder):
        return Mounted()
    return pretended(folder)


class Machine:
    """An agent whose files are on the disk."""

    def __init__(self, agents: Agents, disk: Disk, server: Server, name: str, *rest: str) -> None:
        role, secret = approle(server, name, POLICY)
        files = {"agent.hcl": "".join((CONFIG, *rest)).replace("NAME", name), "role": role, "secret": secret}
        self.agent: Running = agents.prepare(name, STRONGROOM, server, files)
        self._disk, self._folder = disk, self.agent.path("disk")
        self._folder.mkdir()
        self.agent.program = (*disk.program(self._folder), *STRONGROOM)
        self.agent.environment |= disk.environment(self._folder)
        self.agent.start()

    @property
    def root(self) -> Path:
        return self._disk.root(self.agent, self._folder)

    def text(self, name: str) -> str:
        try:
            return (self.root / name).read_text()
        except FileNotFoundError:
            return ""

    def fill(self) -> None:
        self._disk.fill(self.agent, self._folder)

    def free(self) -> None:
        self._disk.free(self.agent, self._folder)

    def holding(self, secret: str) -> list[str]:
        """The files in which a secret stands."""
        found = [file for file in self.root.iterdir() if file.is_file() and file.name != "ballast"]
        return [file.name for file in found if any(form in file.read_bytes() for form in forms(secret))]


def test_a_destination_on_a_full_disk(agents: Agents, disk: Disk, server: Server, canary: Canaries) -> None:
    old, marked = canary(), canary()
    new = marked + "x" * 30_000
    kv(server, "full-out", v=old)
    machine = Machine(agents, disk, server, "full-out")
    agent = machine.agent
    agent.until(lambda: machine.text("out") == old)
    machine.fill()
    kv(server, "full-out", v=new)
    agent.until(lambda: "/disk/out cannot be written: No space left on device" in agent.log)
    assert machine.text("out") == old
    assert agent.process.poll() is None
    assert machine.holding(marked) == [], "a part of what could not be written was left behind"
    machine.free()
    agent.until(lambda: machine.text("out") == new)
    assert machine.holding(marked) == ["out"]
    assert agent.stop() == 0


def test_a_sink_on_a_full_disk(agents: Agents, disk: Disk, server: Server, canary: Canaries) -> None:
    kv(server, "full-sink", v="one")
    machine = Machine(agents, disk, server, "full-sink")
    agent = machine.agent
    first = canary.watch(agent.until(lambda: machine.text("sink")))
    machine.fill()
    assert server.api.put("auth/token/revoke", {"token": first}).status == 204
    agent.until(lambda: "/disk/sink cannot be written: No space left on device" in agent.log)
    assert machine.text("sink") == first
    assert [file.name for file in machine.root.iterdir() if file.name.startswith(".")] == []
    machine.free()
    second = canary.watch(agent.until(lambda: machine.text("sink").replace(first, "")))
    assert server.api.get("auth/token/lookup-self", token=second).status == 200
    assert agent.stop() == 0
    assert "Traceback" not in agent.log


def test_a_persistent_cache_on_a_full_disk(
    agents: Agents, disk: Disk, server: Server, canary: Canaries, tmp_path: Path
) -> None:
    """What could not be written or deleted while the disk was full is later."""
    account, port = tmp_path / "account", free_port()
    account.write_text("token of the account")
    cache = f"""
    api_proxy {{ use_auto_auth_token = true }}
    cache {{
      persist "kubernetes" {{
        path = "@/disk/cache"
        keep_after_import = true
        service_account_token_file = "{account}"
      }}
    }}
    listener "tcp" {{ address = "127.0.0.1:{port}" tls_disable = true }}
    """
    kv(server, "full-cache", v="one")
    machine = Machine(agents, disk, server, "full-cache", cache)
    agent = machine.agent
    proxied = Api(f"http://127.0.0.1:{port}")

    def child(name: str) -> tuple[str, str]:
        answer = proxied.post("auth/token/create", {"display_name": name, "ttl": "1h"})
        return canary.watch(answer.auth["client_token"]), answer.headers["x-cache"]

    agent.until(lambda: machine.text("out") == "one")
    before, _ = child("before")
    machine.fill()
    for number in range(40):
        child(f"while-{number}")
    meanwhile, _ = child("while-39")
    assert proxied.post("auth/token/revoke-self", token=before).status == 204
    agent.until(lambda: "the persistent cache cannot be written" in agent.log)
    assert agent.process.poll() is None
    machine.free()
    agent.until(lambda: "the persistent cache is written again" in agent.log)

    shutil.copytree(machine.root / "cache", tmp_path / "copied")
    assert agent.stop() == 0
    text = agent.text("agent.hcl").replace(f"{agent.folder}/disk/cache", str(tmp_path / "copied"))
    agent.path("agent.hcl").write_text(text)
    agent.start()
    agent.until(lambda: "cache inherited" in agent.log and agent.log.count("authentication successful") == 2)
    assert child("while-39") == (meanwhile, "HIT")
    assert child("before")[1] == "MISS", "what was revoked while the disk was full came back"
    proxied.close()
    assert agent.stop() == 0
