"""The agent's configuration: each spelling that Vault's agent and consul-template take, and what is wrong."""

from __future__ import annotations

import pytest

from strongroom.agent.config import AgentConfig, ConfigError, load, parsed
from strongroom.agent.render.runner import persistence_of

AGENT = """
pid_file = "/run/agent.pid"
vault {
  address = "http://127.0.0.1:8200"
  retry { num_retries = 3 }
}
auto_auth {
  method "approle" { config = { role_id_file_path = "role" } }
  sink "file" { config = { path = "one" mode = 0600 } }
  sink { type = "file" wrap_ttl = "5m" config = { path = "two" } }
  sinks { sink "file" { config { path = "three" } } }
}
cache { persist "kubernetes" { path = "/p" } }
listener "unix" { address = "/x.sock" socket_mode = "0660" }
template {
  contents = "x"
  destination = "out"
  perms = "600"
  exec { command = ["a", "b"] }
  wait { min = "2s" }
  cycle { group = "g" max_concurrent = 4 }
}
"""


def of(text: str, name: str = "agent.hcl") -> AgentConfig:
    return parsed([(name, text)])


def wrong(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        of(text)
    return caught.value.public


def test_every_block_is_read() -> None:
    config = of(AGENT)
    assert config.auto_auth
    assert config.auto_auth.method
    assert config.auto_auth.method.label == "approle"
    assert config.auto_auth.method.mount_path == "auth/approle"
    assert [sink.config["path"] for sink in config.auto_auth.sinks] == ["one", "two", "three"]
    assert [sink.wrap_ttl for sink in config.auto_auth.sinks] == [0, 300, 0]
    assert config.auto_auth.sinks[0].config["mode"] == 0o600
    assert config.vault.retry.num_retries == 3
    assert config.cache
    assert config.cache.persist
    assert config.cache.persist.label == "kubernetes"
    assert config.listeners[0].socket_mode == 0o660
    template = config.templates[0]
    assert template.perms == 0o600
    assert template.exec
    assert template.exec.command == ("a", "b")
    assert template.wait
    assert template.wait.min == 2
    assert template.cycle
    assert template.cycle.max_concurrent == 4


def test_json_is_read_alike() -> None:
    config = of(
        '{"auto_auth": {"method": [{"approle": {"mount_path": "auth/x"}}],'
        ' "sinks": [{"sink": {"type": "file", "config": {"path": "q"}}}]},'
        ' "listener": [{"tcp": {"address": "127.0.0.1:1", "tls_disable": true}}]}'
    )
    assert config.auto_auth
    assert config.auto_auth.method
    assert (config.auto_auth.method.label, config.auto_auth.method.mount_path) == ("approle", "auth/x")
    assert config.auto_auth.sinks[0].config == {"path": "q"}
    assert config.listeners[0].label == "tcp"


def test_several_files_add_up() -> None:
    config = parsed([("a.hcl", AGENT), ("b.hcl", 'vault { namespace = "n" }\nlog_level = "debug"')])
    assert (config.vault.address, config.vault.namespace) == ("http://127.0.0.1:8200", "n")
    assert config.log_level == "debug"


def test_consul_template_in_its_old_spelling() -> None:
    config = of("""
        max_stale = "10m"
        retry = "10s"
        splay = "5s"
        log_level = "warn"
        vault {
          address = "https://vault:8200"
          token = "t"
          renew = true
          ssl { enabled = true verify = false cert = "c.pem" ca_cert = "ca.pem" }
        }
        template {
          source = "in.ctmpl"
          destination = "out"
          command = "service hello restart"
          command_timeout = "60s"
          perms = 0600
          backup = true
          wait = "2s:6s"
        }
    """)
    assert config.vault.token.reveal() == "t"
    assert config.vault.tls_skip_verify
    assert config.vault.client_cert == "c.pem"
    assert config.vault.client_key == "c.pem"
    assert config.vault.ca_cert == "ca.pem"
    template = config.templates[0]
    assert template.command == ("/bin/sh", "-c", "service hello restart")
    assert template.perms == 0o600
    assert template.wait
    assert (template.wait.min, template.wait.max) == (2, 6)
    assert config.retry == 10
    assert config.splay == 5
    assert "max_stale concerns Consul" in config.warnings[0]


def test_problems_say_where_and_what() -> None:
    said = wrong('auto_auth { method "telepathy" {} }\ntemplate { contnts = "x" destination = 1 }')
    assert "agent.hcl:2:12: unknown key contnts in template; did you mean contents?" in said
    said = wrong('auto_auth { method "telepathy" {} }\ntemplate { contents = "x" }')
    assert "agent.hcl:1:13: method telepathy is not available" in said
    assert "agent.hcl:2:1: template needs a destination" in said
    assert "agent.hcl:1:5: expected" in wrong("a = ")


def test_a_value_in_the_wrong_place_is_not_repeated() -> None:
    assert "hunter2" not in wrong('exit_after_auth = "hunter2"')


METHOD = 'method "token_file" { config = { token_file_path = "x" } }\n'
SINK = 'sink "file" { config = { path = "x" } }\n'
AAD = 'aad = "x"\n'
WRAP = 'wrap_ttl = "5m"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    (
        ("", "no auto_auth, cache, or listener block found in config"),
        (
            'auto_auth { method "token_file" { config = { token_file_path = "x" } } }',
            "at least one sink",
        ),
        ('env_template "A" { contents = "x" }', "needs an exec block"),
        ('exec { command = ["x"] }\nlistener "tcp" { tls_disable = true }', "at least one env_template"),
        ('listener "tcp" { }', "tls_cert_file and tls_key_file"),
        ('template { destination = "x" }', "one of source and contents"),
        ('vault { }\nvault { }\nlistener "tcp" { tls_disable = true }', "another vault"),
        ('listener "tcp" { tls_disable = true }\ncache { }\ncache { }', "another cache"),
        (f"auto_auth {{ {METHOD} {METHOD} {SINK} }}", "another method"),
        ('{"auto_auth": {"method": [{"type": "approle"}, {"type": "cert"}]}}', "another method"),
        (
            ('env_template "A" { contents = "x" }\nenv_template "A" { contents = "y" }\n'
            'exec { command = ["x"] }'),
            "another env_template A",
        ),
        (f'auto_auth {{ {METHOD} {SINK.replace("config", AAD + "config")} }}', "without dh_type"),
        (
            f'auto_auth {{ {METHOD} sink "file" {{ config = {{ path = "x" mode = "rw" }} }} }}',
            "mode of sink file must be permission bits",
        ),
        (f'auto_auth {{ {METHOD} sink "file" {{ config = {{ path = "x" uid = "me" }} }} }}', "uid of sink"),
        (f"auto_auth {{ {METHOD.replace('config', WRAP + 'config')} {SINK} }}", "makes no login"),
        (
            ('auto_auth { method "cert" { wrap_ttl = "5m" }\n'
            'sink "file" { wrap_ttl = "5m" config = { path = "x" } } }'),
            "one has to do",
        ),
        (
            (f'auto_auth {{ {METHOD} {SINK} }}\nlistener "tcp" {{ tls_disable = true }}\n'
            "api_proxy { use_auto_auth_token = true }\ncache { use_auto_auth_token = true }"),
            "remove it from cache",
        ),
        ('template { contents = "x" destination = "x" cycle { } }', "cycle needs group"),
        (
            'cache { cache_static_secrets = true }\nlistener "tcp" { tls_disable = true }',
            "what has no lease is not kept here",
        ),
    ),
)  # fmt: skip
def test_what_must_stand_together(text: str, sentence: str) -> None:
    assert sentence in wrong(text)


