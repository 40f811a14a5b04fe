"""Certificates are issued by every process, and what one of them revokes all of them tell."""

from __future__ import annotations

from strongroom.crypto import revocation_list
from tests.cluster.processes import connections
from tests.conftest import SealedServer


def test_every_process_issues_and_tells_what_is_revoked(sealed_server: SealedServer) -> None:
    server = sealed_server("pki", readers=2)
    server.initialize()
    server.unseal()
    api = server.api
    assert api.post("sys/mounts/pki", {"type": "pki"}).status == 204
    root = {"common_name": "Root", "key_type": "ec", "ttl": "700h"}
    assert api.post("pki/root/generate/internal", root).status == 200
    assert api.post("pki/roles/r", {"key_type": "ec", "allow_any_name": True}).status == 200
    apis = connections(server, 3)
    serials = set()
    for one in apis.values():
        answer = one.post("pki/issue/r", {"common_name": "a.example.com", "ttl": "1h"})
        assert answer.status == 200, answer
        serial = answer.json["data"]["serial_number"]
        serials.add(serial)
        assert one.post("pki/revoke", {"serial_number": serial}).status == 200
        told = revocation_list.load(one.get("pki/crl").body).revoked
        assert {listed for listed, _ in told} == serials
    for one in apis.values():
        assert {listed for listed, _ in revocation_list.load(one.get("pki/crl").body).revoked} == serials
        assert one.get("pki/ca/pem").body.startswith(b"-----BEGIN CERTIFICATE-----")
        one.close()
