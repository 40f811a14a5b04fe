"""Both agents against both servers on one configuration: the same files, the same behaviour, the same codes.

Each test plays all four combinations at once, and then compares each with the peer's own pair.
"""

from __future__ import annotations

import json
import signal
import time
from base64 import b64decode, b64encode
from typing import Any

import pytest

from strongroom.crypto.exchange import Envelope, new_pair, open_with
from tests.agent.agents import Running, approle, kv
from tests.agent.four import Four, four
from tests.server import Server

__all__ = ["four"]

AUTH = """
vault {
  address = "%"
  retry { num_retries = 2 }
}
auto_auth {
  method "token_file" { config = { token_file_path = "@/token" } }
}
"""
POLICY = 'path "secret/data/*" { capabilities = ["read"] }'


def test_a_login_with_approle_renders_and_ends(four: Four) -> None:
    config = """
    exit_after_auth = true
    pid_file = "@/pid"
    vault { address = "%" }
    auto_auth {
      method "approle" {
        config = { role_id_file_path = "@/role" secret_id_file_path = "@/secret" }
      }
      sink "file" { config = { path = "@/sink" } }
      sink "file" { config = { path = "@/sink-600" mode = 0600 } }
    }
    template {
      destination = "@/deep/er/out"
      contents = <<EOT
{{ with secret "secret/data/NAME" }}user={{ .Data.data.user }}
{{ end }}{{ range $k, $v := (secret "secret/data/NAME").Data.data }}{{ $k }}={{ $v | toUpper }};{{ end }}
EOT
    }
    template {
      contents = "{{ with secret `secret/NAME` }}{{ .Data.data.user }}{{ end }}"
      destination = "@/short"
      perms = "0600"
    }
    """

    def act(running: Running, server: Server, name: str) -> Any:
        role, secret = approle(server, name, POLICY)
        running.path("role").write_text(role)
        running.path("secret").write_text(secret + "\n")
        code = running.start().wait()
        token = running.text("sink")
        who = server.api.get("auth/token/lookup-self", token=token)
        return {
            "code": code,
            "out": running.text("deep/er/out"),
            "short": running.text("short"),
            "modes": [
                oct(running.path(n).stat().st_mode & 0o7777)
                for n in ("sink", "sink-600", "deep/er/out", "short")
            ],
            "policies": who.data["policies"],
            "same": running.text("sink-600") == token,
            "secret ID is gone": not running.path("secret").exists(),
            "role ID stays": running.path("role").exists(),
            "pid file": running.path("pid").exists(),
        }

    for server in four.servers:
        kv(server, four.name, user="alice", password="p4ss")
    found = four.play(config, act)
    assert found["ours at our"]["out"] == "user=alice\npassword=P4SS;user=ALICE;\n"


def test_wrapped_and_encrypted_sinks(four: Four) -> None:
    config = """
    exit_after_auth = true
    vault { address = "%" }
    auto_auth {
      method "token_file" { config = { token_file_path = "@/token" } }
      sink "file" { wrap_ttl = "5m" config = { path = "@/wrapped" } }
      sink "file" { dh_type = "curve25519" dh_path = "@/dh" aad = "for me" config = { path = "@/sealed" } }
      sink "file" {
        dh_type = "curve25519"
        dh_path = "@/dh"
        derive_key = true
        aad_env_var = "HOME"
        config = { path = "@/derived" }
      }
    }
    """
    private, public = new_pair()

    def opened(text: str, aad: str, *, derive: bool) -> str:
        parts = [
            b64decode(json.loads(text)[key])
            for key in ("curve25519_public_key", "nonce", "encrypted_payload")
        ]
        return open_with(private, Envelope(*parts), aad.encode(), derive=derive).decode()

    def act(running: Running, server: Server, name: str) -> Any:
        running.path("dh").write_text(json.dumps({"curve25519_public_key": b64encode(public).decode()}))
        code = running.start().wait()
        wrapped = json.loads(running.text("wrapped"))
        inner = server.api.put("sys/wrapping/unwrap", token=wrapped["token"])
        return {
            "code": code,
            "keys": sorted(wrapped),
            "ttl": wrapped["ttl"],
            "inner": inner.json["data"],
            "sealed": opened(running.text("sealed"), "for me", derive=False),
            "derived": opened(running.text("derived"), running.environment["HOME"], derive=True),
        }

    found = four.play(config, act)
    assert found["ours at our"]["sealed"] == "root"


def test_a_process_gets_variables_and_its_code_is_the_agents(four: Four) -> None:
    config = (
        AUTH
        + """
    env_template "PASSWORD" {
      contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.password }}{{ end }}"
      error_on_missing_key = true
    }
    exec { command = ["/bin/sh", "-c", "printf %s \\"$PASSWORD\\" > @/seen; exit 7"] }
    """.replace("%s", "'<'$PASSWORD'>'").replace('\\"$PASSWORD\\" >', ">")
    )

    def act(running: Running, server: Server, name: str) -> Any:
        return running.start().wait(), running.text("seen")

    for server in four.servers:
        kv(server, four.name, password="p4ss")
    assert four.play(config, act)["ours at our"] == (7, "<p4ss>")


SERVICE = """
trap 'echo told >> @/events; exit 0' TERM
trap 'echo usr1 >> @/events' USR1
echo "$$ $PASSWORD" >> @/starts
while :; do sleep 0.05; done
"""