def test_unknown_keys_outside_templates_are_warned_of() -> None:
    config = of('nonsense = 1\nlistener "tcp" { tls_disable = true }')
    assert config.warnings == ("agent.hcl:1:1: unknown key nonsense",)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="/nonexistent: No such file"):
        load(["/nonexistent"])


def test_what_has_no_effect_is_told() -> None:
    config = of("""
        listener "tcp" { tls_disable = true }
        telemetry { prometheus_retention_time = "1m" statsd_address = "x:1" }
        cache { static_secret_token_capability_refresh_interval = "1m" }
        consul { address = "x" }
        nomad { address = "x" }
        deduplicate { prefix = "x" }
    """)
    assert config.telemetry
    assert config.telemetry.prometheus_retention_time == 60
    told = "\n".join(config.warnings)
    for word in ("statsd_address has", "refresh_interval is", "consul concerns",
                 "nomad concerns", "deduplicate has no effect: what is rendered"):  # fmt: skip
        assert word in told
    assert len(config.warnings) == 5


def test_what_is_set_to_what_happens_anyway_is_not_told() -> None:
    config = of("""
        listener "tcp" { tls_disable = true }
        cache { cache_static_secrets = false }
        deduplicate { enabled = "false" }
    """)
    assert not config.warnings


def test_a_command_of_one_word_needs_no_shell() -> None:
    (one, line, words) = of("""
        template { contents = "x" destination = "a" command = "reload" }
        template { contents = "x" destination = "b" command = "a && b" }
        template { contents = "x" destination = "c" exec { command = ["a", "b c"] } }
    """).templates
    assert (one.command, line.command) == (("reload",), ("/bin/sh", "-c", "a && b"))
    assert words.exec
    assert words.exec.command == ("a", "b c")


