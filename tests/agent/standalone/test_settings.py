"""Flags, files and the environment: what wins, and that each flag of consul-template sets something."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from strongroom.agent.config import AgentConfig, ConfigError
from strongroom.agent.config.key import declared
from strongroom.agent.endpoint import Endpoint
from strongroom.agent.standalone.overlay import NOT_SETTINGS, key_of
from strongroom.agent.standalone.settings import settings
from strongroom.cli.flag import parse
from strongroom.cli.template import FLAGS

KNOWN = """
consul-addr consul-auth consul-retry consul-retry-attempts consul-retry-backoff consul-retry-max-backoff
consul-ssl consul-ssl-ca-cert consul-ssl-ca-path consul-ssl-cert consul-ssl-key consul-ssl-server-name
consul-ssl-verify consul-token consul-token-file consul-transport-dial-keep-alive
consul-transport-dial-timeout consul-transport-disable-keep-alives
consul-transport-max-idle-conns-per-host consul-transport-tls-handshake-timeout config dedup
default-left-delimiter default-right-delimiter dry exec exec-env-allowlist exec-env-custom
exec-env-denylist exec-env-pristine exec-kill-signal exec-kill-timeout exec-reload-signal exec-splay
kill-signal log-file log-level log-rotate-bytes log-rotate-duration log-rotate-max-files max-stale once
parse-only pid-file reload-signal retry syslog syslog-facility syslog-name template template-error-fatal v
vault-addr vault-agent-token-file vault-client-user-agent vault-default-lease-duration vault-renew-token
vault-retry vault-retry-attempts vault-retry-backoff vault-retry-max-backoff vault-ssl vault-ssl-ca-cert
vault-ssl-ca-path vault-ssl-cert vault-ssl-key vault-ssl-server-name vault-ssl-verify vault-token
vault-transport-dial-keep-alive vault-transport-dial-timeout vault-transport-disable-keep-alives
vault-transport-max-conns-per-host vault-transport-max-idle-conns-per-host
vault-transport-tls-handshake-timeout vault-unwrap-token version wait
"""


def of(*words: str, **env: str) -> tuple[AgentConfig, Endpoint]:
    flags, rest = parse(FLAGS, list(words), lambda _: "")
    assert not rest
    return settings(flags, frozenset(flags.given), env)


def test_every_flag_of_consul_template_is_known() -> None:
    names = {name for flag in FLAGS for name in (flag.name, *flag.aliases)}
    assert set(KNOWN.split()) <= names


@pytest.mark.parametrize("name", sorted({flag.name for flag in FLAGS} - NOT_SETTINGS))
def test_a_flag_sets_a_key_that_there_is(name: str) -> None:
    kind: Any = AgentConfig
    for word in key_of(name).split("."):
        field = declared(kind)[word]
        if field.metadata.get("ignored"):
            return
        kind = field.metadata.get("kind")


def test_flags_win_over_the_local_text_and_that_over_files_and_those_over_variables(tmp_path: Path) -> None:
    (tmp_path / "c").write_text(
        'vault { address = "http://file" namespace = "file" client_user_agent = "file" }\n'
        'exec { command = "a b" env { custom = ["A=1"] } }\ntemplate { contents = "1" destination = "1" }'
    )
    local = 'vault { namespace = "local" client_user_agent = "local" }\nexec { env { custom = ["B=1"] } }'
    words = ("-vault-client-user-agent=flag", "-exec-env-custom=C=1", "-exec-env-custom=D=1", "-template=2:2")
    config, endpoint = of(
        f"-config={tmp_path}/c",
        *words,
        CT_LOCAL_CONFIG=local,
        VAULT_ADDR="http://env",
        VAULT_CACERT="pem",
    )
    assert endpoint.address == "http://file"
    assert (endpoint.namespace, endpoint.user_agent, endpoint.ca_cert) == ("local", "flag", "pem")
    assert config.exec
    assert config.exec.env
    assert config.exec.env.custom == ("A=1", "B=1", "C=1", "D=1")
    assert [each.destination for each in config.templates] == ["1", "2"]
    assert config.conduct.passed_on == {"VAULT_ADDR": "http://file", "VAULT_CACERT": "pem"}


def test_variables_count_where_nothing_else_is_said() -> None:
    config, endpoint = of(
        STRONGROOM_ADDR="http://a/", VAULT_NAMESPACE="n", VAULT_SKIP_VERIFY="true", VAULT_CACERT_BYTES="pem",
        VAULT_CLIENT_CERT="c", VAULT_CLIENT_KEY="k", VAULT_TLS_SERVER_NAME="s", VAULT_RENEW_TOKEN="false",
        VAULT_UNWRAP_TOKEN="1", CT_LOG="DEBUG",
    )  # fmt: skip
    assert endpoint == Endpoint(
        address="http://a", namespace="n", skip_verify=True, ca_bytes="pem", client_cert="c", client_key="k",
        server_name="s", connections=endpoint.connections,
    )  # fmt: skip
    assert (config.vault.renew_token, config.vault.unwrap_token) == (False, True)
    assert config.log_level == "debug"
    assert config.conduct.passed_on["VAULT_SKIP_VERIFY"] == "true"


def test_tls_is_not_heeded_where_it_is_switched_off() -> None:
    words = ("-vault-ssl=false", "-vault-ssl-ca-cert=a", "-vault-ssl-verify=false")
    _, endpoint = of(*words, VAULT_CACERT="b")
    assert (endpoint.ca_cert, endpoint.skip_verify) == ("", False)
    _, endpoint = of("-vault-ssl-cert=both", "-vault-ssl-verify=false")
    assert (endpoint.client_cert, endpoint.client_key, endpoint.skip_verify) == ("both", "both", True)


def test_connections_are_as_the_flags_say() -> None:
    _, endpoint = of(
        "-vault-transport-dial-keep-alive=3s", "-vault-transport-dial-timeout=4s",
        "-vault-transport-disable-keep-alives", "-vault-transport-max-conns-per-host=5",
        "-vault-transport-max-idle-conns-per-host=6", "-vault-transport-tls-handshake-timeout=7s",
    )  # fmt: skip
    made = endpoint.connections
    assert (made.sign_of_life, made.patience, made.at_once, made.idle, made.handshake) == (3, 4, 5, 6, 7)
    assert not endpoint.keep_alive


def test_a_template_of_the_command_line() -> None:
    config, _ = of("-template=a:b:c d:e", "-template-error-fatal=false", "-default-left-delimiter=<<")
    (template,) = config.templates
    assert (template.source, template.destination) == ("a", "b")
    assert template.command == ("/bin/sh", "-c", "c d:e")
    assert template.error_fatal is False
    assert (template.left_delimiter, template.right_delimiter) == ("<<", "}}")


def test_other_flags() -> None:
    config, _ = of(
        "-kill-signal=sigterm", "-reload-signal=", "-log-file=f", "-log-rotate-max-files=-1", "-wait=2s",
        "-exec=run", "-exec-kill-signal=SIGQUIT", "-exec-splay=3s", "-once", "-syslog-name=x",
    )  # fmt: skip
    assert (config.kill_signal, config.reload_signal) == (signal.SIGTERM, 0)
    assert (config.log_file.path, config.log_file.log_rotate_max_files) == ("f", -1)
    assert config.wait
    assert (config.wait.min, config.wait.max) == (2, 0)
    assert config.exec
    assert (config.exec.command, config.exec.kill_signal, config.exec.splay) == (("run",), signal.SIGQUIT, 3)
    assert config.conduct.once
    assert config.syslog
    assert config.syslog.wanted


def test_a_folder_is_read_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.hcl").write_text('pid_file = "a"\nlog_level = "info"')
    (tmp_path / "b" / "any.name").write_text('pid_file = "b"')
    (tmp_path / ".hidden" / "c").write_text("broken = ")
    config, _ = of(f"-config={tmp_path}")
    assert (config.pid_file, config.log_level) == ("b", "info")


def test_unknown_keys_are_errors() -> None:
    with pytest.raises(
        ConfigError, match=r"CT_LOCAL_CONFIG:1:9: unknown key adress in vault; did you mean address"
    ):
        of(CT_LOCAL_CONFIG='vault { adress = "x" }')


def test_exec_without_a_command_is_told() -> None:
    config, _ = of("-exec-splay=1s")
    assert config.warnings == ("-exec-splay: exec has no effect without a command",)


def test_what_is_the_agents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").write_text(
        "cache { }\napi_proxy { }\nexit_after_auth = true\n"
        'template { contents = "x" destination = "y" map_to_environment_variable = "Z" }'
    )
    with pytest.raises(ConfigError) as caught:
        of(f"-config={tmp_path}/c")
    assert "map_to_environment_variable is not for configurations: use env_template" in caught.value.public
    (tmp_path / "c").write_text("cache { }\napi_proxy { }\nexit_after_auth = true")
    with pytest.raises(ConfigError) as caught:
        of(f"-config={tmp_path}/c")
    for sentence in ("1:1: cache is the agent's", "2:1: api_proxy is the agent's", "say once instead"):
        assert sentence in caught.value.public
