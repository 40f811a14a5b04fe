"""What the agent does when something fails: services and files are left alone, and it recovers by itself."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from tests.agent.agents import Agents, alive, approle, kv
from tests.agent.failing import Leases, certificate
from tests.canary import Canaries
from tests.server import STRONGROOM, Server

VAULT = """
vault {
  address = "%"
  retry { backoff = "100ms" max_backoff = "500ms" }
}
template_config { static_secret_render_interval = "500ms" }
"""
AUTH = (
    VAULT
    + """
auto_auth {
  method "token_file" { config = { token_file_path = "@/token" } min_backoff = "100ms" max_backoff = "500ms" }
}
"""
)
TEMPLATE = """
template {
  contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.v }}{{ end }}"
  destination = "@/out"
}
"""
EXEC = """
env_template "V" { contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.v }}{{ end }}" }
exec { command = ["/bin/sh", "-c", "echo $$ >> @/pids; exec sleep 600"] }
"""


def files(*texts: str, name: str = "faults") -> dict[str, str]:
    return {"agent.hcl": "".join(texts).replace("NAME", name), "token": "root"}


def test_a_sealed_and_then_stopped_server_leaves_a_process_alone(
    agents: Agents, open_server: Server, canary: Canaries
) -> None:
    api = open_server.api
    api.put("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    kv(open_server, "faults", v=canary())
    assert open_server.root_token
    agent = agents.prepare("a", STRONGROOM, open_server, files(AUTH, EXEC))
    agent.path("token").write_text(canary.watch(open_server.root_token))
    agent.start()
    agent.until(lambda: agent.text("pids"))
    pid = int(agent.text("pids"))

    assert api.put("sys/seal").status == 204
    agent.until(lambda: "sealed" in agent.log)
    assert alive(pid)
    open_server.unseal()
    kv(open_server, "faults", v=canary())
    agent.until(lambda: agent.text("pids").count("\n") == 2)

    pid = int(agent.text("pids").splitlines()[1])
    open_server.stop()
    agent.until(lambda: "connection refused" in agent.log)
    time.sleep(0.5)
    assert alive(pid)
    assert agent.process.poll() is None
    open_server.restart()
    open_server.unseal()
    kv(open_server, "faults", v=canary())
    agent.until(lambda: agent.text("pids").count("\n") == 3)
    assert agent.stop() == 0
    assert not alive(int(agent.text("pids").splitlines()[2]))


def test_a_revoked_token_is_replaced(agents: Agents, server: Server) -> None:
    kv(server, "revoked", v="one")
    role, secret = approle(server, "revoked", 'path "secret/data/*" { capabilities = ["read"] }')
    method = """
    auto_auth {
      method "approle" {
        min_backoff = "100ms"
        config = { role_id_file_path = "@/role" secret_id_file_path = "@/secret" }
      }
      sink "file" { config = { path = "@/sink" } }
    }
    """
    texts = files(VAULT, method, TEMPLATE, name="revoked") | {"role": role, "secret": secret}
    agent = agents.ours("a", server, texts)
    agent.until(lambda: agent.text("out") == "one")
    first = agent.text("sink")
    assert server.api.put("auth/token/revoke", {"token": first}).status == 204
    agent.until(lambda: agent.text("sink") not in {first, ""})
    kv(server, "revoked", v="two")
    agent.until(lambda: agent.text("out") == "two")
    assert server.api.get("auth/token/lookup-self", token=agent.text("sink")).status == 200


def test_a_revoked_lease_is_had_anew(agents: Agents, server: Server) -> None:
    """A token made by a template stands for any leased secret."""
    text = """
    template {
      contents = "{{ with secret `database-like/creds/x` }}{{ .Data.v }}{{ end }}"
      destination = "@/out"
    }
    """
    leases = Leases()
    with leases.serving() as address:
        agent = agents.ours("a", address, files(AUTH, text))
        agent.until(lambda: agent.text("out") == "v1")
        agent.until(lambda: leases.renewed >= 2)
        assert agent.text("out") == "v1"
        leases.revoked = True
        agent.until(lambda: agent.text("out") == "v2")
        assert agent.stop() == 0


def test_new_secrets_come_before_the_old_end(agents: Agents) -> None:
    text = """
    template { contents = "{{ with secret `x/creds/x` }}{{ .Data.v }}{{ end }}" destination = "@/out" }
    """
    leases = Leases(2.0, longest=5.0)
    with leases.serving() as address:
        agent = agents.ours("a", address, files(AUTH, text))
        agent.until(lambda: agent.text("out") == "v2", 10)
        first, second = leases.issued[:2]
        assert second - first < 5.0
        assert agent.stop() == 0


@pytest.mark.parametrize("trouble", (429, 500, 503, "slow", "garbage", "hang up"))
def test_trouble_of_the_server_is_waited_out(agents: Agents, trouble: int | str) -> None:
    leases = Leases()
    leases.trouble = trouble
    text = """
    template { contents = "{{ with secret `x/creds/x` }}{{ .Data.v }}{{ end }}" destination = "@/out" }
    """
    with leases.serving() as address:
        agent = agents.ours("a", address, files(AUTH, text))
        agent.until(lambda: leases.troubled >= 2)
        assert not agent.text("out")
        leases.trouble = 0
        agent.until(lambda: agent.text("out") == "v1")
        assert agent.stop() == 0


def test_a_changed_certificate_of_the_server(agents: Agents, tmp_path: Path) -> None:
    """The server's certificate is replaced under another authority; then the file of authorities is."""
    one, other = certificate(tmp_path, "one"), certificate(tmp_path, "other")
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes(one[0].read_bytes())
    leases = Leases()
    text = """
    template { contents = "{{ with secret `x/creds/x` }}{{ .Data.v }}{{ end }}" destination = "@/out" }
    """
    config = AUTH.replace('address = "%"', f'address = "%"\nca_cert = "{authorities}"')
    with leases.serving(*one) as address:
        agent = agents.ours("a", address, files(config, text))
        agent.until(lambda: agent.text("out") == "v1")
        leases.context.load_cert_chain(*other)
        leases.hang_up()
        leases.revoked = True
        agent.until(lambda: "not trusted" in agent.log)
        assert agent.text("out") == "v1"
        authorities.write_bytes(other[0].read_bytes())
        agent.until(lambda: agent.text("out") == "v2")
        assert agent.stop() == 0


