from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import config
from strongroom.config import ConfigError, ServerConfig, TcpListener, sanitized
from strongroom.config.listeners import listener_config
from strongroom.config.option import options
from strongroom.config.reader import read
from strongroom.config.stanza import (
    LISTENERS,
    SEALS,
    STORAGES,
    AuditStanza,
    StaticSealStanza,
    UserLockoutStanza,
)
from strongroom.hcl import ParseError, parse
from strongroom.listener.forwarded import Forwarding
from tests.server import PEER

PLANTED = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
BASE = 'storage "inmem" {}\nlistener "tcp" {\n  tls_disable = true\n}\n'
FULL = f"""
storage "inmem" {{}}
listener "tcp" {{
  address = "127.0.0.1:18377"
  tls_disable = true
  http_read_timeout = "20s"
  max_request_duration = "33s"
  custom_response_headers {{ "default" = {{ "X-A" = ["b", "c"], "X-Vault-Z" = ["no"] }} }}
  telemetry {{ unauthenticated_metrics_access = true }}
  x_forwarded_for_authorized_addrs = "10.0.0.0/8, ::1"
}}
listener "unix" {{ address = "/tmp/s.sock" socket_mode = "0660" socket_user = "1000" }}
seal "static" {{ current_key_id = "k1" current_key = "{PLANTED}" }}
telemetry {{ prometheus_retention_time = "30s" disable_hostname = true }}
user_lockout "all" {{ lockout_threshold = "7" lockout_duration = "10m" lockout_counter_reset = "11m" }}
user_lockout "userpass" {{ disable_lockout = true }}
audit "file" "f1" {{ description = "d" options {{ file_path = "/tmp/a.log" hmac_accessor = false }} }}
api_addr = "http://127.0.0.1:18377"
ui = true
log_level = "debug"
default_lease_ttl = "10h"
max_lease_ttl = 36000
readers = 2
"""

