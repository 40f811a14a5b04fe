"""hvac's methods for certificates, against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import hvac
import pytest
from hvac import exceptions

from tests.secrets.pki import csr
from tests.server import Server


@pytest.fixture
def client(server: Server) -> Any:
    return hvac.Client(url=server.address, token=server.root_token)


@pytest.fixture
def mount(client: Any) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    client.sys.enable_secrets_engine("pki", path=name, config={"max_lease_ttl": "87600h"})
    yield name
    client.sys.disable_secrets_engine(name)


def _root(client: Any, mount: str) -> Any:
    words = {"key_type": "ec", "ttl": "8760h", "issuer_name": "root"}
    return client.secrets.pki.generate_root("exported", "Root", words, mount_point=mount)["data"]


def test_settings(client: Any, mount: str) -> None:
    pki = client.secrets.pki
    pki.set_urls({"issuing_certificates": ["http://a/ca"]}, mount_point=mount)
    assert pki.read_urls(mount_point=mount)["data"]["issuing_certificates"] == ["http://a/ca"]
    pki.set_crl_configuration("24h", False, mount_point=mount)
    assert pki.read_crl_configuration(mount_point=mount)["data"]["expiry"] == "24h"


def test_roles_and_certificates(client: Any, mount: str) -> None:
    pki = client.secrets.pki
    root = _root(client, mount)
    assert root["private_key"].startswith("-----BEGIN EC PRIVATE KEY-----")
    pki.create_or_update_role(
        "r", {"allowed_domains": "example.com", "allow_subdomains": True, "key_type": "ec"}, mount_point=mount
    )
    assert pki.read_role("r", mount_point=mount)["data"]["allowed_domains"] == ["example.com"]
    assert pki.list_roles(mount_point=mount)["data"]["keys"] == ["r"]
    one = pki.generate_certificate("r", "a.example.com", mount_point=mount)["data"]
    signed = pki.sign_certificate("r", csr.PLAIN, "a.example.com", mount_point=mount)["data"]
    as_it_is = pki.sign_verbatim(csr.FULL, mount_point=mount)["data"]
    serials = {
        one["serial_number"],
        signed["serial_number"],
        as_it_is["serial_number"],
        root["serial_number"],
    }
    assert set(pki.list_certificates(mount_point=mount)["data"]["keys"]) == serials
    read = pki.read_certificate(one["serial_number"], mount_point=mount)["data"]
    assert read["certificate"] == one["certificate"]
    assert pki.revoke_certificate(one["serial_number"], mount_point=mount)["data"]["revocation_time"] > 0
    assert pki.read_ca_certificate(mount_point=mount).startswith("-----BEGIN CERTIFICATE-----")
    assert pki.read_ca_certificate_chain(mount_point=mount).startswith("-----BEGIN CERTIFICATE-----")
    assert pki.read_crl(mount_point=mount).startswith("-----BEGIN X509 CRL-----")
    assert pki.rotate_crl(mount_point=mount)["data"]["success"] is True
    pki.tidy({"tidy_cert_store": True}, mount_point=mount)
    pki.delete_role("r", mount_point=mount)
    with pytest.raises(exceptions.InvalidPath):
        pki.read_role("r", mount_point=mount)


def test_intermediates_and_issuers(client: Any, mount: str) -> None:
    pki = client.secrets.pki
    root = _root(client, mount)
    asked = pki.generate_intermediate("internal", "Inter", {"key_type": "ec"}, mount_point=mount)["data"]
    signed = pki.sign_intermediate(asked["csr"], "Inter", mount_point=mount)["data"]
    pki.set_signed_intermediate(signed["certificate"], mount_point=mount)
    issuers = pki.list_issuers(mount_point=mount)["data"]["keys"]
    assert len(issuers) == 2
    inter = next(one for one in issuers if one != root["issuer_id"])
    pki.update_issuer(inter, {"issuer_name": "inter"}, mount_point=mount)
    read = pki.read_issuer("inter", mount_point=mount)["data"]
    assert read["ca_chain"] == [signed["certificate"] + "\n", root["certificate"] + "\n"]
    pki.revoke_issuer("inter", mount_point=mount)
    crossed = pki.sign_self_issued(root["certificate"], mount_point=mount)["data"]
    assert crossed["issuing_ca"] == root["certificate"]
    pki.delete_issuer("inter", mount_point=mount)
    bundle = root["certificate"] + "\n" + root["private_key"]
    pki.delete_root(mount_point=mount)
    pki.submit_ca_information(bundle, mount_point=mount)
    assert len(pki.list_issuers(mount_point=mount)["data"]["keys"]) == 1
