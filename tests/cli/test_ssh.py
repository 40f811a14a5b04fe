"""``ssh``: logins by real certificates at a real sshd; passwords as far as ssh is told of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.cli.ssh_destination import destination
from tests.cli.conftest import Outcome, call
from tests.server import STRONGROOM, Server
from tests.sshd import USER, Sshd, host_key, key_pair, started

MOUNT = "ssh-cli"
ROLE = {"key_type": "ca", "allow_user_certificates": True, "allowed_users": "*", "allowed_extensions": "*"}


@pytest.fixture(scope="module")
def engine(server: Server) -> Server:
    """A server with roles of both kinds."""
    api = server.api
    assert api.post(f"sys/mounts/{MOUNT}", {"type": "ssh"}).status == 204
    assert api.post(f"{MOUNT}/config/ca", {"key_type": "ed25519"}).status == 200
    hosts = {"allow_host_certificates": True, "allowed_domains": "localhost", "allow_bare_domains": True}
    for name, fields in (
        ("ca", {**ROLE, **hosts}),
        ("narrow", {**ROLE, "allowed_extensions": "permit-pty", "default_extensions": {"permit-pty": ""}}),
        ("otp", {"key_type": "otp", "default_user": "ann", "cidr_list": "127.0.0.0/8"}),
    ):
        assert api.post(f"{MOUNT}/roles/{name}", fields).status == 204
    return server


@pytest.fixture(scope="module")
def sshd(engine: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd that trusts the engine, with a host certificate of it."""
    folder = tmp_path_factory.mktemp("sshd")
    body = {"public_key": host_key(folder), "cert_type": "host", "valid_principals": "localhost"}
    certificate = engine.api.post(f"{MOUNT}/sign/ca", body).json["data"]["signed_key"]
    with started(folder, host_certificate=certificate) as running:
        running.trust(engine.api.get(f"{MOUNT}/public_key").body.decode())
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's home, with a key."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    key_pair(tmp_path / ".ssh" / "id_ed25519")
    return tmp_path


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """A program in place of ssh that tells what it was called with."""
    program = tmp_path / "recorder"
    program.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" >"$0.words"\n'
        'if [ -n "$SSHPASS" ]; then printf "password: " >/dev/tty; read -r typed </dev/tty; fi\n'
        'printf "%s" "$typed" >"$0.password"\n'
        'for word in "$@"; do case "$word" in *=*/login-cert.pub) cat "${word#*=}" >"$0.cert";; esac; done\n'
        "exit 7\n"
    )
    program.chmod(0o755)
    return program