def test_a_destination_that_cannot_be_written(agents: Agents, server: Server, canary: Canaries) -> None:
    value = canary()
    kv(server, "unwritable", v=value)
    agent = agents.prepare("a", STRONGROOM, server, files(AUTH, TEMPLATE, name="unwritable"))
    agent.path("out").mkdir()  # a folder stands where the file shall be: also for root
    agent.path("out", "x").touch()
    agent.start()
    agent.until(lambda: "cannot be written" in agent.log)
    assert agent.process.poll() is None
    agent.path("out", "x").unlink()
    agent.path("out").rmdir()
    agent.until(lambda: agent.text("out") == value)
    assert agent.stop() == 0
    assert not list(agent.folder.glob(".out*")), "something was left behind"


def test_a_place_that_is_no_folder(agents: Agents, server: Server, canary: Canaries) -> None:
    value = canary()
    kv(server, "full", v=value)
    texts = files(AUTH, TEMPLATE.replace("@/out", "/dev/full/out"), name="full")
    agent = agents.ours("a", server, texts)
    agent.until(lambda: "cannot be written" in agent.log)
    assert agent.process.poll() is None
    assert agent.stop() == 0


def test_a_template_that_fails_at_run_time_names_its_place_and_no_value(
    agents: Agents, server: Server, canary: Canaries
) -> None:
    kv(server, "failing", v=canary())
    text = """
    template {
      contents = "{{ with secret `secret/data/failing` }}\\n{{ .Data.data.v | parseInt }}{{ end }}"
      destination = "@/out"
    }
    """
    agent = agents.ours("a", server, files(AUTH, text))
    agent.until(lambda: "template failed" in agent.log)
    assert "out:2:" in agent.log
    assert agent.process.poll() is None
    assert not agent.text("out")
    assert agent.stop() == 0


def test_a_command_that_fails_or_hangs_is_told(agents: Agents, server: Server) -> None:
    text = """
    template {
      contents = "x"
      destination = "@/one"
      command = "exit 3"
    }
    template {
      contents = "y"
      destination = "@/two"
      exec { command = ["sleep", "600"] timeout = "300ms" }
    }
    """
    agent = agents.ours("a", server, files(AUTH, text))
    agent.until(lambda: "ended with code 3" in agent.log)
    agent.until(lambda: "did not end within 0.3 seconds" in agent.log)
    assert agent.stop() == 0


def test_a_secret_that_no_variable_holds_leaves_the_process_alone(agents: Agents, server: Server) -> None:
    kv(server, "large", v="small")
    agent = agents.ours("a", server, files(AUTH, EXEC, name="large"))
    agent.until(lambda: agent.text("pids"))
    pid = int(agent.text("pids"))
    kv(server, "large", v="x" * 200_000)
    agent.until(lambda: "V is too long" in agent.log)
    assert alive(pid)
    kv(server, "large", v="small again")
    agent.until(lambda: agent.text("pids").count("\n") == 2)
    assert agent.stop() == 0


class Hanging:
    """Takes requests, and answers byte by byte or not at all."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked = threading.Event()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._socket.accept()
                threading.Thread(target=self._drip, args=(link,), daemon=True).start()

    def _drip(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError), link:
            link.recv(65_536)
            self.asked.set()
            for number in range(len(self._answer)):
                link.sendall(self._answer[number : number + 1])
                self._ended.wait(0.2)
            self._ended.wait(30)


@pytest.mark.parametrize("answer", (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"))
def test_a_server_that_hangs_does_not_hold_the_agent(agents: Agents, answer: bytes) -> None:
    with Hanging(answer) as server:
        agent = agents.ours("a", server.address, files(AUTH, TEMPLATE))
        assert server.asked.wait(20)
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 10
    assert not agent.text("out")


def test_a_credential_that_kubernetes_replaces_is_followed(agents: Agents, server: Server) -> None:
    """A mounted secret is a link to a link, and the one in the middle is replaced at once."""
    first, second = (
        server.api.post("auth/token/create", {"policies": ["default"]}).auth["client_token"] for _ in range(2)
    )
    config = """
    vault { address = "%" }
    auto_auth {
      enable_reauth_on_new_credentials = true
      method "token_file" { config = { token_file_path = "@/volume/token" } }
      sink "file" { config = { path = "@/sink" } }
    }
    """
    agent = agents.prepare("a", STRONGROOM, server, {"agent.hcl": config})
    volume = agent.path("volume")
    for name, token in (("..one", first), ("..two", second)):
        (volume / name).mkdir(parents=True)
        (volume / name / "token").write_text(token)
    (volume / "..data").symlink_to("..one")
    (volume / "token").symlink_to("..data/token")
    agent.start()
    agent.until(lambda: agent.text("sink") == first)
    (volume / "..data_tmp").symlink_to("..two")
    (volume / "..data_tmp").replace(volume / "..data")
    agent.until(lambda: agent.text("sink") == second)
    assert agent.stop() == 0
