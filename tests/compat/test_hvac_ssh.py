"""hvac's methods for the SSH engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import hvac
import pytest

from strongroom.crypto import private_key, ssh_key
from tests.crypto.test_ssh_key import ED25519
from tests.server import Server


@pytest.fixture
def client(server: Server) -> Any:
    return hvac.Client(url=server.address, token=server.root_token)


@pytest.fixture
def mount(client: Any) -> Iterator[str]:
    name = f"ssh{uuid.uuid4().hex[:12]}"
    client.sys.enable_secrets_engine("ssh", path=name)
    yield name
    client.sys.disable_secrets_engine(name)


def test_certificates(client: Any, mount: str) -> None:
    ssh = client.secrets.ssh
    made = ssh.submit_ca_information(key_type="ed25519", mount_point=mount)["data"]
    assert ssh.read_public_key(mount_point=mount)["data"] == made
    ssh.create_role(
        "ops",
        key_type="ca",
        allow_user_certificates=True,
        allowed_users="ann",
        default_user="ann",
        default_extensions={"permit-pty": ""},
        mount_point=mount,
    )
    role = ssh.read_role("ops", mount_point=mount)["data"]
    assert (role["allowed_users"], role["default_extensions"]) == ("ann", {"permit-pty": ""})
    assert ssh.list_roles(mount_point=mount)["data"]["keys"] == ["ops"]
    signed = ssh.sign_ssh_key("ops", ED25519, mount_point=mount)["data"]
    assert signed["signed_key"].startswith("ssh-ed25519-cert-v01@openssh.com ")
    with pytest.raises(hvac.exceptions.InvalidRequest):
        ssh.sign_ssh_key("ops", ED25519, valid_principals="root", mount_point=mount)
    ssh.delete_role("ops", mount_point=mount)
    ssh.delete_ca_information(mount_point=mount)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        ssh.read_public_key(mount_point=mount)


def test_an_issuer_of_ones_own(client: Any, mount: str) -> None:
    key = private_key.generate("ec", 256)
    line = ssh_key.public_of(key).line
    made = client.secrets.ssh.submit_ca_information(
        ssh_key.handed_out(key), line, generate_signing_key=False, mount_point=mount
    )
    assert made["data"]["public_key"] == line


def test_passwords(client: Any, mount: str) -> None:
    ssh = client.secrets.ssh
    fields = {"key_type": "otp", "default_user": "ann", "cidr_list": "10.0.0.0/8", "mount_point": mount}
    ssh.create_role("legacy", **fields)
    made = ssh.generate_ssh_credentials("legacy", username="ann", ip="10.0.0.5", mount_point=mount)["data"]
    assert ssh.list_roles_by_ip("10.0.0.5", mount_point=mount)["data"]["roles"] == ["legacy"]
    wanted = {"ip": "10.0.0.5", "username": "ann", "role_name": "legacy"}
    assert ssh.verify_ssh_otp(made["key"], mount_point=mount)["data"] == wanted
    with pytest.raises(hvac.exceptions.InvalidRequest):
        ssh.verify_ssh_otp(made["key"], mount_point=mount)
    ssh.configure_zeroaddress_roles("legacy", mount_point=mount)
    assert ssh.list_zeroaddress_roles(mount_point=mount)["data"]["roles"] == ["legacy"]
    ssh.delete_zeroaddress_role(mount_point=mount)
    with pytest.raises(hvac.exceptions.InvalidPath):
        ssh.list_zeroaddress_roles(mount_point=mount)
