"""What is given to the server to keep stands in no file of it in the clear: not in storage, audit or log."""

from __future__ import annotations

import base64
import time

import pytest

from strongroom.crypto import private_key, ssh_key
from tests.canary import Canaries
from tests.conftest import SealedServer
from tests.server import Server


@pytest.fixture
def used_server(sealed_server: SealedServer, canary: Canaries) -> Server:
    """A server on LMDB through which planted secrets went by every door, then stopped."""
    server = sealed_server("used")
    server.initialize(3, 2)
    server.unseal()
    api = server.api
    assert api.post("sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}}).status == 204
    assert api.post("sys/mounts/kv2", {"type": "kv", "options": {"version": "2"}}).status == 204
    time.sleep(0.1)
    secret = canary()
    assert api.post("kv1/a", {"password": secret, "deep": {"list": [secret]}}).status == 204
    assert api.get("kv1/a").data["password"] == secret
    assert api.post("kv2/data/a", {"data": {"password": canary()}}).status == 200
    assert api.post("cubbyhole/a", {"password": canary()}).status == 204
    wrapped = api.get("kv1/a", headers={"X-Vault-Wrap-TTL": "60s"}).json["wrap_info"]["token"]
    api.post("sys/wrapping/unwrap", {"token": canary.watch(wrapped)})
    token = canary.watch(api.post("auth/token/create", {"ttl": "1h"}).auth["client_token"])
    api.get("auth/token/lookup-self", token=token)
    api.post("auth/token/lookup", {"token": token})
    api.post("kv1/b", b'{"password": "' + canary().encode())  # does not parse
    api.post("auth/token/create", {"ttl": canary()})  # parses, but is refused
    api.post("auth/token/lookup", {"token": canary()})
    api.get("sys/mounts", token=canary())
    api.get("kv1/a", headers={"Authorization": f"Bearer {canary()}"}, token=None)
    _use_codes_and_keys(server, canary)
    _use_transit(server, canary)
    for key in [*server.keys, server.root_token or ""]:
        canary.watch(key)
    server.stop()
    return server


def _use_codes_and_keys(server: Server, canary: Canaries) -> None:
    """Secrets that the server makes: keys and passwords for SSH, keys that codes are made from."""
    api = server.api
    for engine in ("ssh", "totp"):
        assert api.post(f"sys/mounts/{engine}", {"type": engine}).status == 204
    own = private_key.generate("ed25519")
    pair = {"private_key": ssh_key.handed_out(own), "public_key": ssh_key.public_of(own).line}
    for form in (pair["private_key"], private_key.pem(own)):
        canary.watch(form.splitlines()[-2])
    assert api.post("ssh/config/ca", pair).status == 200
    users = {"allow_user_certificates": True, "allowed_users": "ann", "default_user": "ann"}
    assert api.post("ssh/roles/ca", {"key_type": "ca", **users}).status == 204
    issued = api.post("ssh/issue/ca", {"key_type": "ec"}).json["data"]["private_key"]
    canary.watch(issued.splitlines()[2])
    hosts = {"default_user": "ann", "cidr_list": "10.0.0.0/8"}
    assert api.post("ssh/roles/otp", {"key_type": "otp", **hosts}).status == 204
    for _ in range(2):
        password = canary.watch(api.post("ssh/creds/otp", {"ip": "10.0.0.1"}).json["data"]["key"])
    assert api.post("ssh/verify", {"otp": password}, token=None).status == 200
    fields = {"generate": True, "issuer": "i", "account_name": "a"}
    url = api.post("totp/keys/k", fields).json["data"]["url"]
    canary.watch(url.rpartition("=")[2])
    api.post("totp/keys/k", {"url": f"{url}&digits=7"})  # refused


def _use_transit(server: Server, canary: Canaries) -> None:
    """Keys that encrypt, and what they encrypt."""
    api = server.api
    assert api.post("sys/mounts/transit", {"type": "transit"}).status == 204
    for kind, what in (("aes256-gcm96", "encryption-key"), ("ed25519", "signing-key"), ("hmac", "hmac-key")):
        fields = {"type": kind, "exportable": True, "key_size": 32 if kind == "hmac" else 0}
        assert api.post(f"transit/keys/{kind}", fields).status == 200
        assert api.post(f"transit/keys/{kind}/rotate", {}).status == 200
        for key in api.get(f"transit/export/{what}/{kind}").data["keys"].values():
            canary.watch(key)
    plain = base64.b64encode(canary().encode()).decode()
    canary.watch(plain)
    sealed = api.post("transit/encrypt/aes256-gcm96", {"plaintext": plain}).data["ciphertext"]
    batch = {"batch_input": [{"ciphertext": sealed}, {"ciphertext": plain}]}
    assert api.post("transit/decrypt/aes256-gcm96", batch).status == 400
    api.post("transit/encrypt/aes256-gcm96", {"plaintext": canary()})  # no base64


def test_not_in_storage_audit_or_log(used_server: Server, canary: Canaries) -> None:
    files = [file for file in used_server.folder.rglob("*") if file.is_file()]
    assert any(file.stat().st_size for file in files if "storage" in file.parts), "nothing was stored"
    assert (used_server.folder / "audit.log").stat().st_size > 0
    assert canary.findings() == []
