"""ACME where some processes only read: nonces come from any of them, and are spent at the one that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api import Answer, Api
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.signing import ec_key
from tests.server import STRONGROOM, Server, running, start_configured


def apart(server: Server, method: str, path: str, body: Any = None, **options: Any) -> Answer:
    """A request on a connection of its own, which whichever process is free takes."""
    api = Api(server.address)
    try:
        return api.request(method, path, body, token=None, **options)
    finally:
        api.close()


def test_nonces_of_readers_are_good_once(tmp_path: Path) -> None:
    with running(start_configured(STRONGROOM, tmp_path, storage="lmdb", readers=1)) as server:
        server.initialize()
        server.unseal()
        base = f"{server.address}/v1/pki"
        for path, body in (
            ("sys/mounts/pki", {"type": "pki"}),
            ("pki/root/generate/internal", {"common_name": "Root", "key_type": "ec"}),
            ("pki/config/cluster", {"path": base}),
            ("pki/config/acme", {"enabled": True}),
        ):
            answer = server.api.post(path, body)
            assert answer.status < 300, answer
        url = f"{base}/acme/new-account"
        index = {"X-Vault-Index": answer.headers["x-vault-index"]}
        for _ in range(12):
            given = apart(server, "HEAD", "pki/acme/new-nonce", headers=index)
            assert given.status == 200, given
            key = ec_key()
            header = {"nonce": given.headers["replay-nonce"], "url": url, "jwk": signing.jwk(key)}
            message = signing.signed(key, header, {})
            told = [apart(server, "POST", "pki/acme/new-account", message) for _ in range(2)]
            assert [answer.status for answer in told] == [201, 400], told
            assert told[1].json["type"].endswith(":badNonce")
