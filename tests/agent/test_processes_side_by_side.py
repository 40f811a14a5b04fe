"""Both agents against both servers: how processes are run and ended, sinks of every kind, and the proxy."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from typing import Any

from tests.agent.agents import Running, alive, approle, kv
from tests.agent.four import Four, four
from tests.server import Server, free_port, listening

__all__ = ["four"]

AUTH = """
vault { address = "%" retry { num_retries = 2 } }
auto_auth { method "token_file" { config = { token_file_path = "@/token" } } }
"""
EXEC = (
    AUTH
    + """
env_template "V" { contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.v }}{{ end }}" }
exec { command = COMMAND }
"""
)
SERVICE = """
trap 'echo told to end >> @/events; exit 5' TERM
echo $$ > @/pid
while :; do sleep 0.05; done
"""


def again(running: Running, name: str, text: str) -> Running:
    """The same agent with another configuration."""
    running.path(name).unlink(missing_ok=True)
    running.path("agent.hcl").write_text(text)
    return running


def test_codes_of_processes(four: Four) -> None:
    commands = {
        "code": '["/bin/sh", "-c", "exit 42"]',
        "highest": '["/bin/sh", "-c", "exit 255"]',
        "good": '["/bin/true"]',
        "killed": '["/bin/sh", "-c", "kill -9 $$"]',
        "ended by TERM": '["/bin/sh", "-c", "kill -15 $$"]',
        "not there": '["/nonexistent"]',
        "a line in a list": '["echo $V > @/seen; exit 4"]',
    }

    def act(running: Running, server: Server, name: str) -> Any:
        text = running.text("agent.hcl")
        codes = {}
        for what, command in commands.items():
            line = command.replace("@", str(running.folder))
            codes[what] = again(running, "seen", text.replace("COMMAND", line)).start().wait()
        ends = text.replace("COMMAND", '["/bin/sh", "-c", "sleep 600"]') + "\nexit_after_auth = true"
        codes["exit_after_auth"] = again(running, "x", ends).start().wait()
        return codes, running.text("seen")

    for server in four.servers:
        kv(server, four.name, v="one")
    found = four.play(EXEC, act)["ours at our"]
    assert found == (
        {
            "code": 42, "highest": 255, "good": 0, "killed": 255, "ended by TERM": 255, "not there": 1,
            "a line in a list": 4, "exit_after_auth": 0,
        },
        "one\n",
    )  # fmt: skip


def test_signals_that_end_the_agent_end_the_process_first(four: Four) -> None:
    config = EXEC.replace("COMMAND", '["/bin/sh", "@/service"]')

    def act(running: Running, server: Server, name: str) -> Any:
        found = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            again(running, "pid", running.text("agent.hcl")).start()
            pid = int(running.until(lambda: running.text("pid")))
            time.sleep(0.2)
            running.signal(number)
            if number == signal.SIGHUP:
                time.sleep(0.5)
                found.append((running.process.poll(), alive(pid)))
                os.kill(pid, signal.SIGKILL)
            found.append((running.wait(), alive(pid)))
        return found, running.text("events")

    for server in four.servers:
        kv(server, four.name, v="one")
    found = four.play(config, act, service=SERVICE)["ours at our"]
    assert found == ([(0, False), (0, False), (None, True), (255, False)], "told to end\ntold to end\n")


def test_sinks_of_every_kind(four: Four) -> None:
    config = """
    exit_after_auth = true
    vault { address = "%" }
    auto_auth {
      method "approle" {
        WRAP
        config = {
          role_id_file_path = "@/role"
          secret_id_file_path = "@/secret"
          remove_secret_id_file_after_reading = false
        }
      }
      SINKS
    }
    """
    plain = """
      sink "file" { config = { path = "@/plain" } }
      sink "file" { config = { path = "@/private" mode = 0600 } }
      sink "file" { config = { path = "@/decimal" mode = 384 } }
      sink "file" { config = { path = "@/there" } }
      sink { type = "file" config = { path = "@/link" } }
    """

    def act(running: Running, server: Server, name: str) -> Any:
        mine = f"{name}-{running.folder.name}"
        role, secret = approle(server, mine, 'path "secret/data/*" { capabilities = ["read"] }')
        running.path("role").write_text(role)
        running.path("secret").write_text(secret)
        text = running.text("agent.hcl")
        running.path("there").write_text("old")
        running.path("there").chmod(0o604)
        running.path("target").write_text("old")
        running.path("link").symlink_to("target")

        def run(sinks: str, wrap: str = "") -> int:
            filled = text.replace("SINKS", sinks.replace("@", str(running.folder))).replace("WRAP", wrap)
            return again(running, "wrapped", filled).start().wait()

        codes = [run(plain)]
        names = ("plain", "private", "decimal", "there", "link")
        tokens = {running.text(each) for each in names}
        modes = [oct(running.path(each).stat().st_mode & 0o7777) for each in names]
        owner = {(running.path(each).stat().st_uid, running.path(each).stat().st_gid) for each in names}
        codes.append(run('sink "file" { config = { path = "@/wrapped" } }', 'wrap_ttl = "5m"'))
        wrapped = json.loads(running.text("wrapped"))
        inner = server.api.put("sys/wrapping/unwrap", token=wrapped["token"]).auth
        twice = 'sink "file" { wrap_ttl = "1m" config = { path = "@/wrapped" } }'
        codes.append(run(twice, 'wrap_ttl = "5m"'))
        codes.append(run('sink "file" { config = { path = "@/no/such/folder" } }'))
        return {
            "codes": codes,
            "one token": len(tokens) == 1 and "" not in tokens,
            "modes": modes,
            "owner is oneself": owner == {(os.getuid(), os.getgid())},
            "link": (running.path("link").is_symlink(), running.text("target")),
            "wrapped": (sorted(wrapped), wrapped["ttl"], wrapped["creation_path"]),
            "inner": (inner["policies"] == ["default", mine], inner["lease_duration"]),
            "folder": sorted(each.name for each in running.folder.iterdir() if each.name.startswith(".")),
        }

    found = four.play(config, act)["ours at our"]
    assert found["codes"] == [0, 0, 1, 1]
    assert found["modes"][:3] == ["0o640", "0o600", "0o600"]


def test_the_proxy_of_an_agent(four: Four) -> None:
    config = """
    vault { address = "%" }
    auto_auth {
      method "approle" {
        config = {
          role_id_file_path = "@/role"
          secret_id_file_path = "@/secret"
        }
      }
    }
    api_proxy { use_auto_auth_token = true }
    cache {}
    listener "tcp" {
      address = "127.0.0.1:PORT"
      tls_disable = true
      agent_api { enable_quit = true }
    }
    """
    policy = """
    path "secret/data/*" { capabilities = ["read"] }
    path "auth/token/create" { capabilities = ["update"] }
    """
    create, clear = b'{"ttl": "10m"}', b'{"type": "all"}'
    steps = [
        ("GET", "/v1/secret/data/NAME", b""), ("GET", "/v1/secret/data/NAME", b""),
        ("GET", "/v1/secret/data/NAME-none", b""), ("GET", "/v1/auth/token/lookup-self", b""),
        ("POST", "/v1/auth/token/create", create), ("POST", "/v1/auth/token/create", create),
        ("POST", "/agent/v1/cache-clear", clear), ("POST", "/v1/auth/token/create", create),
        ("GET", "/v1/sys/mounts", b""), ("GET", "/v1/sys/health", b""), ("GET", "/agent/v1/metrics", b""),
        ("GET", "/agent/v1/nothing", b""), ("GET", "/v2/nothing", b""), ("POST", "/agent/v1/quit", b""),
    ]  # fmt: skip

    def act(running: Running, server: Server, name: str) -> Any:
        mine = f"{name}-{running.folder.name}"
        role, secret = approle(server, mine, policy)
        running.path("role").write_text(role)
        running.path("secret").write_text(secret)
        port = free_port()
        again(running, "x", running.text("agent.hcl").replace("PORT", str(port))).start()
        running.until(lambda: listening(port) and asked(port, *steps[3])[0] == 200)
        seen = [asked(port, method, path.replace("NAME", name), body) for method, path, body in steps]
        return seen, running.wait()

    for server in four.servers:
        kv(server, four.name, v="one")
    seen, code = four.play(config, act)["ours at our"]
    assert code == 0
    assert [each[1] for each in seen[4:8]] == ["MISS", "HIT", "", "MISS"]


def asked(port: int, method: str, path: str, body: bytes) -> tuple[int, str, bool, str]:
    """The status of an answer, what the cache did, whether its age is told, and its type."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request(method, path, body or None)
        answer = link.getresponse()
        answer.read()
    finally:
        link.close()
    told = answer.headers
    return answer.status, told.get("X-Cache", ""), "Age" in told, told.get("Content-Type", "")