def test_wait_is_sound() -> None:
    assert "wait cannot have a maximum that is less" in wrong(
        'template { contents = "x" destination = "y" wait = "5s:2s" }'
    )
    assert "parse_only is for strongroom template" in wrong("parse_only = true\n" + AGENT)
    assert "map_to_environment_variable is not for" in wrong(
        'template { contents = "x" map_to_environment_variable = "X" }'
    )


def test_retries_in_both_languages() -> None:
    def met(text: str) -> tuple[int, float, float, bool]:
        found = persistence_of(of('template { contents = "x" destination = "y" }\n' + text))
        return found.attempts, found.least, found.most, found.fatal

    assert met("") == (12, 0.25, 60.0, False)
    assert met("vault { retry { num_retries = -1 } }")[0] == 1
    assert met("vault { retry { attempts = 0 max_backoff = 0 } }")[:3] == (0, 0.25, float("inf"))
    assert met("vault { retry { enabled = false } }")[0] == 1
    assert met("vault { retry { attempts = -1 } }")[0] == 0
    assert met("vault { retry { num_retries = 0 } }")[0] == 12
    assert met('retry = "2s"')[1] == 2
    assert met("template_config { exit_on_retry_failure = true }")[3]


def test_what_has_no_effect_beside_others_is_told() -> None:
    files = 'template { contents = "x" destination = "y" }\n'
    listener = 'listener "tcp" { tls_disable = true %s }\n'
    auth = 'auto_auth { method "token_file" { config = { token_file_path = "x" } } }\n'

    def told(text: str, *, proxy: bool = False) -> str:
        return "\n".join(parsed([("c", text)], proxy=proxy).warnings)

    assert "c:3:1: token of vault have no effect beside auto_auth" in told(
        auth + files + 'vault { token = "x" }'
    )
    assert "renew_token of vault have no effect without templates" in told(
        listener % "" + "vault { renew_token = true }"
    )
    assert "token of vault has no effect beside vault_agent_token_file" in told(
        files + 'vault { token = "x" vault_agent_token_file = "y" }'
    )
    assert "proxy_api has no effect here: it is agent_api" in told(listener % "proxy_api { }")
    assert "agent_api has no effect here: it is proxy_api" in told(listener % "agent_api { }", proxy=True)
    assert not told(listener % "agent_api { }")
    assert "telemetry has no effect without a listener" in told(files + "telemetry { }")


@pytest.mark.parametrize(
    ("text", "sentence"),
    (
        ("cache { cache_static_secrets = true }", "cache_static_secrets is for servers of Vault Enterprise"),
        ('cache { persist "disk" { path = "x" } }', "persist disk is not available"),
        ('cache { persist "kubernetes" { } }', "persist needs a path"),
    ),
)
def test_caches_that_cannot_be(text: str, sentence: str) -> None:
    assert sentence in wrong('listener "tcp" { tls_disable = true }\n' + text)


def test_configurations_are_equal_that_say_the_same() -> None:
    one, two, other = of(AGENT), of("\n\n" + AGENT), of(AGENT.replace('perms = "600"', 'perms = "601"'))
    assert one.templates == two.templates
    assert one.templates != other.templates
    assert one.auto_auth == two.auto_auth
    assert one.templates[0] != one.vault
