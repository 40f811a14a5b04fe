"""Keys of the agent's configuration and what they do to what it runs."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from strongroom.agent.child import Child
from strongroom.agent.config import Exec, parsed
from strongroom.agent.endpoint import Connections, Endpoint, endpoint_of
from strongroom.agent.exit import Exit
from strongroom.agent.proxy.listeners import listener_config
from strongroom.agent.render.runner import Runner, _rules
from strongroom.agent.render.target import Target
from strongroom.agent.state import State
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Unreachable, Upstream
from strongroom.agent.wire import Answer
from strongroom.secret import Secret
from tests.agent.agents import Agents
from tests.agent.failing import Leases, certificate
from tests.server import Server, free_port

AUTH = """
pid_file = "@/pid"
vault { address = "%" }
auto_auth { method "token_file" { config = { token_file_path = "@/token" } } }
"""
OUT = 'template { contents = "x" destination = "@/out" }\n'


def test_the_process_runs_as_long_as_it_may(agents: Agents, server: Server) -> None:
    text = 'exec { command = ["/bin/sh", "-c", "echo $$ > @/it; exec sleep 60"] timeout = "300ms" }'
    agent = agents.ours("a", server, {"agent.hcl": AUTH + OUT + text, "token": "root"})
    assert agent.wait() == 1
    assert "/bin/sh did not end within 0.3 seconds" in agent.log
    assert not agent.path("/proc", agent.text("it").strip()).exists()


def test_a_restart_begins_the_time_of_the_process_anew() -> None:
    config = parsed([("c", OUT + 'exec { command = ["sleep", "60"] timeout = "1s" }')])
    assert config.exec
    state = State()

    async def play(stanza: Exec) -> float:
        child = Child(config, stanza, Upstream(Endpoint()), TokenHolder(), state)
        begun = time.monotonic()
        running = asyncio.create_task(child.run())
        child.rendered([], [])
        await asyncio.sleep(0.5)
        child.rendered([], cast("list[Target]", ["something"]))
        with pytest.raises(Exit, match="did not end within 1 seconds"):
            await running
        return time.monotonic() - begun

    assert asyncio.run(play(config.exec)) > 1.4
    assert state.process.starts == 2


def test_signals_of_ones_own(agents: Agents, server: Server) -> None:
    text = 'kill_signal = "SIGUSR1"\nreload_signal = "SIGUSR2"\n'
    agent = agents.ours("a", server, {"agent.hcl": AUTH + OUT + text, "token": "root"})
    agent.until(lambda: agent.text("out"))
    agent.signal(signal.SIGUSR2)
    agent.until(lambda: "configuration reloaded" in agent.log)
    agent.signal(signal.SIGUSR1)
    assert agent.wait() == 0


def test_a_command_that_takes_too_long_is_asked_to_end(agents: Agents, server: Server) -> None:
    script = "#!/bin/sh\ntrap 'echo asked > @/asked; exit' INT\necho up\nwhile :; do sleep 0.05; done\n"
    text = """
    template {
      contents = "x"
      destination = "@/out"
      exec {
        command = ["/bin/sh", "@/slow"]
        timeout = "3s"
        kill_signal = "SIGINT"
        reload_signal = "SIGHUP"
      }
    }
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root", "slow": script})
    agent.until(lambda: agent.text("asked"))
    agent.until(lambda: "/bin/sh did not end within 3 seconds" in agent.log)
    assert "reload_signal has no effect" in agent.log
    assert agent.stop() == 0


def test_commands_are_told_where_the_server_is(agents: Agents, server: Server) -> None:
    text = """
    once = true
    template { contents = "x" destination = "@/out" command = "echo $VAULT_ADDR $VAULT_CACERT > @/told" }
    """
    config = AUTH.replace('address = "%"', 'address = "%"\nca_cert = "@/ca"')
    agent = agents.ours("a", server, {"agent.hcl": config + text, "token": "root"})
    assert agent.wait() == 0
    assert agent.text("told") == f"{server.address} {agent.path('ca')}\n"


def test_once_is_known_to_the_agent_too(agents: Agents, server: Server) -> None:
    agent = agents.ours("a", server, {"agent.hcl": AUTH + OUT + "once = true", "token": "root"})
    assert agent.wait() == 0
    assert agent.text("out") == "x"


@pytest.mark.parametrize(
    "fatal", ("template_error_fatal = true\n", "template_config { exit_on_retry_failure = true }\n")
)
def test_a_template_that_fails_ends_the_agent_where_it_should(
    agents: Agents, server: Server, fatal: str
) -> None:
    text = 'template { contents = "{{ index 1 2 }}" destination = "@/out" }\n'
    agent = agents.ours("a", server, {"agent.hcl": AUTH + fatal + text, "token": "root"})
    assert agent.wait() == 1


