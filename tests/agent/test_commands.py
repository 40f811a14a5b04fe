"""The commands beside the agent, signals, and configurations of consul-template and of init containers."""

from __future__ import annotations

import json
import signal
import subprocess

from tests.agent.agents import Agents, Running, approle, kv
from tests.agent.failing import Leases
from tests.canary import Canaries
from tests.server import STRONGROOM, Server


def call(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STRONGROOM, *words], cwd=running.folder, env=running.environment,
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


AUTH = """
pid_file = "@/pid"
vault { address = "%" }
auto_auth { method "token_file" { config = { token_file_path = "@/token" } } }
"""


def test_status_tells_how_the_agent_is(agents: Agents, server: Server, canary: Canaries) -> None:
    value = canary()
    kv(server, "status", v=value)
    text = """
    template {
      contents = "{{ with secret `secret/data/status` }}{{ .Data.data.v }}{{ end }}"
      destination = "@/out"
    }
    """
    agent = agents.prepare("a", STRONGROOM, server, {"agent.hcl": AUTH + text, "token": "root"})
    line = ("agent", "status", f"-config={agent.path('agent.hcl')}")
    assert call(agent, *line).returncode == 1
    agent.start()
    agent.until(lambda: agent.text("out") == value)
    told = call(agent, *line)
    assert told.returncode == 0, told.stderr
    assert "reachable since" in told.stdout
    assert "rendered 1 times" in told.stdout
    found = json.loads(call(agent, *line, "-format=json").stdout)
    assert found["auth"]["logins"] == 1
    assert value not in json.dumps(found)
    assert agent.path("pid.status").stat().st_mode & 0o777 == 0o600
    assert agent.stop() == 0
    assert not agent.path("pid.status").exists()


def test_status_is_not_well_while_a_secret_is_missing(agents: Agents, server: Server) -> None:
    text = """
    template {
      contents = "{{ with secret `secret/data/nowhere` }}{{ .Data.data.v }}{{ end }}"
      destination = "@/out"
    }
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root"})
    agent.until(lambda: "no secret exists" in agent.log)
    told = call(agent, "agent", "status", f"-config={agent.path('agent.hcl')}")
    assert told.returncode == 2
    assert "waits for 1 secrets" in told.stdout


def test_a_generated_configuration_runs_a_program(agents: Agents, server: Server) -> None:
    kv(server, "generated/db", user="alice", **{"pass-word": "p4ss"})
    agent = agents.prepare("a", STRONGROOM, server, {"x": ""}, VAULT_ADDR=server.address, VAULT_TOKEN="root")
    (agent.folder / "home" / ".vault-token").write_text("root")
    line = ("-type=env-template", "-exec=env", "-path=secret/generated/*", "agent.hcl")
    made = call(agent, "agent", "generate-config", *line)
    assert made.returncode == 0, made.stderr
    assert agent.start().wait() == 0
    lines = agent.log.splitlines()
    assert "DB_USER=alice" in lines
    assert "DB_PASS_WORD=p4ss" in lines


def test_generating_needs_to_know_what(agents: Agents, server: Server) -> None:
    agent = agents.prepare("a", STRONGROOM, server, {"x": ""}, VAULT_ADDR=server.address, VAULT_TOKEN="root")
    assert call(agent, "agent", "generate-config", "-path=secret/a").returncode == 1
    line = ("agent", "generate-config", "-type=env-template", "-path=secret/none-at-all")
    assert call(agent, *line).returncode == 2


def test_signals_are_passed_on(agents: Agents, server: Server) -> None:
    service = """
trap 'echo usr1 >> @/events' USR1
trap 'echo term >> @/events; exit 0' TERM
echo up >> @/events
while :; do sleep 0.05; done
"""
    text = """
    env_template "X" { contents = "x" }
    exec { command = ["/bin/sh", "@/service"] }
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root", "service": service})
    agent.until(lambda: "up" in agent.text("events"))
    agent.signal(signal.SIGUSR1)
    agent.until(lambda: "usr1" in agent.text("events"))
    assert agent.stop() == 0
    assert agent.text("events").split() == ["up", "usr1", "term"]