def run(engine: Server, home: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command as a process, since ssh has to have real streams."""
    known = engine.environment | {"HOME": str(home)} | environ
    return subprocess.run(
        [*STRONGROOM, "ssh", f"-mount-point={MOUNT}", *words],
        capture_output=True, text=True, check=False, env=known, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def printed(engine: Server, home: Path, *words: str) -> Outcome:
    known = engine.environment | {"HOME": str(home)}
    return call("ssh", f"-mount-point={MOUNT}", *words, **known)


@pytest.mark.parametrize("flags", (("-mode=ca", "-role=ca"), ("-role=ca",), ("-role=narrow",)))
def test_a_login_by_certificate(flags: tuple[str, ...], engine: Server, sshd: Sshd, home: Path) -> None:
    done = run(engine, home, *flags, f"{USER}@127.0.0.1", *sshd.options(), "echo I am in; exit 3")
    assert (done.returncode, done.stdout) == (3, "I am in\n"), done.stderr


def test_a_host_is_checked_by_its_certificate(engine: Server, sshd: Sshd, home: Path) -> None:
    words = sshd.options()
    words = [word for word in words if "Known" not in word and "StrictHost" not in word]
    flags = ("-role=ca", f"-host-key-mount-point={MOUNT}")
    done = run(engine, home, *flags, f"{USER}@localhost", *words, "echo I am in")
    assert (done.returncode, done.stdout) == (0, "I am in\n"), done.stderr
    for host, more in (
        (f"{USER}@127.0.0.1", ()),
        (f"{USER}@localhost", ("-host-key-hostnames=example.com",)),
    ):
        done = run(engine, home, *flags, *more, host, *words, "echo I am in")
        assert done.returncode == 255
        assert "verification failed" in done.stderr


def test_a_user_who_may_not_log_in(engine: Server, sshd: Sshd, home: Path) -> None:
    flags = ("-role=ca", "-valid-principals=somebody-else")
    done = run(engine, home, *flags, f"{USER}@127.0.0.1", *sshd.options(), "echo I am in")
    assert (done.returncode, done.stdout) == (255, "")


def test_nothing_of_a_login_stays(engine: Server, home: Path, recorder: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(
        engine, home, "-role=ca", f"-ssh-executable={recorder}", "ann@host", "-p", "22", "ls -l",
        TMPDIR=str(temporary),
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    words = Path(f"{recorder}.words").read_text().splitlines()
    assert words[:2] == ["-i", str(home / ".ssh" / "id_ed25519")]
    assert words[-4:] == ["ann@host", "-p", "22", "ls -l"]
    assert Path(f"{recorder}.cert").read_text().startswith("ssh-ed25519-cert-v01@openssh.com ")
    assert not list(temporary.iterdir())


def test_a_password_is_given_to_sshpass_and_is_on_no_command_line(
    engine: Server, home: Path, recorder: Path
) -> None:
    flags = ("-mode=otp", "-role=otp", f"-ssh-executable={recorder}", "-strict-host-key-checking=no")
    done = run(engine, home, *flags, "ann@127.0.0.1", "uptime")
    assert done.returncode == 7, done.stderr
    password = Path(f"{recorder}.password").read_text()
    words = Path(f"{recorder}.words").read_text().splitlines()
    assert words == ["-o", "StrictHostKeyChecking=no", "ann@127.0.0.1", "uptime"]
    answer = engine.api.post(f"{MOUNT}/verify", {"otp": password})
    assert answer.json["data"] == {"ip": "127.0.0.1", "username": "ann", "role_name": "otp"}


def test_without_sshpass_the_password_is_shown(
    engine: Server, home: Path, recorder: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("cat", "sh"):
        (empty / name).symlink_to(f"/bin/{name}")
    # The only role for the host is found, and by the role the mode.
    done = run(engine, home, f"-ssh-executable={recorder}", "ann@127.0.0.1", PATH=str(empty))
    assert done.returncode == 7, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.count("-") == 4]) == 1
    assert Path(f"{recorder}.password").read_text() == ""


def test_what_is_printed_instead_of_a_login(engine: Server, home: Path) -> None:
    done = printed(engine, home, "-role=ca", "-no-exec", "ann@127.0.0.1")
    assert done.code == 0, done.err
    assert "signed_key" in done.out
    done = printed(engine, home, "-role=otp", "-field=username", "ann@127.0.0.1")
    assert (done.code, done.out.strip()) == (0, "ann")


def failures() -> Iterator[tuple[tuple[str, ...], int, str]]:
    yield ("-mode=dynamic", "-role=r", "ann@127.0.0.1"), 1, "no longer made"
    yield ("-mode=other", "-role=r", "ann@127.0.0.1"), 1, "Unknown SSH mode: other"
    yield ("-mode=otp", "-role=none", "ann@127.0.0.1"), 2, 'Role "none" not found'
    yield ("-mode=otp", "-role=otp", "ann@127.0.0.1.invalid"), 1, "Error resolving"
    yield ("-role=none", "ann@127.0.0.1"), 1, "No -mode given"
    yield ("-mode=ca", "ann@127.99.0.1.invalid"), 1, "Error resolving"
    yield ("-mode=otp", "ann@192.0.2.1"), 1, "none for this host"
    yield ("-mode=ca", "-role=none", "ann@127.0.0.1"), 2, "Unknown role"
    yield ("-mode=ca", "-role=ca", "-public-key-path=/none", "ann@127.0.0.1"), 1, "failed to read public key"
    yield ("-mode=ca", "-role=ca", "-ssh-executable=/none", "ann@127.0.0.1"), 1, "failed to run ssh"
    yield ("-mode=ca", "-role=ca", "--", "-p", "22"), 1, "No host"


@pytest.mark.parametrize(("words", "code", "told"), tuple(failures()))
def test_what_goes_wrong(words: tuple[str, ...], code: int, told: str, engine: Server, home: Path) -> None:
    done = printed(engine, home, *words)
    assert done.code == code, done
    assert told in done.err
    assert done.out == ""


def test_without_a_key(engine: Server, tmp_path: Path) -> None:
    done = printed(engine, tmp_path, "-mode=ca", "-role=ca", "ann@127.0.0.1")
    assert done.code == 1
    assert "Could not find an SSH public key" in done.err


@pytest.mark.parametrize(
    ("line", "wanted"),
    (
        ("ann@host", ("ann", "host")),
        ("host", ("", "host")),
        ("-p 22 ann@host ls -l root@other", ("ann", "host")),
        ("-vvp22 -l ann host", ("ann", "host")),
        ("-lann host", ("ann", "host")),
        ("-l bob ann@host", ("ann", "host")),
        ("-v -o User=x -i key host", ("", "host")),
        ("-L 80:a:80 -- host", ("", "host")),
        ("ssh://ann@host:22", ("ann", "host")),
        ("ssh://ann@[fd00::1]:22/", ("ann", "fd00::1")),
        ("ann@realm@host", ("ann@realm", "host")),
        ("ann@fd00::1", ("ann", "fd00::1")),
        ("-p 22", ("", "")),
        ("-l ann", ("ann", "")),
        ("-p", ("", "")),
    ),
)
def test_where_a_command_line_leads(line: str, wanted: tuple[str, str]) -> None:
    assert destination(line.split()) == wanted


@pytest.mark.parametrize(
    "line", ("ann@host", "-p 22 host", "-vvp22 -l ann host", "ssh://ann@host:22", "ann@b@host")
)
def test_ssh_itself_agrees(line: str) -> None:
    command = ["ssh", "-F", "none", "-G", *line.split()]
    told = dict(
        row.split(" ", 1)
        for row in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        if " " in row
    )
    user, host = destination(line.split())
    assert (told["user"], told["hostname"]) == (user or USER, host)


def test_flags_of_ssh_are_not_taken_for_ours(engine: Server, home: Path) -> None:
    done = printed(engine, home, "-role=otp", "-no-exec", "ann@127.0.0.1", "-p", "22")
    assert (done.code, done.err) == (0, "")
    assert os.environ.get("SSHPASS") is None
