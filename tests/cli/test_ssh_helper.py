"""The helper of a host: what it accepts, and the real PAM that runs it against a real server."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from strongroom.cli.ssh_helper import is_own, judge
from tests.cli.conftest import Outcome, call
from tests.pam import authenticated
from tests.server import STRONGROOM, Server
from tests.sshd import USER, started

MOUNT = "ssh-helper"


@pytest.fixture(scope="module")
def engine(server: Server) -> Server:
    """A server with roles for passwords."""
    assert server.api.post(f"sys/mounts/{MOUNT}", {"type": "ssh"}).status == 204
    for role in ("ops", "other"):
        fields = {
            "key_type": "otp",
            "default_user": "ann",
            "allowed_users": "bob",
            "cidr_list": "127.0.0.0/8",
        }
        assert server.api.post(f"{MOUNT}/roles/{role}", fields).status == 204
    return server


def password(server: Server, role: str = "ops", **fields: Any) -> str:
    answer = server.api.post(f"{MOUNT}/creds/{role}", {"ip": "127.0.0.1", **fields})
    assert answer.status == 200, answer
    key: str = answer.json["data"]["key"]
    return key


def settings(folder: Path, server: Server, **more: Any) -> Path:
    """A configuration file, as vault-ssh-helper has it."""
    entries = {
        "vault_addr": server.address,
        "ssh_mount_point": MOUNT,
        "allowed_roles": "ops",
        "allowed_cidr_list": "127.0.0.0/8",
        "tls_skip_verify": "false",
        **more,
    }
    file = folder / "helper.hcl"
    file.write_text("".join(f'{name} = "{value}"\n' for name, value in entries.items()))
    return file


def helper(file: Path, given: str, user: str = "ann") -> Outcome:
    return call("ssh-helper", f"-config={file}", stdin=given, PAM_USER=user)


@pytest.mark.parametrize("ending", ("", "\0", "\n", "\0junk"))
def test_a_password_is_accepted_once(engine: Server, ending: str, tmp_path: Path) -> None:
    file, given = settings(tmp_path, engine), password(engine)
    assert helper(file, given + ending).code == 0
    again = helper(file, given + ending)
    assert (again.code, again.out) == (1, "")
    assert "OTP not found" in again.err


def test_what_a_password_is_not_good_for(engine: Server, tmp_path: Path) -> None:
    file = settings(tmp_path, engine)
    for given, user, why in (
        (password(engine), "bob", "another user"),
        (password(engine, username="bob"), "ann", "another user"),
        (password(engine, "other"), "ann", "a role"),
        (password(engine, ip="127.9.9.9"), "ann", ""),
        ("", "ann", "no password"),
        ("\0", "ann", "no password"),
        ("verify-echo-request", "ann", "no password"),
        (password(engine), "", "PAM_USER"),
    ):
        done = helper(file, given, user)
        assert done.code == (1 if why else 0), done
        assert why in done.err
        assert not given.strip("\0") or given not in done.err


def test_a_password_is_for_the_hosts_own_address(engine: Server, tmp_path: Path) -> None:
    file = settings(tmp_path, engine, allowed_cidr_list="127.0.1.0/24")
    assert helper(file, password(engine, ip="127.0.1.5")).code == 0
    assert "another host" in helper(file, password(engine)).err
    file = settings(tmp_path, engine, allowed_cidr_list="")
    assert "another host" in helper(file, password(engine)).err


@pytest.mark.parametrize("address", ("127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "192.0.2.77"))
def test_addresses_that_are_no_ones_own(address: str) -> None:
    assert not is_own(address)


def test_an_own_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells by which address others are reached
        own = probe.getsockname()[0]
    assert is_own(own)
    good = {"username": "ann", "role_name": "ops", "ip": own}
    assert judge(good, "ann", ["*"], [], is_own) == ""
    assert judge({**good, "ip": "192.0.2.77"}, "ann", ["*"], [], is_own) != ""


@pytest.mark.parametrize("role", (["ops"], ["a", "ops"], ["*"]))
def test_roles_that_are_allowed(role: list[str]) -> None:
    answer = {"username": "ann", "role_name": "ops", "ip": "10.0.0.1"}
    assert judge(answer, "ann", role, ["10.0.0.0/8"], is_own) == ""
    assert judge({**answer, "role_name": "*"}, "ann", ["ops", "x"], ["10.0.0.0/8"], is_own) != ""


@pytest.mark.parametrize("answer", ({}, {"username": "ann", "role_name": "ops"}, {"username": "ann"}))
def test_an_answer_that_is_none(answer: dict[str, str]) -> None:
    if "role_name" in answer:
        assert call("ssh-helper", "-allowed-roles=*").code == 1
    else:
        assert judge(answer, "ann", ["ops"], ["0.0.0.0/0"], is_own)


def test_whether_the_server_would_answer(engine: Server, tmp_path: Path) -> None:
    file = settings(tmp_path, engine)
    done = call("ssh-helper", f"-config={file}", "-verify-only")
    assert (done.code, done.err) == (0, "")
    assert call("ssh-helper", f"-config={file}", "-verify-only", "-mount-point=nowhere").code == 1
    assert call("ssh-helper", f"-config={file}", "-verify-only", "-address=http://127.0.0.1:1").code == 1


@pytest.mark.parametrize(
    ("more", "why"), (({"unknown": "x"}, "no setting unknown"), ({"allowed_roles": ""}, "No role is allowed"))
)
def test_settings_that_cannot_be(engine: Server, more: dict[str, str], why: str, tmp_path: Path) -> None:
    done = helper(settings(tmp_path, engine, **more), "x")
    assert done.code == 1
    assert why in done.err
    assert helper(tmp_path / "none.hcl", "x").code == 1


def test_no_token_is_sent_or_read(engine: Server, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").mkdir()  # reading it would fail
    done = call(
        "ssh-helper", f"-config={settings(tmp_path, engine)}", "-verify-only",
        HOME=str(tmp_path), VAULT_TOKEN="not a token",
    )  # fmt: skip
    assert done.code == 0, done.err


def test_pam_lets_in_by_a_password_that_is_good_once(engine: Server, tmp_path: Path) -> None:
    (program,) = STRONGROOM
    command = f"{program} ssh-helper -config={settings(tmp_path, engine)}"
    rules = f"auth required pam_exec.so quiet expose_authtok {command}\n"
    given = password(engine)
    assert not authenticated(tmp_path, rules, "ann", "wrong")
    assert not authenticated(tmp_path, rules, "bob", password(engine))
    assert authenticated(tmp_path, rules, "ann", given)
    assert not authenticated(tmp_path, rules, "ann", given)


def test_sshd_lets_in_by_a_password_that_is_good_once(engine: Server, tmp_path: Path) -> None:
    """The real sshd asks PAM, as the guide has it set up, and the command line brings the password."""
    role = {"key_type": "otp", "default_user": USER, "cidr_list": "127.0.0.0/8"}
    assert engine.api.post(f"{MOUNT}/roles/host", role).status == 204
    (program,) = STRONGROOM
    file = settings(tmp_path, engine, allowed_roles="host")
    rules = (
        f"auth requisite pam_exec.so quiet expose_authtok {program} ssh-helper -config={file}\n"
        "auth required pam_permit.so\n"
        "account required pam_permit.so\n"
        "session required pam_permit.so\n"
    )
    with started(tmp_path / "sshd", rules=rules) as sshd:
        given = password(engine, "host")
        assert not sshd.lets_in_by("wrong")
        assert sshd.lets_in_by(given)
        assert not sshd.lets_in_by(given)
        assert not sshd.lets_in_by(password(engine, "other")), "the role is not allowed on this host"
        assert not sshd.lets_in_by(password(engine)), "it is for another user"
        flags = ("-mode=otp", "-role=host", f"-mount-point={MOUNT}", "-strict-host-key-checking=no")
        words = (f"{USER}@127.0.0.1", "-F", "none", "-p", str(sshd.port), "echo I am in")
        done = subprocess.run(
            [program, "ssh", *flags, "-user-known-hosts-file=/dev/null", *words],
            env=engine.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, "I am in\n"), done.stderr
        assert given not in sshd.log
