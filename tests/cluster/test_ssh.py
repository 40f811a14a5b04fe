"""Certificates are signed by every process; a password for one login is used up in one of them."""

from __future__ import annotations

from tests.cluster.processes import connections
from tests.conftest import SealedServer
from tests.crypto.test_ssh_key import ED25519


def test_every_process_signs_and_a_password_is_good_once(sealed_server: SealedServer) -> None:
    server = sealed_server("ssh", readers=2)
    server.initialize()
    server.unseal()
    api = server.api
    assert api.post("sys/mounts/ssh", {"type": "ssh"}).status == 204
    assert api.post("ssh/config/ca", {"key_type": "ed25519"}).status == 200
    users = {"allow_user_certificates": True, "allowed_users": "ann", "default_user": "ann"}
    assert api.post("ssh/roles/ca", {"key_type": "ca", **users}).status == 204
    otp = {"key_type": "otp", "default_user": "ann", "cidr_list": "10.0.0.0/8"}
    assert api.post("ssh/roles/otp", otp).status == 204
    password = api.post("ssh/creds/otp", {"ip": "10.0.0.1"}).json["data"]["key"]
    apis = connections(server, 3)
    signed, verified = [], []
    for one in apis.values():
        answer = one.post("ssh/sign/ca", {"public_key": ED25519})
        assert answer.status == 200, answer
        signed.append(answer.json["data"]["signed_key"])
        assert one.get("ssh/public_key").body.startswith(b"ssh-ed25519 ")
        verified.append(one.post("ssh/verify", {"otp": password}).status)
        one.close()
    assert len(set(signed)) == 3
    assert sorted(verified) == [200, 400, 400]
