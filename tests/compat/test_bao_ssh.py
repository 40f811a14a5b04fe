"""The peer's ``ssh`` command with certificates of our server, at a real sshd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.server import PEER, Server
from tests.sshd import USER, key_pair, started

MOUNT = "ssh-bao"


def test_a_login_by_certificate(server: Server, tmp_path: Path) -> None:
    api = server.api
    assert api.post(f"sys/mounts/{MOUNT}", {"type": "ssh"}).status == 204
    assert api.post(f"{MOUNT}/config/ca", {"key_type": "ed25519"}).status == 200
    anybody = {"allow_user_certificates": True, "allowed_users": "*", "allowed_extensions": "*"}
    assert api.post(f"{MOUNT}/roles/r", {"key_type": "ca", **anybody}).status == 204
    key_pair(tmp_path / "key")
    with started(tmp_path / "sshd") as sshd:
        sshd.trust(api.get(f"{MOUNT}/public_key").body.decode())
        flags = ("-mode=ca", "-role=r", f"-mount-point={MOUNT}", f"-public-key-path={tmp_path / 'key.pub'}")
        more = (f"-private-key-path={tmp_path / 'key'}", "-strict-host-key-checking=no")
        done = subprocess.run(
            [*PEER, "ssh", *flags, *more, f"{USER}@127.0.0.1", *sshd.options(), "echo I am in"],
            env=server.environment, capture_output=True, text=True, check=False, timeout=30,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "I am in\n"), done.stderr


@pytest.mark.parametrize("mode", ("otp", "ca"))
def test_what_it_prints(mode: str, server: Server, tmp_path: Path) -> None:
    mount = f"{MOUNT}-{mode}"
    assert server.api.post(f"sys/mounts/{mount}", {"type": "ssh"}).status == 204
    assert server.api.post(f"{mount}/config/ca", {"key_type": "ed25519"}).status == 200
    role = {
        "key_type": mode, "default_user": "ann", "cidr_list": "127.0.0.0/8",
        "allow_user_certificates": True, "allowed_users": "ann", "allowed_extensions": "*",
    }  # fmt: skip
    assert server.api.post(f"{mount}/roles/r", role).status == 204
    key_pair(tmp_path / "key")
    flags = (f"-mode={mode}", "-role=r", f"-mount-point={mount}", f"-public-key-path={tmp_path / 'key.pub'}")
    done = subprocess.run(
        [*PEER, "ssh", *flags, "-no-exec", "ann@127.0.0.1"],
        env=server.environment, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ("signed_key" if mode == "ca" else "key_type           otp") in done.stdout
