"""What the agent does when something fails: services and files are left alone, and it recovers by itself."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.agent.agents import Agents, alive, approle, kv
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
    leases = Leases(longest=3.0)
    with leases.serving() as address:
        agent = agents.ours("a", address, files(AUTH, text))
        agent.until(lambda: agent.text("out") == "v2", 10)
        first, second = leases.issued[:2]
        assert second - first < 3.0
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


# -- a server that fails as it is told to -----------------------------------------------------------


class Leases:
    """Gives leased secrets, ``v1``, ``v2`` ...; ``trouble`` is what comes instead of an answer."""

    def __init__(self, duration: float = 1.5, longest: float = 3_600.0) -> None:
        self.duration = duration
        self.longest = longest
        self.issued: list[float] = []
        self.renewed = 0
        self.revoked = False
        self.trouble: int | str = 0
        self.troubled = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._epoch = 0

    def serving(self, *tls: Path) -> Serving:
        return Serving(self, tls)

    def hang_up(self) -> None:
        """End the connections that are open, each after its next answer."""
        self._epoch += 1

    @property
    def epoch(self) -> int:
        return self._epoch

    def answer(self, path: str) -> dict[str, Any] | None:
        if path.startswith("/v1/auth/token/lookup-self"):
            return {"data": {"ttl": 0, "renewable": False}}
        if path.startswith("/v1/sys/leases/renew"):
            if self.revoked:
                return None
            self.renewed += 1
            left = self.issued[-1] + self.longest - time.monotonic()
            return {"lease_id": "x", "lease_duration": max(min(self.duration, left), 0.01), "renewable": True}
        if "/creds/" in path and "/mounts/" not in path:
            self.issued.append(time.monotonic())
            self.revoked = False
            value = f"v{len(self.issued)}"
            return {
                "lease_id": f"x/{value}", "lease_duration": int(self.duration + 0.5), "renewable": True,
                "data": {"v": value},
            }  # fmt: skip
        return None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    leases: Leases

    def setup(self) -> None:
        super().setup()
        self.epoch = self.leases.epoch

    def do_PUT(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.leases.trouble and "/creds/" in self.path and "/mounts/" not in self.path:
            self.leases.troubled += 1
            self.trouble(self.leases.trouble)
            return
        found = self.leases.answer(self.path)
        self.reply(200 if found is not None else 400, json.dumps(found or {"errors": ["gone"]}))

    def trouble(self, kind: int | str) -> None:
        if isinstance(kind, int):
            self.reply(kind, json.dumps({"errors": ["not now"]}))
        elif kind == "garbage":
            self.wfile.write(b"what?\r\n\r\n")
            self.close_connection = True
        elif kind == "slow":
            time.sleep(0.3)
            self.reply(503, "{}")
        else:
            self.close_connection = True

    def reply(self, code: int, text: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or self.epoch != self.leases.epoch

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Quiet(ThreadingHTTPServer):
    """Does not complain of clients that hang up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate is meant."""


class Serving:
    """A server's threads."""

    def __init__(self, leases: Leases, tls: tuple[Path, ...]) -> None:
        self._server = Quiet(("127.0.0.1", 0), type("Mine", (Handler,), {"leases": leases}))
        self._scheme = "http"
        if tls:
            leases.context.load_cert_chain(*tls)
            self._server.socket = leases.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of its own authority for 127.0.0.1, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