def test_a_process_that_does_not_end_is_killed(agents: Agents, server: Server) -> None:
    text = """
    env_template "X" { contents = "x" }
    exec {
      command = ["/bin/sh", "-c", "trap '' TERM; echo $$ > @/pid-of-it; while :; do sleep 0.05; done"]
      kill_timeout = "300ms"
    }
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root"})
    agent.until(lambda: agent.text("pid-of-it"))
    assert agent.stop() == 0
    assert not agent.path("/proc", agent.text("pid-of-it").strip()).exists()


def test_a_reload_takes_other_templates_over(agents: Agents, server: Server) -> None:
    text = 'template { contents = "one" destination = "@/out" }'
    agent = agents.ours("a", server, {"agent.hcl": AUTH + text, "token": "root"})
    agent.until(lambda: agent.text("out") == "one")
    good = agent.text("agent.hcl")
    agent.path("agent.hcl").write_text("broken = ")
    agent.signal(signal.SIGHUP)
    agent.until(lambda: "was not reloaded" in agent.log)
    agent.path("agent.hcl").write_text(good.replace('"one"', '"two"'))
    agent.signal(signal.SIGHUP)
    agent.until(lambda: agent.text("out") == "two")
    assert agent.stop() == 0


def test_consul_templates_own_configuration(agents: Agents, server: Server) -> None:
    kv(server, "consul-template", v="one")
    config = """
    max_stale = "10m"
    retry     = "100ms"
    splay     = "100ms"
    vault {
      address = "%"
      token   = "root"
      renew   = true
    }
    template {
      source          = "@/in.ctmpl"
      destination     = "@/out"
      command         = "echo told >> @/events"
      command_timeout = "60s"
      perms           = 0600
      backup          = true
      wait            = "100ms:1s"
    }
    """
    source = '{{with $secret := secret "secret/consul-template"}}v={{$secret.Data.data.v}}{{end}}\n'
    agent = agents.ours("a", server, {"agent.hcl": config, "in.ctmpl": source})
    agent.until(lambda: agent.text("events") == "told\n")
    assert agent.text("out") == "v=one\n"
    assert agent.path("out").stat().st_mode & 0o777 == 0o600
    assert agent.stop() == 0


def test_a_changed_credential_logs_in_again(agents: Agents, server: Server) -> None:
    policy = 'path "secret/data/*" { capabilities = ["read"] }'
    role, secret = approle(server, "again", policy)
    config = """
    vault { address = "%" }
    auto_auth {
      enable_reauth_on_new_credentials = true
      method "approle" {
        min_backoff = "100ms"
        config = { role_id_file_path = "@/role" secret_id_file_path = "@/secret" }
      }
      sink "file" { config = { path = "@/sink" } }
    }
    """
    agent = agents.ours("a", server, {"agent.hcl": config, "role": role, "secret": secret})
    first = agent.until(lambda: agent.text("sink"))
    assert not agent.path("secret").exists()
    agent.path("secret").write_text(server.api.put("auth/approle/role/again/secret-id").data["secret_id"])
    agent.until(lambda: agent.text("sink") not in {first, ""})
    assert not agent.path("secret").exists()
    assert agent.stop() == 0


def test_a_wrapped_secret_id_is_opened_where_it_should_come_from(agents: Agents, server: Server) -> None:
    role, _ = approle(server, "wrapped", 'path "secret/data/*" { capabilities = ["read"] }')
    config = """
    exit_after_auth = true
    vault { address = "%" }
    auto_auth {
      method "approle" {
        exit_on_err = true
        config = {
          role_id_file_path = "@/role"
          secret_id_file_path = "@/secret"
          secret_id_response_wrapping_path = "auth/approle/role/EXPECTED/secret-id"
        }
      }
      sink "file" { config = { path = "@/sink" } }
    }
    """
    for name, expected, code in (("right", "wrapped", 0), ("foreign", "another", 1)):
        made = server.api.put("auth/approle/role/wrapped/secret-id", headers={"X-Vault-Wrap-TTL": "60s"})
        texts = {"agent.hcl": config.replace("EXPECTED", expected), "role": role}
        agent = agents.ours(name, server, texts | {"secret": made.json["wrap_info"]["token"]})
        assert agent.wait() == code
        assert agent.path("sink").exists() is (code == 0)


def test_a_short_token_is_renewed(agents: Agents, server: Server) -> None:
    token = server.api.post("auth/token/create", {"ttl": "5s", "policies": ["default"]}).auth["client_token"]
    config = AUTH.replace("auto_auth {", 'auto_auth {\n sink "file" { config = { path = "@/sink" } }\n')
    config = config.replace("{ method", "{\n method")
    agent = agents.ours("a", server, {"agent.hcl": config, "token": token})
    agent.until(lambda: "renewed auth token" in agent.log)
    assert server.api.get("auth/token/lookup-self", token=token).status == 200
    assert agent.stop() == 0


def test_an_init_container_leaves_token_and_accessor(agents: Agents) -> None:
    with Leases().serving() as address:
        agent = agents.prepare(
            "a", STRONGROOM, address, {"jwt": "a.b.c"}, VAULT_ROLE="web", VAULT_ADDR=address
        )
        agent.environment |= {
            "TOKEN_DEST_PATH": str(agent.path("token")),
            "ACCESSOR_DEST_PATH": str(agent.path("accessor")),
            "SERVICE_ACCOUNT_PATH": str(agent.path("jwt")),
            "VAULT_K8S_MOUNT_PATH": "cluster-one",
        }
        assert call(agent, "agent").returncode == 0
    assert (agent.text("token"), agent.text("accessor")) == ("token of web at cluster-one", "its accessor")
    assert agent.path("token").stat().st_mode & 0o777 == 0o600


def test_a_template_in_jinja2(agents: Agents, server: Server) -> None:
    kv(server, "jinja", v="one")
    text = """
    template {
      engine = "jinja2"
      contents = "{{ secret('secret/data/jinja').Data.data.v | upper }}"
      destination = "@/out"
    }
    """
    agent = agents.ours("a", server, {"agent.hcl": AUTH + "exit_after_auth = true" + text, "token": "root"})
    assert agent.wait() == 0
    assert agent.text("out") == "ONE"