def test_a_process_is_restarted_when_its_secret_changes(four: Four) -> None:
    config = (
        AUTH
        + """
    template_config { static_secret_render_interval = "1s" }
    env_template "PASSWORD" {
      contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.password }}{{ end }}"
    }
    exec {
      command = ["/bin/sh", "@/service"]
      restart_on_secret_changes = "always"
      restart_stop_signal = "SIGTERM"
    }
    """
    )

    def act(running: Running, server: Server, name: str) -> Any:
        mine = f"{name}-{running.folder.name}"
        running.path("agent.hcl").write_text(running.text("agent.hcl").replace(name, mine))
        kv(server, mine, password="one")
        running.start()
        running.until(lambda: running.text("starts").count("\n") == 1)
        kv(server, mine, password="two")
        running.until(lambda: running.text("starts").count("\n") == 2)
        before_end = running.text("events")
        code = running.stop()
        running.until(lambda: running.text("events").count("told") == 2)
        return code, [line.split()[1] for line in running.text("starts").splitlines()], before_end

    found = four.play(config, act, service=SERVICE)
    assert found["ours at our"] == (0, ["one", "two"], "told\n")


def test_a_process_that_shall_not_be_restarted_is_left_alone(four: Four) -> None:
    config = (
        AUTH
        + """
    template_config { static_secret_render_interval = "1s" }
    env_template "PASSWORD" {
      contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.password }}{{ end }}"
    }
    exec { command = ["/bin/sh", "@/service"] restart_on_secret_changes = "never" }
    """
    )

    def act(running: Running, server: Server, name: str) -> Any:
        mine = f"{name}-{running.folder.name}"
        running.path("agent.hcl").write_text(running.text("agent.hcl").replace(name, mine))
        kv(server, mine, password="one")
        running.start()
        running.until(lambda: running.text("starts").count("\n") == 1)
        kv(server, mine, password="two")
        time.sleep(2.0)
        return running.stop(), running.text("starts").count("\n")

    assert four.play(config, act, service=SERVICE)["ours at our"] == (0, 1)


def test_commands_run_on_change_only_and_files_keep_what_they_had(four: Four) -> None:
    config = (
        AUTH
        + """
    template_config { static_secret_render_interval = "1s" }
    template {
      contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.v }}{{ end }}"
      destination = "@/out"
      backup = true
      command = "echo changed >> @/commands"
    }
    template {
      contents = "constant"
      destination = "@/constant"
      exec { command = ["/bin/sh", "-c", "echo constant >> @/others"] }
    }
    """
    )

    def act(running: Running, server: Server, name: str) -> Any:
        mine = f"{name}-{running.folder.name}"
        running.path("agent.hcl").write_text(running.text("agent.hcl").replace(name, mine))
        kv(server, mine, v="one")
        running.path("out").write_text("old")
        running.path("out").chmod(0o604)
        running.path("constant").write_text("constant")
        running.start()
        running.until(lambda: running.text("out") == "one" and running.text("commands").count("\n") == 1)
        kv(server, mine, v="two")
        running.until(lambda: running.text("out") == "two" and running.text("commands").count("\n") == 2)
        running.signal(signal.SIGHUP)
        time.sleep(1.3)
        still = running.process.poll()
        return {
            "alive after SIGHUP": still,
            "code": running.stop(),
            "commands": running.text("commands"),
            "others": running.text("others"),
            "mode": oct(running.path("out").stat().st_mode & 0o777),
            "backup": running.text("out.bak"),
        }

    found = four.play(config, act)
    assert found["ours at our"]["commands"] == "changed\nchanged\n"


def test_a_missing_secret_ends_the_agent_only_where_wanted(four: Four) -> None:
    config = (
        AUTH
        + """
    template_config { exit_on_retry_failure = true }
    template {
      contents = "{{ with secret `secret/data/NAME-none` }}{{ .Data.data.v }}{{ end }}"
      destination = "@/out"
    }
    """
    )

    def act(running: Running, server: Server, name: str) -> Any:
        return running.start().wait(), running.path("out").exists()

    assert four.play(config, act)["ours at our"] == (1, False)


def test_a_missing_key_is_an_error_only_where_wanted(four: Four) -> None:
    config = (
        AUTH
        + """
    exit_after_auth = true
    template_config { exit_on_retry_failure = true }
    template {
      contents = "{{ with secret `secret/data/NAME` }}{{ .Data.data.none }}{{ end }}"
      destination = "@/out"
      error_on_missing_key = STRICT
    }
    """
    )

    def act(running: Running, server: Server, name: str) -> Any:
        text = running.text("agent.hcl")
        running.path("agent.hcl").write_text(text.replace("STRICT", "true"))
        strict = running.start().wait()
        running.path("agent.hcl").write_text(text.replace("STRICT", "false"))
        return strict, running.start().wait(), running.text("out")

    for server in four.servers:
        kv(server, four.name, v="one")
    assert four.play(config, act)["ours at our"] == (1, 0, "<no value>")


def test_a_login_that_fails_ends_the_agent_only_where_wanted(four: Four) -> None:
    config = """
    vault { address = "%" }
    auto_auth {
      method "approle" {
        exit_on_err = true
        config = { role_id_file_path = "@/token" secret_id_file_path = "@/secret" }
      }
      sink "file" { config = { path = "@/sink" } }
    }
    """

    def act(running: Running, server: Server, name: str) -> Any:
        return running.start().wait(), running.path("sink").exists()

    assert four.play(config, act, secret="wrong")["ours at our"] == (1, False)


@pytest.mark.parametrize(
    "text", ("", "a = ", "auto_auth { }", AUTH, "template { contents = `x` destination = `y` nonsense = 1 }")
)
def test_wrong_configurations_are_refused(four: Four, text: str) -> None:
    def act(running: Running, server: Server, name: str) -> Any:
        return running.start().wait()

    assert four.play(text, act)["ours at our"] == 1