def test_an_error_of_a_lookup_ends_the_agent_where_it_should(agents: Agents, server: Server) -> None:
    text = """
    err_on_failed_lookup = true
    template { contents = "{{ secret `secret/data/not-there` }}" destination = "@/out" }
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root"})
    assert agent.wait() == 1
    assert "no secret exists at secret/data/not-there" in agent.log


def test_a_file_is_given_to_whom_it_should_belong(agents: Agents, server: Server) -> None:
    text = 'template { contents = "x" destination = "@/out" user = "nobody" gid = 12345 perms = "0640" }'
    files = {"agent.hcl": AUTH + text, "token": "root", "out": "x"}
    agent = agents.ours("a", server, files)
    if os.geteuid() != 0:  # only root gives files away
        agent.until(lambda: "out cannot be written: Operation not permitted" in agent.log)
        return
    nobody = pwd.getpwnam("nobody").pw_uid
    agent.until(lambda: agent.path("out").stat().st_uid == nobody)
    found = agent.path("out").stat()
    assert (found.st_gid, found.st_mode & 0o777) == (12345, 0o640)


# -- connections ------------------------------------------------------------------------------


class Answering(asyncio.Protocol):
    """Answers each request a moment later; ``accepted`` counts connections."""

    accepted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        Answering.accepted += 1

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            asyncio.get_running_loop().call_later(0.05, self.answer)

    def answer(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def _accepted(endpoint: Endpoint, *, pause: float) -> int:
    """How many connections a server sees of eight requests, two times four at once, or one by one."""
    Answering.accepted = 0
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = Upstream(replace(endpoint, address=f"http://127.0.0.1:{port}"))
    try:
        for _ in range(8 if pause else 2):
            await asyncio.gather(*(upstream.request("GET", "x") for _ in range(1 if pause else 4)))
            await asyncio.sleep(pause)
    finally:
        await upstream.close()
        server.close()
        await server.wait_closed()
    return Answering.accepted


@pytest.mark.parametrize(
    ("text", "pause", "most"),
    (
        ("", 0.0, 4),
        ("vault { transport { max_conns_per_host = 2 } }", 0.0, 2),
        ("vault { transport { max_idle_conns_per_host = 1 } }", 0.0, 7),
        ("vault { transport { max_idle_conns = 1 } }", 0.0, 7),
        ("vault { transport { disable_keep_alives = true } }", 0.0, 8),
        ('disable_keep_alives = ["templating"]', 0.0, 8),
        ('disable_idle_connections = ["auto-auth"]', 0.0, 8),
        ('disable_idle_connections = ["proxying"]', 0.0, 4),
        ("", 0.02, 1),
        ('vault { transport { idle_conn_timeout = "1ms" } }', 0.02, 8),
    ),
)
def test_connections_are_kept_as_configured(text: str, pause: float, most: int) -> None:
    config = parsed([("c", OUT + text)])
    assert asyncio.run(_accepted(endpoint_of(config, {}), pause=pause)) == most


def test_the_environment_may_forbid_to_keep_connections() -> None:
    config = parsed([("c", OUT)])
    assert endpoint_of(config, {}).keep_alive
    assert not endpoint_of(config, {"VAULT_AGENT_DISABLE_KEEP_ALIVES": "caching, templating"}).keep_alive
    assert not endpoint_of(config, {"BAO_AGENT_DISABLE_IDLE_CONNECTIONS": "auto-auth"}).keep_alive


def test_a_connection_is_not_waited_for_without_end() -> None:
    async def act(connections: Connections, scheme: str) -> str:
        silent = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        upstream = Upstream(Endpoint(address=f"{scheme}://127.0.0.1:{port}", connections=connections))
        try:
            await upstream.request("GET", "x")
        except Unreachable as error:
            return error.public
        finally:
            await upstream.close()
            silent.close()
        return ""

    assert "within 0.2 seconds" in asyncio.run(act(Connections(patience=0.2), "https"))
    assert "cannot be reached" in asyncio.run(act(Connections(handshake=0.2), "https"))


def test_nobody_at_the_other_end() -> None:
    async def act() -> None:
        upstream = Upstream(Endpoint(address=f"http://127.0.0.1:{free_port()}"))
        with pytest.raises(Unreachable, match="connection refused"):
            await upstream.request("GET", "x")

    asyncio.run(act())


def test_how_the_server_is_trusted() -> None:
    text = """
    vault {
      address = "https://x/"
      namespace = "/n/"
      ca_cert = "a"
      ca_path = "b"
      client_cert = "c"
      client_key = "d"
      tls_server_name = "e"
      tls_skip_verify = "true"
    }
    """
    found = endpoint_of(parsed([("c", OUT + text)]), {})
    assert (found.address, found.namespace) == ("https://x", "n")
    assert (found.ca_cert, found.ca_path, found.client_cert, found.client_key) == ("a", "b", "c", "d")
    assert (found.server_name, found.skip_verify) == ("e", True)


def test_a_server_behind_another_name_and_authority(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "one")
    (tmp_path / "authorities").mkdir()
    (tmp_path / "authorities" / f"{_hash(cert)}.0").write_bytes(cert.read_bytes())

    async def ask(address: str, keys: str) -> str:
        endpoint = endpoint_of(parsed([("c", OUT + f'vault {{ address = "{address}" {keys} }}')]), {})
        upstream = Upstream(endpoint)
        try:
            return str((await upstream.request("GET", "auth/token/lookup-self")).status)
        except Unreachable as error:
            return error.public
        finally:
            await upstream.close()

    with Leases().serving(cert, key) as address:
        assert "certificate is not trusted" in asyncio.run(ask(address, ""))
        assert asyncio.run(ask(address, f'ca_path = "{tmp_path}/authorities"')) == "200"
        assert asyncio.run(ask(address, "tls_skip_verify = true")) == "200"
        other = f'ca_cert = "{cert}" tls_server_name = "other.example"'
        assert "certificate is not trusted" in asyncio.run(ask(address, other))


def _hash(cert: Path) -> str:
    """The name OpenSSL looks an authority up by."""
    line = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(cert)]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


# -- leases and requests ----------------------------------------------------------------------


def test_when_secrets_are_read_again() -> None:
    def rules(text: str) -> tuple[float, float]:
        found = _rules(parsed([("c", OUT + text)]), cached=False)
        return found.interval, found.threshold

    assert rules("") == (300, 0.9)
    assert rules("vault { default_lease_duration = 60 lease_renewal_threshold = 0.5 }") == (60, 0.5)
    assert rules(
        "vault { default_lease_duration = 60 lease_renewal_threshold = 0.5 }\n"
        'template_config { static_secret_render_interval = "2m" lease_renewal_threshold = 0.7 }'
    ) == (120, 0.7)


@pytest.mark.parametrize(("limit", "most"), ((2, 2), (0, 6)))
def test_requests_at_once(limit: int, most: int) -> None:
    """Never more than ``max_connections_per_host``; 0 is no limit."""
    reads = "".join(f"{{{{ secret `s/{number}` }}}}" for number in range(6))
    text = f"""
    template {{ contents = "{reads}" destination = "y" }}
    template_config {{ max_connections_per_host = {limit} }}
    """
    under_way = highest = 0

    class Slow(Upstream):
        async def request(self, method: str, path: str, **_: Any) -> Answer:
            nonlocal under_way, highest
            if path.startswith("sys/"):
                return Answer(404)
            under_way += 1
            highest = max(highest, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            return Answer(404)

    async def play() -> None:
        holder = TokenHolder()
        holder.set(Secret("token"))
        config, upstream = parsed([("c", text)]), Slow(Endpoint())
        runner = Runner(config, upstream, holder, State(), doubt=lambda: None, rendered=lambda _: None)
        task = asyncio.create_task(runner.run())
        await asyncio.sleep(0.4)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(play())
    assert highest == most


# -- files ------------------------------------------------------------------------------------


def test_folders_are_made_unless_that_is_not_wanted(agents: Agents, server: Server) -> None:
    text = """
    template { contents = "x" destination = "@/made/out" }
    template { contents = "x" destination = "@/not/out" create_dest_dirs = false }
    default_delimiters { left = "<<" right = ">>" }
    template { contents = "<< 1 >> {{ 2 }}" destination = "@/other" }
    template {
      contents = "<< 1 >> {{ 2 }}"
      destination = "@/own"
      left_delimiter = "{{"
      right_delimiter = "}}"
    }
    log_format = "json"
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root"})
    agent.until(lambda: "not/out cannot be written" in agent.log and agent.text("own"))
    assert agent.text("made/out") == "x"
    assert not agent.path("not").exists()
    assert (agent.text("other"), agent.text("own")) == ("1 {{ 2 }}", "<< 1 >> 2")
    lines = [json.loads(line) for line in agent.log.splitlines() if line.startswith("{")]
    assert any("cannot be written" in line.get("error", "") for line in lines)