Load = Callable[..., ServerConfig]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads one text from a file, with an environment."""

    def load(text: str, **env: str) -> ServerConfig:
        file = tmp_path / "c.hcl"
        file.write_text(text)
        return config.load([str(file)], env)

    return load


def problems(text: str) -> list[str]:
    """What reading a text complains of."""
    return [str(problem) for problem in read(parse(text), "c.hcl")[1]]


def test_behind_a_proxy_unknown_clients_are_refused_unless_told_otherwise(load: Load) -> None:
    listener = 'listener "tcp" { tls_disable = true x_forwarded_for_authorized_addrs = "10.0.0.1" %s }'
    off = "x_forwarded_for_reject_not_present = false x_forwarded_for_reject_not_authorized = false"
    for more, refuses in (("", True), (off.replace(" x_", "\n x_"), False)):
        made = listener_config(load('storage "inmem" {}\n' + listener % f"\n{more}\n").listeners[0])
        assert made.x_forwarded_for_reject_not_present is refuses
        assert made.x_forwarded_for_reject_not_authorized is refuses


def test_everything_at_once(load: Load) -> None:
    found = load(FULL)
    assert (found.default_lease_ttl, found.max_lease_ttl) == (36_000, 36_000)
    assert (found.ui, found.log_level, found.readers) == (True, "debug", 2)
    assert found.storage
    assert found.storage.type == "inmem"
    assert [listener.type for listener in found.listeners] == ["tcp", "unix"]
    assert found.telemetry.prometheus_retention_time == 30
    audit: AuditStanza = found.audits[0]
    assert (audit.type, audit.path, audit.description) == ("file", "f1/", "d")
    assert audit.options == {"file_path": "/tmp/a.log", "hmac_accessor": "false"}
    assert found.warnings == ()


def test_json_is_the_same_configuration(load: Load) -> None:
    assert sanitized(load(orjson.dumps(AS_JSON).decode())) == sanitized(load(FULL))


AS_JSON = {
    "storage": {"inmem": {}},
    "listener": [
        {
            "tcp": {
                "address": "127.0.0.1:18377",
                "tls_disable": True,
                "http_read_timeout": "20s",
                "max_request_duration": "33s",
                "custom_response_headers": {"default": {"X-A": ["b", "c"], "X-Vault-Z": ["no"]}},
                "telemetry": {"unauthenticated_metrics_access": True},
                "x_forwarded_for_authorized_addrs": "10.0.0.0/8, ::1",
            }
        },
        {"unix": {"address": "/tmp/s.sock", "socket_mode": "0660", "socket_user": "1000"}},
    ],
    "seal": {"static": {"current_key_id": "k1", "current_key": PLANTED}},
    "telemetry": {"prometheus_retention_time": "30s", "disable_hostname": True},
    "user_lockout": [
        {"all": {"lockout_threshold": "7", "lockout_duration": "10m", "lockout_counter_reset": "11m"}},
        {"userpass": {"disable_lockout": True}},
    ],
    "audit": {"file": {"f1": {"description": "d", "options": {"file_path": "/tmp/a.log"}}}},
    "readers": 2,
    "api_addr": "http://127.0.0.1:18377",
    "ui": True,
    "log_level": "debug",
    "default_lease_ttl": "10h",
    "max_lease_ttl": 36000,
}


def test_sanitized_has_the_peers_shape(load: Load) -> None:
    """Read off the peer with the same text; only what is ours is left out."""
    answer = sanitized(load(FULL))
    assert {name for name, value in answer.items() if value not in (0, "", False)} == {
        "api_addr",
        "audits",
        "default_lease_ttl",
        "disable_ssct_tokens",
        "enable_ui",
        "listeners",
        "log_level",
        "max_lease_ttl",
        "seals",
        "storage",
        "telemetry",
        "user_lockout_configs",
    }
    assert set(answer) >= {"cache_size", "cluster_name", "log_requests_level", "plugin_file_uid", "pid_file"}
    assert answer["audits"] == [{"description": "d", "path": "f1/", "type": "file"}]
    assert answer["seals"] == [{"disabled": False, "type": "static"}]
    assert answer["storage"] == {
        "cluster_addr": "",
        "disable_clustering": False,
        "redirect_addr": "http://127.0.0.1:18377",
        "type": "inmem",
    }
    assert answer["listeners"][1] == {
        "config": {"address": "/tmp/s.sock", "socket_mode": "0660", "socket_user": "1000"},
        "type": "unix",
    }
    shown = answer["listeners"][0]["config"]
    assert shown["telemetry"] == [{"unauthenticated_metrics_access": True}]
    assert shown["custom_response_headers"] == [{"default": [{"X-A": ["b", "c"], "X-Vault-Z": ["no"]}]}]
    assert answer["telemetry"]["prometheus_retention_time"] == 30_000_000_000
    assert answer["telemetry"]["lease_metrics_epsilon"] == 3_600_000_000_000
    assert answer["telemetry"]["dogstatsd_tags"] is None
    assert "readers" not in answer
    assert "telemetry" not in sanitized(load(BASE))


def test_lockouts_inherit_from_all(load: Load) -> None:
    assert sanitized(load(FULL))["user_lockout_configs"][1] == {
        "disable_lockout": True,
        "lockout_counter_reset": 660_000_000_000,
        "lockout_duration": 600_000_000_000,
        "lockout_threshold": 7,
        "type": "userpass",
    }
    general = UserLockoutStanza()
    assert (general.lockout_threshold, general.lockout_duration, general.lockout_counter_reset) == (
        5,
        900,
        900,
    )


def test_a_secret_is_never_shown(load: Load) -> None:
    found = load(FULL)
    seal = found.seal
    assert isinstance(seal, StaticSealStanza)
    assert seal.options() == {"current_key_id": "k1", "current_key": PLANTED}
    assert PLANTED not in repr(found)
    assert PLANTED not in orjson.dumps(sanitized(found)).decode()


@pytest.mark.parametrize(
    "text",
    (
        f'{BASE}seal "static" {{ current_key_id = "a" current_key = ["{PLANTED}"] }}',
        f'{BASE}seal "static" {{ current_key = "{PLANTED}" }}',
        f'{BASE}seal "static" {{ current_key_id = "a" current_kez = "{PLANTED}" }}',
        f'{BASE}seal "static" {{ current_key_id = "a" disabled = "{PLANTED}" }}',
        f'{BASE}ui = "{PLANTED}"\ndefault_lease_ttl = "{PLANTED}"',
        f'{BASE}log_level = "{PLANTED}"\nreaders = "{PLANTED}"',
        f'{BASE}seal "static" {{ current_key = {PLANTED} }}',
    ),
)
def test_errors_do_not_repeat_values(load: Load, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert PLANTED not in str(caught.value)
    assert PLANTED not in repr(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("foo = 1", ["c.hcl:1:1: unknown key foo"]),
        ('listener "tcp" {\n  addres = "x"\n}', ["c.hcl:2:3: unknown key addres; did you mean address?"]),
        ("telemetry { foo = 1 }", ["c.hcl:1:13: unknown key foo"]),
        ('listener "tcp" { telemetry { foo = 1 } }', ["c.hcl:1:30: unknown key foo"]),
        ('audit "file" "a" { foo = 1 }', ["c.hcl:1:20: unknown key foo"]),
        ('user_lockout "all" { foo = 1 }', ["c.hcl:1:22: unknown key foo"]),
        ("a = 1\nb = 2", ["c.hcl:1:1: unknown key a", "c.hcl:2:1: unknown key b"]),
        ('storage "inmem" {}\nstorage "inmem" {}', ['c.hcl:2:1: only one "storage" block is permitted']),
        (
            'storage "consul" {}',
            ["c.hcl:1:9: storage type consul is not available yet; there are: file, inmem, lmdb"],
        ),
        ('seal "awskms" {}', ["c.hcl:1:6: seal type awskms is not available yet; there are: shamir, static"]),
        ('listener "udp" {}', ["c.hcl:1:10: listener type udp is not available yet; there are: tcp, unix"]),
        ('storage "lmdb" {}', ["c.hcl:1:1: storage lmdb needs path"]),
        (
            'seal "static" {}',
            ["c.hcl:1:1: seal static needs current_key_id", "c.hcl:1:1: seal static needs current_key"],
        ),
        ('user_lockout "zz" {}', ["c.hcl:1:1: user_lockout must be for one of all, approle, ldap, userpass"]),
        ("storage = 5", ['c.hcl:1:1: storage must have the form storage "..." { }']),
        ('ha_storage "inmem" {}', ["c.hcl:1:1: ha_storage: high availability storage is not available yet"]),
    ),
)
def test_problems_have_places(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("line", "value"),
    (
        ("ui = true", True),
        ('ui = "t"', True),
        ("ui = 1", True),
        ('ui = "0"', False),
        ('ui = "yes"', "ui must be true or false"),
        ("api_addr = 5", "5"),
        ("api_addr = true", "api_addr must be a string"),
        ("api_addr = []", "api_addr must be a string"),
        ("default_lease_ttl = 90", 90),
        ('default_lease_ttl = "90"', 90),
        ('default_lease_ttl = "1h30m"', 5_400),
        ('default_lease_ttl = "2d"', 172_800),
        ('default_lease_ttl = "abc"', "default_lease_ttl must be a duration such as 90s, 1h30m or 2d"),
        ('default_lease_ttl = "-5s"', "default_lease_ttl cannot be negative"),
        ("default_lease_ttl = true", "default_lease_ttl must be a duration"),
        ("log_rotate_bytes = 10", 10),
        ('log_rotate_bytes = "10"', 10),
        ('log_rotate_bytes = "10mb"', "log_rotate_bytes must be a whole number"),
        ("log_rotate_bytes = -1", "log_rotate_bytes cannot be negative"),
        ("log_rotate_bytes = 1.5", "log_rotate_bytes must be a whole number"),
        ('log_level = "WARN"', "warn"),
        ('log_level = "loud"', "log_level must be one of trace, debug, info, warn, error"),
        ('log_format = "xml"', "log_format must be one of standard, json"),
    ),
)
def test_values(line: str, value: object) -> None:
    found, wrong = read(parse(line), "c.hcl")
    if wrong:
        assert [problem.sentence for problem in wrong] == [value]
    else:
        read_back = getattr(found, line.split(maxsplit=1)[0])
        assert (read_back, type(read_back)) == (value, type(value))


@pytest.mark.parametrize(
    ("line", "expected"),
    (
        ('http_read_timeout = "1.5s"', 1.5),
        ('x_forwarded_for_client_cert_decoders = ["RFC9440", "pem"]', ("rfc9440", "pem")),
        ('x_forwarded_for_client_cert_decoders = ["foo"]', "must be a list of rfc9440, url, pem"),
        ('x_forwarded_for_authorized_addrs = "zz"', "must be a list of IP addresses or CIDR blocks"),
        ("x_forwarded_for_hop_skips = -1", "cannot be negative"),
        ('proxy_protocol_behavior = "x"', "must be one of use_always, allow_authorized, deny_unauthorized"),
        ('tls_min_version = "tls9"', "must be one of tls10, tls11, tls12, tls13"),
        ('role = "x"', "must be one of default, metrics_only"),
        (
            'custom_response_headers { "999" = { "A" = ["b"] } }',
            "must be keyed by default, a class such as 4xx, or a status code",
        ),
        ('custom_response_headers { "200" = { "A" = ["b\\n"] } }', "header values cannot hold line breaks"),
    ),
)
def test_listener_values(line: str, expected: object) -> None:
    found, wrong = read(parse(f'listener "tcp" {{ {line} }}'), "c.hcl")
    name = line.split(maxsplit=1)[0]
    if wrong:
        assert [problem.sentence for problem in wrong] == [f"{name} {expected}"]
    else:
        assert getattr(found.listeners[0], name) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    (
        ('listener "tcp" { tls_disable = 1 }', "a storage stanza is needed"),
        (
            'storage "inmem" {}\nlistener "tcp" {}',
            "listener tcp needs tls_cert_file and tls_key_file, or tls_disable",
        ),
        (f'{BASE}max_lease_ttl = "1h"', "default_lease_ttl cannot be larger than max_lease_ttl"),
        (
            f'{BASE}listener "tcp" {{ tls_disable = 1 proxy_protocol_behavior = "allow_authorized" }}',
            "proxy_protocol_behavior needs proxy_protocol_authorized_addrs",
        ),
        (
            f'{BASE}listener "tcp" {{ tls_disable = 1 tls_min_version = "tls13" tls_max_version = "tls12" }}',
            "tls_min_version cannot be above tls_max_version",
        ),
        (
            f'{BASE}listener "tcp" {{ tls_disable = 1 tls_auto_reload_interval = "1s" }}',
            "tls_auto_reload_interval must be at least 5s",
        ),
        (
            f'{BASE}listener "tcp" {{ tls_disable = 1 x_forwarded_for_client_cert_header = "X" }}',
            "x_forwarded_for_client_cert_header needs x_forwarded_for_authorized_addrs",
        ),
        (f'{BASE}listener "tcp" {{ tls_disable = 1 address = "x" }}', "address must be host:port"),
        (
            f'{BASE}seal "shamir" {{}}\nseal "static" {{ current_key_id = "a" current_key = "b" }}',
            "only one seal may be enabled; set disabled on others",
        ),
    ),
)
def test_rules_between_keys(load: Load, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert [problem.sentence for problem in caught.value.problems] == [sentence]


def test_a_disabled_seal_is_for_migration(load: Load) -> None:
    text = 'seal "shamir" {}\nseal "static" { current_key_id = "a" current_key = "b" disabled = "true" }'
    assert load(BASE + text).seal.type == "shamir"
    assert load(BASE).seal.type == "shamir"


@pytest.mark.parametrize(
    "line",
    (
        "disable_mlock = true",
        'plugin_directory = "/x"',
        'cache_size = "131072"',
        'license_path = "x"',
        "experiments = []",
        'service_registration "kubernetes" {}',
        'plugin "secret" "x" { command = "a" }',
        "request_limiter { disable = true }",
    ),
)
def test_keys_without_meaning_warn(load: Load, line: str) -> None:
    (warning,) = load(f"{line}\n{BASE}").warnings
    assert f"c.hcl:1:1: {line.split(maxsplit=1)[0]} " in warning


@pytest.mark.parametrize(
    ("env", "name", "value"),
    (
        ({"BAO_API_ADDR": "http://b"}, "api_addr", "http://b"),
        ({"VAULT_API_ADDR": "v", "BAO_API_ADDR": "b", "STRONGROOM_API_ADDR": "s"}, "api_addr", "s"),
        ({"VAULT_LOG_LEVEL": "trace"}, "log_level", "trace"),
        ({"STRONGROOM_LOG_FORMAT": "json"}, "log_format", "json"),
        ({"VAULT_UI": "false"}, "ui", False),
        ({"BAO_CLUSTER_ADDR": "https://c"}, "cluster_addr", "https://c"),
        ({"BAO_API_ADDR": ""}, "api_addr", "http://127.0.0.1:18377"),
        ({"VAULT_SEAL_TYPE": "static"}, "log_level", "debug"),
    ),
)
def test_environment_wins(load: Load, env: dict[str, str], name: str, value: object) -> None:
    assert getattr(load(FULL, **env), name) == value


@pytest.mark.parametrize("env", ({"BAO_UI": "maybe"}, {"BAO_SEAL_TYPE": "static"}, {"VAULT_READERS": "-1"}))
def test_bad_environment(load: Load, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"environment variable \.\.\._"):
        load(BASE, **env)


def test_directories_merge_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.hcl").write_text(
        'cluster_name = "b"\nlistener "unix" {}\ntelemetry { metrics_prefix = "x" }'
    )
    (tmp_path / "a.json").write_text(orjson.dumps(AS_JSON | {"cluster_name": "a"}).decode())
    (tmp_path / "c.txt").write_text("not read")
    found = config.load([str(tmp_path)], {})
    assert (found.cluster_name, found.telemetry.metrics_prefix, found.ui) == ("b", "x", True)
    assert [listener.type for listener in found.listeners] == ["tcp", "unix", "unix"]
    assert config.load([], {"VAULT_CONFIG_PATH": str(tmp_path)}) == found


@pytest.mark.parametrize("make", (lambda path: path / "none.hcl", lambda path: path))
def test_what_cannot_be_read(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load([str(make(tmp_path))], {})
    assert str(tmp_path) in str(caught.value)


def test_no_paths_at_all() -> None:
    with pytest.raises(ConfigError, match="no file was named"):
        config.load([], {})


def test_syntax_errors_have_a_place(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"c\.hcl:2:\d+: "):
        load('storage "inmem" {\n  x = = 1\n}')


def test_dev() -> None:
    found = config.dev(address="127.0.0.1:0")
    (listener,) = found.listeners
    assert isinstance(listener, TcpListener)
    assert (listener.address, listener.tls_disable) == ("127.0.0.1:0", True)
    assert found.storage
    assert (found.dev, found.storage.type, found.readers, found.ui) == (True, "inmem", 0, True)
    assert sanitized(found)["listeners"][0]["type"] == "tcp"
    kept = config.dev(storage_path="/tmp/x").storage
    assert kept
    assert (kept.type, kept.path) == ("lmdb", "/tmp/x")


def test_dev_takes_files_too(tmp_path: Path) -> None:
    (tmp_path / "c.hcl").write_text('ui = false\nlistener "unix" {}')
    found = config.dev(paths=[str(tmp_path)], env={"BAO_CLUSTER_NAME": "n"})
    assert (found.ui, found.cluster_name, len(found.listeners)) == (False, "n", 2)


def test_listener_config(load: Load) -> None:
    tcp, unix = (config.listener_config(stanza) for stanza in load(FULL).listeners)
    assert (tcp.address, tcp.read_timeout, tcp.tls_cert_file) == ("127.0.0.1:18377", 20.0, "")
    assert [str(each) for each in tcp.x_forwarded_for_authorized_addrs] == ["10.0.0.0/8", "::1/128"]
    assert tcp.custom_response_headers == {"default": {"X-A": "b; c"}}
    assert (tcp.traits.max_request_duration, tcp.traits.unauthenticated_metrics_access) == (33.0, True)
    assert (unix.unix, unix.socket_mode, unix.socket_user, unix.socket_group) == (True, 0o660, 1000, None)
    assert unix.traits.max_request_duration == 90.0


def test_the_listener_takes_every_decoder(load: Load) -> None:
    keys = (
        'x_forwarded_for_client_cert_header = "X-Cert" x_forwarded_for_authorized_addrs = "::1" '
        'x_forwarded_for_client_cert_decoders = ["rfc9440", "url", "PEM"]'
    )
    found = config.listener_config(load(LISTENER.replace("LINE", keys)).listeners[0])
    assert found.x_forwarded_for_client_cert_decoders == ("RFC9440", "URL", "PEM")
    Forwarding(found)


def test_difference(load: Load) -> None:
    old = load(FULL)
    assert config.difference(old, load(FULL)) == config.Difference((), ())
    text = FULL.replace('"debug"', '"warn"').replace("readers = 2", "readers = 3").replace('"20s"', '"21s"')
    assert config.difference(old, load(text)) == config.Difference(
        ("log_level",), ("listener.0.http_read_timeout", "readers")
    )
    audits = config.difference(old, load(FULL + 'audit "file" "f2" { options { file_path = "x" } }'))
    assert audits == config.Difference(("audit.f2/",), ())


def test_every_key_is_declared_for_what_it_is() -> None:
    """A key either means something or says why not; secrets are hidden by their type."""
    kinds: list[Any] = [*LISTENERS.values(), *STORAGES.values(), *SEALS.values(), ServerConfig, AuditStanza]
    for kind in kinds:
        for option in options(kind).values():
            assert not option.shown or option.name in (option.shown, "ui")
            assert option.secret == option.name.endswith("_key")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except ParseError:
        return
    found, wrong = read(tree, "c.hcl")
    assert wrong or sanitized(found)


TOP = BASE + "LINE\n"
LISTENER = BASE.replace("tls_disable = true", "tls_disable = true\n  LINE")
STRICTER = "stricter"
"""We refuse at once what the peer accepts here and refuses at start, or ignores."""


@pytest.mark.parametrize(
    ("form", "line", "verdict"),
    (
        (TOP, "", "accept"),
        (TOP, 'default_lease_ttl = "abc"', "reject"),
        (TOP, 'default_lease_ttl = "3d"', "accept"),
        (TOP, 'ui = "true"', "accept"),
        (TOP, 'ui = "maybe"', "reject"),
        (TOP, "ui = 1", "accept"),
        (TOP, "cluster_name = 1", "accept"),
        (TOP, 'pid_file = ["a"]', "reject"),
        (TOP, 'cache_size = "x"', "reject"),
        (TOP, "disable_cache = 1", "accept"),
        (TOP, 'log_rotate_bytes = "x"', "reject"),
        (TOP, 'log_level = "loud"', STRICTER),
        (TOP, "default_lease_ttl = -5", STRICTER),
        (TOP, "foo = 1", STRICTER),
        (TOP, "disable_mlock = true", "accept"),
        (TOP, "unsafe_relative_paths = true", "accept"),
        (TOP, 'storage "inmem" {}', "reject"),
        (TOP, 'telemetry { metrics_prefix = "sr" }', "accept"),
        (TOP, 'telemetry { prometheus_retention_time = "x" }', "reject"),
        (TOP, 'user_lockout "zz" { lockout_threshold = "3" }', "reject"),
        (TOP, 'user_lockout "all" { lockout_threshold = "x" }', "reject"),
        (TOP, "user_lockout { lockout_threshold = 3 }", "reject"),
        (TOP, 'user_lockout "ldap" { lockout_threshold = 3 }', "accept"),
        (TOP, 'audit "file" { options { file_path = "x" } }', "reject"),
        (TOP, 'audit "file" "a" { options { file_path = "x" } }', "accept"),
        (TOP, 'seal "shamir" {}', "accept"),
        (TOP, 'seal "bogus" {}', STRICTER),
        (TOP, 'listener "unix" { address = "/tmp/x" }', "accept"),
        (TOP, 'listener "udp" {}', "reject"),
        (TOP, 'listener "tcp" {', "reject"),
        (LISTENER, 'http_read_timeout = "x"', "reject"),
        (LISTENER, 'tls_disable = "maybe"', "reject"),
        (LISTENER, 'max_request_duration = "-5s"', "reject"),
        (LISTENER, 'tls_auto_reload_interval = "1s"', "reject"),
        (LISTENER, 'max_request_size = "32mb"', "reject"),
        (LISTENER, 'x_forwarded_for_hop_skips = "2"', "accept"),
        (LISTENER, "x_forwarded_for_hop_skips = -1", "reject"),
        (LISTENER, 'x_forwarded_for_authorized_addrs = "zz"', "reject"),
        (LISTENER, 'x_forwarded_for_authorized_addrs = ["10.0.0.0/8", "::1"]', "accept"),
        (LISTENER, 'x_forwarded_for_client_cert_decoders = ["foo"]', "reject"),
        (LISTENER, 'role = "x"', "reject"),
        (LISTENER, 'role = "metrics_only"', "accept"),
        (LISTENER, "redact_version = true", "accept"),
        (LISTENER, "profiling { unauthenticated_pprof_access = true }", "accept"),
        (LISTENER, 'custom_response_headers { "999" = { "A" = ["b"] } }', "reject"),
        (LISTENER, 'custom_response_headers { "4xx" = { "A" = ["b", "c"] } }', "accept"),
    ),
)
def test_the_peer_agrees(tmp_path: Path, load: Load, form: str, line: str, verdict: str) -> None:
    """Golden comparison with the peer's validate-config: 0 accepted, 2 accepted with warnings."""
    text = form.replace("LINE", line)
    file = tmp_path / "peer.hcl"
    file.write_text(text)
    command = [*PEER, "operator", "validate-config", f"-config={file}"]
    ran = subprocess.run(command, env={"HOME": str(tmp_path)}, capture_output=True, timeout=60, check=False)
    assert ran.returncode in ((1,) if verdict == "reject" else (0, 2)), ran.stdout
    if verdict == "accept":
        load(text)
    else:
        with pytest.raises(ConfigError):
            load(text)
