"""``strongroom template``: what it renders, runs and answers signals with, and the codes it ends with."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.agent.agents import Agents, Running, kv
from tests.agent.failing import Leases
from tests.canary import Canaries
from tests.server import STRONGROOM, Server, free_port

READS = '{{ with secret "secret/data/NAME" }}{{ .Data.data.v }}{{ end }}'
SERVICE = """#!/bin/sh
trap 'echo hup >> @/events' HUP
trap 'echo usr1 >> @/events' USR1
trap 'echo term >> @/events; exit 9' TERM
trap 'echo int >> @/events; exit 3' INT
echo up $(cat @/out) >> @/events
while :; do sleep 0.05; done
"""


def prepared(agents: Agents, server: Server | str, files: dict[str, str], **env: str) -> Running:
    address = server if isinstance(server, str) else server.address
    known = {"VAULT_ADDR": address, "VAULT_TOKEN": "root"} | env
    made = agents.prepare(f"t{len(list(agents.folder.glob('*')))}", STRONGROOM, address, files, **known)
    if "service" in files:
        made.path("service").chmod(0o755)
    return made


def call(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STRONGROOM, "template", *(word.replace("@", str(running.folder)) for word in words)],
        cwd=running.folder, env=running.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def started(running: Running, *words: str) -> Running:
    return running.run("template", *(word.replace("@", str(running.folder)) for word in words))


def test_once_renders_runs_commands_and_ends(agents: Agents, server: Server, canary: Canaries) -> None:
    value = canary()
    kv(server, "once", v=value)
    files = {"a": READS.replace("NAME", "once"), "b": "{{ env `GREETING` }}"}
    at = prepared(agents, server, files, GREETING="hello")
    words = ("-template=a:a.out:echo $VAULT_ADDR >> told:x", "-template=b:sub/b.out", "-once", "-wait=1h")
    done = call(at, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (at.text("a.out"), at.text("sub/b.out")) == (value, "hello")
    assert at.text("told:x") == f"{server.address}\n"
    assert call(at, *words).returncode == 0
    assert at.text("told:x").count("\n") == 1  # nothing changed, so nothing ran


def test_dry_prints_what_would_be_written(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": "one\n", "b": "two\n", "same": "two\n"})
    line = ("-template=a:@/out:touch ran", "-template=b:@/same", "-template=b", "-dry", "-once")
    done = call(at, *line)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"> {at.path('out')}\none\n> \ntwo\n"
    assert not at.path("out").exists()
    assert not at.path("ran").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    (
        (("-nonsense",), 13, "flag provided but not defined: -nonsense"),
        (("in", "out"), 13, "not known: in out"),
        (("-wait=5s:2s",), 13, "-wait: wait cannot have a maximum that is less than its minimum"),
        (("-wait=soon",), 13, "-wait: wait must be a duration"),
        (("-kill-signal=SIGNONE",), 13, "-kill-signal: kill_signal must be the name of a signal"),
        (("-vault-retry-attempts=1.5",), 13, 'invalid value "1.5" for flag -vault-retry-attempts'),
        (
            ("-reload-signal=SIGKILL",),
            13,
            "reload_signal must be a signal that can be caught",
        ),
        (("-template=",), 13, "-template: give one of source and contents"),
        (("-config=",), 13, "-config: names no file"),
        (("-config=nowhere",), 15, "nowhere: No such file"),
        (("-config=broken",), 15, "broken:1:5: expected"),
        (("-config=agents",), 15, "listener is the agent's: run strongroom agent"),
        (("-log-level=loud",), 13, "-log-level: log_level must be one of"),
        (("-template=key:out",), 14, 'key:2:4: function "key" reads Consul, which is not read here'),
        (("-template=nomad:out",), 14, 'nomad:1:4: function "nomadVar" reads Nomad, which is not read here'),
        (("-template=nomad:out", "-parse-only"), 14, 'nomad:1:4: function "nomadVar" reads Nomad'),
        (("-template=none:out",), 14, "none cannot be read: No such file"),
        (("-template=fails:out", "-once"), 14, "fails:1:4"),
        (("-template=good:out:exit 4", "-once"), 14, "command for out: /bin/sh ended with code 4"),
        (("-template=good:/proc/none/out", "-once"), 14, "/proc/none/out cannot be written"),
        (("-template=good:out", "-exec=./none"), 14, "./none cannot be run"),
        (("-template=good:out", "-exec=sh -c 'exit 7'"), 7, ""),
        (("-template=good:out", "-exec=true"), 0, ""),
        (("-template=good:out", "-once", "-exec=sh -c 'exit 7'"), 7, ""),
        (("-exec=sh -c 'exit 5'",), 5, ""),
        (("-template=good:out", "-parse-only"), 0, ""),
        (("-once",), 0, ""),
        (("-version",), 0, ""),
    ),
)
def test_codes(agents: Agents, words: tuple[str, ...], code: int, sentence: str) -> None:
    files = {
        "good": "x", "key": '\n{{ key "a" }}', "nomad": '{{ nomadVar "a" }}', "fails": "{{ index 1 2 }}",
        "broken": "a = ", "agents": 'listener "tcp" { tls_disable = true }',
    }  # fmt: skip
    done = call(prepared(agents, f"http://127.0.0.1:{free_port()}", files), *words)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr


def test_the_local_text_is_part_of_the_command_line(agents: Agents) -> None:
    done = call(prepared(agents, "http://127.0.0.1:1", {}, CT_LOCAL_CONFIG="once = "))
    assert done.returncode == 13
    assert "CT_LOCAL_CONFIG:1:8: expected" in done.stderr
    text = 'once = true\ntemplate { contents = "x" destination = "out" }'
    at = prepared(agents, "http://127.0.0.1:1", {}, CT_LOCAL_CONFIG=text, VAULT_TOKEN="")
    assert call(at).returncode == 0
    assert at.text("out") == "x"


def test_it_logs_in_as_the_agent_does(agents: Agents, server: Server) -> None:
    kv(server, "auto", v="one")
    config = """
    once = true
    auto_auth {
      method "token_file" { config = { token_file_path = "@/token" token_file_pth = "x" } }
      sink "file" { config = { path = "@/sink" mdoe = 0600 } }
    }
    """
    files = {"a": READS.replace("NAME", "auto"), "c": config, "token": "root"}
    at = prepared(agents, server, files, VAULT_TOKEN="")
    done = call(at, "-config=c", "-template=a:out")
    assert done.returncode == 0, done.stderr
    assert (at.text("out"), at.text("sink")) == ("one", "root")
    assert "c:4:7: keys of method token_file without effect: token_file_pth" in done.stderr
    assert "c:5:7: keys without effect in the config of a sink: mdoe" in done.stderr


def test_a_secret_that_never_comes_ends_it(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": READS.replace("NAME", "never")})
    done = call(at, "-template=a:out", "-vault-retry-attempts=2", "-vault-retry-backoff=10ms")
    assert done.returncode == 14
    assert "no secret exists at secret/data/never (exceeded maximum retries)" in done.stderr
    done = call(at, "-template=a:out", "-vault-retry=false", "-vault-retry-backoff=1h")
    assert "(exceeded maximum retries)" in done.stderr
    at.path("c").write_text('err_on_failed_lookup = true\nvault { retry { backoff = "1h" } }')
    done = call(at, "-template=a:out", "-config=c")
    assert done.returncode == 14
    assert "no secret exists at secret/data/never\n" in done.stderr


def test_without_a_token_requests_are_made_without(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": READS.replace("NAME", "x"), "b": "b"}, VAULT_TOKEN="")
    done = call(at, "-template=a:out", "-vault-retry=false")
    assert done.returncode == 14
    assert "the server answered 403" in done.stderr
    assert call(at, "-template=b:out", "-once", "-vault-addr=http://127.0.0.1:1").returncode == 0


def test_a_wrong_token_ends_it(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": READS.replace("NAME", "x")})
    done = call(at, "-template=a:out", "-vault-token=wrong", "-vault-retry-attempts=1")
    assert done.returncode == 14
    assert "wrong" not in done.stderr


def test_an_interrupt_ends_it_and_its_process(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": "one", "service": SERVICE})
    started(at, "-template=a:out", "-exec=@/service", "-pid-file=pid")
    at.until(lambda: at.text("events") == "up one\n")
    assert at.text("pid").strip() == str(at.process.pid)
    at.signal(signal.SIGINT)
    assert at.wait() == 12
    assert at.log == "Cleaning up...\n"
    assert at.text("events").split("\n")[1] == "int"
    assert not at.path("pid").exists()


def test_other_signals_are_the_processs(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": "one", "service": SERVICE})
    started(at, "-template=a:out", "-exec=@/service", "-reload-signal=SIGUSR2")
    at.until(lambda: "up" in at.text("events"))
    at.signal(signal.SIGUSR1)
    at.until(lambda: "usr1" in at.text("events"))
    at.signal(signal.SIGHUP)
    at.until(lambda: "hup" in at.text("events"))
    at.signal(signal.SIGTERM)
    assert at.wait() == 9


def test_term_ends_what_has_no_process(agents: Agents, server: Server) -> None:
    at = started(prepared(agents, server, {"a": "one"}), "-template=a:out")
    at.until(lambda: at.text("out"))
    at.signal(signal.SIGTERM)
    assert at.wait() == 12


def test_a_kill_signal_of_ones_own(agents: Agents, server: Server) -> None:
    at = started(prepared(agents, server, {"a": "one"}), "-template=a:out", "-kill-signal=SIGUSR1")
    at.until(lambda: at.text("out"))
    at.signal(signal.SIGUSR1)
    assert at.wait() == 12


def test_a_signal_that_should_end_the_process_is_followed_by_force(agents: Agents, server: Server) -> None:
    stubborn = "#!/bin/sh\ntrap '' TERM; echo up > @/events; while :; do sleep 0.05; done"
    at = prepared(agents, server, {"a": "one", "service": stubborn})
    words = ("-exec=@/service", "-exec-kill-signal=SIGTERM", "-exec-kill-timeout=100ms")
    started(at, "-template=a:out", *words)
    at.until(lambda: at.text("events"))
    at.signal(signal.SIGTERM)
    assert at.wait() == 255


def test_a_reload_takes_everything_over(agents: Agents, server: Server) -> None:
    at = prepared(agents, server, {"a": "one", "service": SERVICE, "c": 'log_level = "info"'})
    started(at, "-config=c", "-template=a:out", "-exec=@/service")
    at.until(lambda: at.text("events") == "up one\n")
    at.path("a").write_text("{{")
    at.signal(signal.SIGHUP)
    at.until(lambda: "was not reloaded" in at.log)
    at.path("a").write_text("two")
    at.path("c").write_text('template { contents = "new" destination = "more" }')
    at.signal(signal.SIGHUP)
    at.until(lambda: at.text("events") == "up one\nint\nup two\n")
    assert at.text("more") == "new"
    at.signal(signal.SIGINT)
    assert at.wait() == 12


def test_an_interrupt_while_it_reloads_is_not_lost(agents: Agents, server: Server) -> None:
    slow = SERVICE.replace("echo int >> @/events; exit 3", "echo told > @/told; sleep 2; exit 1")
    at = prepared(agents, server, {"a": "one", "service": slow})
    started(at, "-template=a:out", "-exec=@/service")
    at.until(lambda: at.text("events"))
    at.signal(signal.SIGHUP)
    at.until(lambda: at.text("told"))
    at.signal(signal.SIGHUP)
    at.signal(signal.SIGINT)
    assert at.wait() == 12


def test_a_change_reloads_or_restarts_the_process(agents: Agents, server: Server) -> None:
    kv(server, "change", v="one")
    reads = READS.replace("NAME", "change")
    with_signal = prepared(agents, server, {"a": reads, "service": SERVICE})
    without = prepared(agents, server, {"a": reads, "service": SERVICE})
    often = ("-template=a:out", "-exec=@/service", "-vault-default-lease-duration=100ms")
    started(with_signal, *often, "-exec-reload-signal=SIGHUP")
    started(without, *often)
    with_signal.until(lambda: with_signal.text("events") == "up one\n")
    without.until(lambda: without.text("events") == "up one\n")
    kv(server, "change", v="two")
    with_signal.until(lambda: with_signal.text("events") == "up one\nhup\n")
    without.until(lambda: without.text("events") == "up one\nint\nup two\n")


def test_quiet_is_waited_for_before_a_file_is_written_again(agents: Agents, server: Server) -> None:
    kv(server, "quiet", v="one")
    at = prepared(agents, server, {"a": READS.replace("NAME", "quiet"), "b": "b"})
    started(at, "-template=a:out", "-template=b:b.out", "-vault-default-lease-duration=50ms", "-wait=1200ms")
    at.until(lambda: at.text("out") == "one")
    begun = at.path("out").stat().st_mtime
    kv(server, "quiet", v="two")
    at.until(lambda: at.text("out") == "two")
    assert at.path("out").stat().st_mtime - begun > 1.2


def test_nobody_waits_for_quiet_the_first_time(agents: Agents, server: Server) -> None:
    at = prepared(
        agents, server, {"a": "x", "c": 'template { contents = "y" destination = "b" wait = "1h" }'}
    )
    started(at, "-template=a:out", "-config=c", "-wait=1h")
    at.until(lambda: at.text("out") == "x" and at.text("b") == "y")


def test_the_process_runs_as_long_as_it_may(agents: Agents, server: Server) -> None:
    config = 'exec { command = "sleep 60" timeout = "200ms" }'
    done = call(prepared(agents, server, {"c": config}), "-config=c")
    assert done.returncode == 14
    assert "/bin/sh did not end within 0.2 seconds" in done.stderr


def test_what_the_process_finds_in_its_environment(agents: Agents, server: Server) -> None:
    config = 'exec { env { custom = ["A=file"] } }'
    at = prepared(agents, server, {"a": "x", "c": config}, SEEN="1", HID_A="1")
    words = ("-template=a:out", "-config=c", "-exec=sort -u /proc/self/environ -z -o @/seen")
    assert call(at, *words, "-exec-env-pristine", "-exec-env-custom=B=flag").returncode == 0
    pristine = dict(each.partition("=")[::2] for each in at.text("seen").split("\0") if each)
    assert {**pristine, "PWD": ""} == {"A": "file", "B": "flag", "VAULT_ADDR": server.address, "PWD": ""}
    lists = ("-exec-env-allowlist=SEEN", "-exec-env-allowlist=HID_*", "-exec-env-denylist=HID_?")
    assert call(at, *words, *lists).returncode == 0
    names = {each.partition("=")[0] for each in at.text("seen").split("\0") if each}
    assert names - {"PWD"} == {"SEEN", "A", "VAULT_ADDR"}


def test_the_token_of_a_file_is_followed(agents: Agents, server: Server) -> None:
    kv(server, "file", v="one")
    policy = 'path "secret/data/file" { capabilities = ["read"] }'
    assert server.api.put("sys/policies/acl/file-reader", {"policy": policy}).status == 204
    good = server.api.post("auth/token/create", {"policies": ["file-reader"]}).auth["client_token"]
    bad = server.api.post("auth/token/create", {"policies": ["default"]}).auth["client_token"]
    at = prepared(agents, server, {"a": READS.replace("NAME", "file"), "token": bad}, VAULT_TOKEN="ignored")
    started(at, "-template=a:out", "-vault-agent-token-file=token", "-vault-retry-backoff=50ms")
    at.until(lambda: "403" in at.log)
    at.path("token").write_text(good)
    at.until(lambda: at.text("out") == "one")


def test_a_wrapping_token_is_opened(agents: Agents, server: Server) -> None:
    kv(server, "wrap", v="one")
    wrap = {"X-Vault-Wrap-TTL": "60s"}
    for form in ("plain", "json"):
        made = server.api.post("auth/token/create", {"policies": ["root"]}, headers=wrap).json["wrap_info"]
        text = made["token"] if form == "plain" else json.dumps(made)
        at = prepared(agents, server, {"a": READS.replace("NAME", "wrap"), "token": text}, VAULT_TOKEN="")
        line = ("-template=a:out", "-once", "-vault-agent-token-file=token", "-vault-unwrap-token")
        assert call(at, *line).returncode == 0
        assert at.text("out") == "one"


def test_a_token_is_kept_alive_unless_told_otherwise(agents: Agents, server: Server) -> None:
    made = server.api.post("auth/token/create", {"ttl": "9s", "policies": ["root"]})
    at = prepared(agents, server, {"a": "x"}, VAULT_TOKEN=made.auth["client_token"])
    left = prepared(agents, f"http://127.0.0.1:{free_port()}", {"a": "x"}, VAULT_TOKEN="x")
    started(at, "-template=a:out", "-log-level=info")
    started(left, "-template=a:out", "-log-level=info", "-vault-renew-token=false")
    at.until(lambda: "renewed auth token" in at.log)
    left.until(lambda: "authentication successful" in left.log)  # nobody was asked for it


def test_a_service_account_logs_in(agents: Agents) -> None:
    reads = '{{ with secret "db/creds/app" }}{{ .Data.v }}{{ end }}'
    with Leases().serving() as address:
        config = """
        vault {
          k8s_auth_role_name = "web"
          k8s_service_account_token_path = "@/jwt"
          k8s_service_mount_path = "cluster-one"
        }
        """
        at = prepared(agents, address, {"a": reads, "c": config, "jwt": "a.b.c"}, VAULT_TOKEN="")
        assert call(at, "-config=c", "-template=a:out", "-once").returncode == 0
        assert at.text("out") == "v1"
        variables = {
            "VAULT_K8S_AUTH_ROLE_NAME": "web", "VAULT_K8S_SERVICE_ACCOUNT_TOKEN": "a.b.c",
            "VAULT_K8S_SERVICE_MOUNT_PATH": "auth/cluster-one", "VAULT_TOKEN": "",
        }  # fmt: skip
        at = prepared(agents, address, {"a": reads}, **variables)
        assert call(at, "-template=a:out", "-once").returncode == 0


def test_systemd_is_told_when_all_is_there(agents: Agents, server: Server, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        at = prepared(agents, server, {"a": "x"}, NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert call(at, "-template=a:out", "-once").returncode == 0
        assert manager.recv(100) == b"READY=1"


def test_what_concerns_consul_is_warned_of(agents: Agents, server: Server) -> None:
    config = """
    consul { address = "127.0.0.1:8500" }
    deduplicate { enabled = true }
    template { contents = "x" destination = "out" }
    """
    done = call(prepared(agents, server, {"c": config}), "-config=c", "-once")
    assert done.returncode == 0
    assert "c:2:5: consul concerns Consul, which is not read here" in done.stderr
    assert "c:3:5: deduplicate has no effect: what is rendered is shared by way of Consul" in done.stderr


def test_its_state_can_be_asked_for(agents: Agents, server: Server) -> None:
    kv(server, "state", v="one")
    config = 'status_socket = "@/status"\ntemplate { source = "a" destination = "out" }'
    at = prepared(agents, server, {"a": READS.replace("NAME", "state"), "c": config})
    started(at, "-config=c")
    at.until(lambda: at.text("out"))
    done = subprocess.run(
        [*STRONGROOM, "agent", "status", "-config=c"],
        cwd=at.folder, env=at.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "rendered 1 times" in done.stdout
