"""What commands send and show where the peer cannot be the judge: against a recorded server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, call
from tests.client.recorder import Recorder, recording


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as started:
        yield started


@pytest.fixture
def told(recorder: Recorder, tmp_path: Path) -> Cli:
    """The command, talking to the recorder."""

    def run(*argv: str, **more: str) -> Outcome:
        return call(
            *argv, **{"HOME": str(tmp_path), "VAULT_ADDR": recorder.address, "VAULT_TOKEN": "t", **more}
        )

    return run


def answer(recorder: Recorder, *bodies: object) -> None:
    recorder.answers = [(200, {}, json.dumps(body).encode()) for body in bodies]


def test_monitor(told: Cli, recorder: Recorder) -> None:
    recorder.answers = [(200, {}, "one\nzwölf\n".encode())]
    assert told("monitor", "-log-level=DEBUG").out == "one\nzwölf\n"
    assert recorder.asked[0][1] == "/v1/sys/monitor?log_format=standard&log_level=debug"
    assert told("monitor", "-log-format=xml").code == 1


def test_snapshots(told: Cli, recorder: Recorder, tmp_path: Path) -> None:
    recorder.answers = [(200, {}, b"\x1f\x8bdata")]
    file = tmp_path / "snapshot"
    assert told("operator", "raft", "snapshot", "save", str(file)).code == 0
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"\x1f\x8bdata", 0o600)
    assert told("operator", "raft", "snapshot", "restore", "-force", str(file)).code == 0
    assert recorder.asked[1][:2] == ("POST", "/v1/sys/storage/raft/snapshot-force")
    assert recorder.asked[1][3] == b"\x1f\x8bdata"
    assert told("operator", "raft", "snapshot", "restore", "/nonexistent").code == 1


def test_peers(told: Cli, recorder: Recorder) -> None:
    servers = [
        {"node_id": "a", "address": "a:1", "leader": True, "voter": True},
        {"node_id": "b", "address": "b:1"},
    ]
    answer(recorder, {"data": {"config": {"servers": servers}}})
    assert told("operator", "raft", "list-peers").out.splitlines()[2:] == [
        "a       a:1        leader      true",
        "b       b:1        follower    false",
    ]


def test_status_of_a_cluster(told: Cli, recorder: Recorder) -> None:
    state = {"type": "awskms", "initialized": True, "sealed": False, "recovery_seal": True, "n": 5, "t": 3}
    leader = {
        "ha_enabled": True,
        "is_self": False,
        "leader_address": "https://a",
        "leader_cluster_address": "https://b",
    }
    answer(recorder, state, leader)
    done = told("status")
    assert done.code == 0
    assert "Total Recovery Shares    5" in done.out
    assert "HA Mode                  standby\nActive Node Address      https://a" in done.out
    answer(recorder, state, {**leader, "is_self": True, "active_time": "T"})
    assert "HA Mode                  active\nActive Since             T" in told("status").out


def test_initialising_an_auto_unsealed_server(told: Cli, recorder: Recorder) -> None:
    answer(recorder, {"recovery_seal": True}, {"root_token": "r", "recovery_keys_base64": ["k1"]})
    done = told("operator", "init", "-recovery-shares=1", "-recovery-threshold=1")
    assert json.loads(recorder.asked[1][3]) == {"recovery_shares": 1, "recovery_threshold": 1}
    assert "Recovery Key 1: k1" in done.out


def test_pgp_keys_are_sent_in_binary_form(told: Cli, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x98\x33key")
    answer(recorder, {"recovery_seal": False}, {"root_token": "r", "keys_base64": ["k"]})
    told(
        "init",
        "-key-shares=1",
        "-key-threshold=1",
        f"-pgp-keys={tmp_path}/a",
        f"-root-token-pgp-key={tmp_path}/a",
    )
    sent = json.loads(recorder.asked[1][3])
    assert sent["pgp_keys"] == [sent["root_token_pgp_key"]] == ["mDNrZXk="]
    assert told("operator", "init", "-pgp-keys=keybase:ann").code == 1


def test_moving_waits_for_the_end(told: Cli, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.cli.mount.MIGRATION_POLL", 0.0)
    running, failed = ({"data": {"migration_info": {"status": s}}} for s in ("in-progress", "failure"))
    answer(recorder, {"data": {"migration_id": "m"}}, running, running, failed)
    done = told("secrets", "move", "a", "b")
    assert done.code == 2
    assert [path for _, path, *_ in recorder.asked[1:]] == ["/v1/sys/remount/status/m"] * 3


def test_tuning_sends_only_what_was_given(told: Cli, recorder: Recorder) -> None:
    told("auth", "tune", "-user-lockout-threshold=3", "-user-lockout-duration=1m", "-description=", "people")
    assert json.loads(recorder.asked[0][3]) == {
        "description": "",
        "user_lockout_config": {"lockout_threshold": "3", "lockout_duration": "1m0s"},
    }


def test_mfa_and_headers(told: Cli, recorder: Recorder) -> None:
    told(
        "read",
        "-mfa=a:1",
        "-mfa=b",
        "-header=x-trace=1",
        "-unlock-key=k",
        "-policy-override",
        "-wrap-ttl=90",
        "x",
    )
    headers = recorder.asked[0][2]
    assert headers["x-vault-mfa"] == "a:1, b"
    assert (headers["x-trace"], headers["x-vault-unlock-key"]) == ("1", "k")
    assert (headers["x-vault-policy-override"], headers["x-vault-wrap-ttl"]) == ("true", "1m30s")


def test_kv_patch_falls_back_to_reading_and_writing(told: Cli, recorder: Recorder) -> None:
    mount = {"data": {"path": "secret/", "options": {"version": "2"}}}
    held = {"data": {"data": {"a": "1", "b": "2"}, "metadata": {"version": 7}}}
    answer(recorder, mount, {}, held, {"data": {"version": 8}})
    recorder.answers[1] = (405, {}, b'{"errors": ["unsupported operation"]}')
    assert told("kv", "patch", "-remove-data=b", "secret/x", "c=3").code == 0
    assert json.loads(recorder.asked[3][3]) == {"data": {"a": "1", "c": "3"}, "options": {"cas": 7}}


def test_a_server_too_old_to_be_asked_has_no_versions(told: Cli, recorder: Recorder) -> None:
    recorder.answers = [(404, {}, b'{"errors": []}')]
    assert told("kv", "put", "secret/x", "a=b").out == "Success! Data written to: secret/x\n"
    assert recorder.asked[1][:2] == ("PUT", "/v1/secret/x")


def test_wrapping_is_not_for_the_question_about_the_mount(told: Cli, recorder: Recorder) -> None:
    told("kv", "put", "-wrap-ttl=60", "secret/x", "a=b")
    assert ["x-vault-wrap-ttl" in asked[2] for asked in recorder.asked] == [False, True]


def test_unwrapping(cli: Cli) -> None:
    path = f"secret/{uuid.uuid4().hex}"
    assert cli("kv", "put", path, "a=b").code == 0
    for more in ({}, {"STRONGROOM_TOKEN": ""}):
        token = cli("kv", "get", "-wrap-ttl=60", "-format=json", path).out
        wrapping = json.loads(token)["wrap_info"]["token"]
        assert "map[a:b]" in cli("unwrap", wrapping, **more).out
        assert cli("unwrap", wrapping, **more).code == 2
    own = json.loads(cli("kv", "get", "-wrap-ttl=60", "-format=json", path).out)["wrap_info"]["token"]
    assert "map[a:b]" in cli("unwrap", STRONGROOM_TOKEN=own).out


def test_policy_fmt(local: Cli, tmp_path: Path) -> None:
    file = tmp_path / "p.hcl"
    file.write_text('path   "a" { capabilities=["read"] }')
    assert local("policy", "fmt", str(file)).code == 0
    assert file.read_text() == 'path "a" {\n  capabilities = ["read"]\n}\n'
    file.write_text("path {")
    assert local("policy", "fmt", str(file)).code == 1
    assert file.read_text() == "path {"
