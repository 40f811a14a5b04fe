from __future__ import annotations

import json
import shlex
import subprocess
import uuid

import pytest

from strongroom.cli.dry import escaped, policy_text
from strongroom.cli.output import envelope, enveloped, field_of, secret_rows
from strongroom.client.request import Request
from tests.cli.conftest import Cli

LEASED = {
    "lease_id": "db/creds/x/1",
    "lease_duration": 3600,
    "renewable": True,
    "data": {"user": "u", "ttl": 60},
}
AUTH = {
    "auth": {
        "client_token": "s.1",
        "accessor": "a",
        "policies": ["default", "web"],
        "token_policies": ["default"],
        "identity_policies": ["web"],
        "metadata": {"role": "r"},
        "lease_duration": 0,
        "renewable": False,
    }
}
WRAPPED = {
    "wrap_info": {
        "token": "s.w",
        "accessor": "wa",
        "ttl": 300,
        "creation_time": "2026-01-02T03:04:05.6Z",
        "creation_path": "p",
    }
}


def test_rows() -> None:
    assert secret_rows(LEASED) == [
        ("lease_id", "db/creds/x/1"),
        ("lease_duration", "1h"),
        ("lease_renewable", "true"),
        ("ttl", "1m"),
        ("user", "u"),
    ]
    assert secret_rows({"lease_duration": 2764800, "data": {}}) == [("refresh_interval", "768h")]
    rows = dict(secret_rows(AUTH))
    assert rows["token_duration"] == "∞"
    assert rows["policies"] == '["default" "web"]'
    assert rows["token_meta_role"] == "r"
    rows = dict(secret_rows(WRAPPED))
    assert rows["wrapping_token_creation_time:"] == "2026-01-02 03:04:05.6 +0000 UTC"
    assert "wrapped_accessor:" not in rows


def test_mfa_is_shown_instead_of_a_token() -> None:
    needed = {"mfa_request_id": "i", "mfa_constraints": {"c": {"any": [{"type": "totp"}]}}}
    rows = dict(secret_rows({"auth": {"client_token": "", "mfa_requirement": needed}}))
    assert rows == {"mfa_request_id": "i", "mfa_constraint_c": "map[any:[map[type:totp]]]"}


@pytest.mark.parametrize(
    ("secret", "name", "value"),
    (
        (AUTH, "token", "s.1"),
        (AUTH, "token_duration", 0),
        (AUTH, "policies", ["default", "web"]),
        (AUTH, "token_meta_role", "r"),
        (AUTH, "nope", None),
        (WRAPPED, "wrapping_token", "s.w"),
        (WRAPPED, "wrapping_accessor", "wa"),
        (WRAPPED, "wrapping_token_ttl", 300),
        (WRAPPED, "wrapping_token_creation_path", "p"),
        (LEASED, "lease_id", "db/creds/x/1"),
        (LEASED, "refresh_interval", 3600),
        (LEASED, "data", {"user": "u", "ttl": 60}),
        (LEASED, "user", "u"),
        (LEASED, "nope", None),
    ),
)
def test_fields(secret: dict[str, object], name: str, value: object) -> None:
    assert field_of(name, secret) == value


def test_envelope_has_an_order_and_leaves_out_what_is_not_there() -> None:
    shown = envelope({"wrap_info": None, "auth": None, "data": {"b": 1, "a": 2}, "warnings": []})
    assert list(shown) == ["request_id", "lease_id", "lease_duration", "renewable", "data", "warnings"]
    assert list(shown["data"]) == ["a", "b"]
    assert shown["warnings"] is None


def test_bare_data_gets_an_envelope() -> None:
    assert enveloped({"sealed": False}) == {"data": {"sealed": False}}
    assert enveloped({"warnings": None}) == {"warnings": None}
    assert enveloped({}) == {}


def test_variable_chooses_the_format(cli: Cli) -> None:
    assert json.loads(cli("read", "sys/mounts/secret", BAO_FORMAT="json").out)["data"]["type"] == "kv"
    assert cli("read", "-format=table", "sys/mounts/secret", BAO_FORMAT="json").out.startswith("Key")


def test_raw_is_what_the_server_sent(cli: Cli) -> None:
    assert json.loads(cli("read", "-format=raw", "sys/mounts/secret").out)["data"]["type"] == "kv"
    assert cli("list", "-format=raw", "secret/metadata").code == 1


def test_curl_does_what_the_command_would_have_done(cli: Cli) -> None:
    path = f"secret/{uuid.uuid4().hex}"
    done = cli("kv", "put", "-output-curl-string", path, 'k=it\'s $HOME "quoted" `x` \\ ü')
    assert cli("kv", "get", path).code == 2
    assert "root" not in done.out
    runnable = done.out.replace("$(strongroom print token)", "root")
    subprocess.run(["bash", "-c", runnable], check=True, capture_output=True)
    assert cli("kv", "get", "-field=k", path).out == 'it\'s $HOME "quoted" `x` \\ ü'


def test_shell_escapes() -> None:
    assert shlex.split(f'"{escaped("a$b`c")}"'.replace("\\$", "$").replace("\\`", "`")) == ["a$b`c"]
    assert escaped('\\"$`') == '\\\\\\"\\$\\`'


@pytest.mark.parametrize(
    ("request_", "capabilities"),
    (
        (Request("GET", "secret/data/x"), '["read"]'),
        (Request("GET", "secret/metadata/x", query={"list": "true"}), '["list"]'),
        (Request("GET", "secret/metadata/x", query={"scan": "true"}), '["scan"]'),
        (Request("POST", "sys/remount"), '["create", "update", "sudo"]'),
        (Request("DELETE", "sys/auth/userpass"), '["delete", "sudo"]'),
        (Request("PATCH", "secret/data/x"), '["patch"]'),
    ),
)
def test_policies(request_: Request, capabilities: str) -> None:
    assert policy_text(request_) == f'path "{request_.path}" {{\n  capabilities = {capabilities}\n}}'


def test_explain_asks_for_what_it_was_told(cli: Cli) -> None:
    done = cli("explain", "-output-curl-string", "-token=-", "secret/data/app", "read", stdin="s.other\n")
    assert "/v1/sys/internal/explain" in done.out
    assert '{"path":"secret/data/app","operation":"read","token":"s.other"}' in done.out
    assert cli("explain", "secret/data/app", "read").code == 2


def test_warnings_go_to_standard_error(cli: Cli) -> None:
    done = cli("kv", "get", "secret")
    assert (done.code, done.out) == (0, "== Secret Path ==\nsecret/data\n\n")
    assert "WARNING!" in done.err
    assert json.loads(cli("kv", "get", "-format=json", "secret").out)["warnings"]