# -- listeners --------------------------------------------------------------------------------


def test_what_a_listener_is_told() -> None:
    config = parsed(
        [
            (
                "c",
                """
            listener "tcp" {
              address = "127.0.0.1:1"
              tls_cert_file = "c"
              tls_key_file = "k"
              tls_min_version = "tls13"
              tls_max_version = "tls13"
              tls_cipher_suites = "TLS_AES_128_GCM_SHA256"
              tls_require_and_verify_client_cert = true
              tls_client_ca_file = "a"
              tls_disable_client_certs = true
              tls_prefer_server_cipher_suites = true
              require_request_header = true
            }
            listener "unix" {
              address = "/x"
              socket_mode = "0660"
              socket_user = "nobody"
              socket_group = "1"
            }
            """,
            )
        ]
    )
    tcp, unix = map(listener_config, config.listeners)
    assert (tcp.tls_cert_file, tcp.tls_key_file, tcp.tls_client_ca_file) == ("c", "k", "a")
    assert (tcp.tls_min_version, tcp.tls_max_version) == ("tls13", "tls13")
    assert tcp.tls_cipher_suites == "TLS_AES_128_GCM_SHA256"
    assert tcp.tls_require_and_verify_client_cert
    assert tcp.tls_disable_client_certs
    assert tcp.require_request_header
    assert (unix.socket_mode, unix.socket_user, unix.socket_group) == (0o660, "nobody", "1")
    assert "tls_prefer_server_cipher_suites has no effect" in config.warnings[0]
