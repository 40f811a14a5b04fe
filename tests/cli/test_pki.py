"""``pki`` against our own server: new issuers, how they relate, and the health of a mount."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, call
from tests.server import Server


class Mounts:
    """Two mounts; the first has a root."""

    def __init__(self, server: Server, word: str) -> None:
        self.server = server
        self.root, self.inter = f"{word}root", f"{word}inter"
        for mount in (self.root, self.inter):
            tuned = {"type": "pki", "config": {"max_lease_ttl": "87600h"}}
            assert server.api.post(f"sys/mounts/{mount}", tuned).status == 204
        body = {"common_name": "Root", "key_type": "ec", "ttl": "8760h", "issuer_name": "r"}
        assert server.api.post(f"{self.root}/root/generate/internal", body).status == 200

    def __call__(self, *words: str) -> Outcome:
        home = str(self.server.folder / "home")
        filled = [word.replace("ROOT", self.root).replace("INTER", self.inter) for word in words]
        return call("pki", *filled, HOME=home, VAULT_ADDR=self.server.address, VAULT_TOKEN="root")


@pytest.fixture
def pki(server: Server) -> Iterator[Mounts]:
    mounts = Mounts(server, f"t{uuid.uuid4().hex[:8]}")
    yield mounts
    for mount in (mounts.root, mounts.inter):
        server.api.delete(f"sys/mounts/{mount}")


def test_intermediates_are_issued_issued_again_and_recognised(pki: Mounts) -> None:
    made = pki(
        "issue", "-format=json", "-issuer_name=one", "ROOT/issuer/r", "INTER/",
        "common_name=Inter", "key_type=ec", "organization=Acme", "ttl=99h",
    )  # fmt: skip
    assert made.code == 0, made.err
    data = json.loads(made.out)["data"]
    assert (data["issuer_name"], len(data["ca_chain"])) == ("one", 2)
    again = pki(
        "reissue", "-format=json", "-issuer_name=two", "ROOT/issuer/r", "INTER/issuer/one", "INTER", "ttl=50h"
    )
    assert again.code == 0, again.err
    other = json.loads(again.out)["data"]
    assert other["key_id"] != data["key_id"]
    told = json.loads(pki("verify-sign", "-format=json", "ROOT/issuer/r", "INTER/issuer/two").out)
    assert set(told.values()) == {True}
    told = json.loads(pki("verify-sign", "-format=json", "INTER/issuer/one", "INTER/issuer/two").out)
    assert set(told.values()) == {False}
    shown = pki("verify-sign", "ROOT/issuer/r", "INTER/issuer/one")
    assert "signature_match" in shown.out
    listed = json.loads(pki("list-intermediates", "-format=json", "-use_names", "ROOT/issuer/r").out)
    assert listed[f"{pki.inter}/issuer/one"] is True
    few = pki("list-intermediates", "INTER/issuer/one", "INTER/issuer/two")
    assert "false" in few.out
    inside = json.loads(
        pki("list-intermediates", "-format=json", "-use_names", "ROOT/issuer/r", "INTER/").out
    )
    assert inside[f"{pki.inter}/issuer/one"] is True
    assert all(place.startswith(f"{pki.inter}/") for place in inside)


@pytest.mark.parametrize(
    ("words", "sentence"),
    (
        (("issue",), "Not enough arguments"),
        (("issue", "ROOT", "INTER", "common_name=x"), "Not a PKI Issuer Path"),
        (("issue", "ROOT/issuer/none", "INTER", "common_name=x"), "Failed to read issuer"),
        (("issue", "-type=kms", "ROOT/issuer/r", "INTER", "common_name=x"), "Failed to request"),
        (("reissue", "ROOT/issuer/r"), "Not enough arguments"),
        (("verify-sign", "x"), "Not enough arguments"),
        (("verify-sign", "ROOT/issuer/none", "ROOT/issuer/r"), "Failed to read issuer"),
        (("list-intermediates",), "Not enough arguments"),
        (("health-check",), "Not enough arguments"),
        (("health-check", "sys"), "non-PKI mount"),
        (("health-check", "-return-indicator=loud", "ROOT"), "Invalid flag value"),
    ),
)
def test_mistakes_are_told(pki: Mounts, words: tuple[str, ...], sentence: str) -> None:
    done = pki(*words)
    assert done.code == 1
    assert sentence in done.err


def test_the_health_of_a_mount(pki: Mounts, tmp_path: Path) -> None:
    done = pki("health-check", "-format=json", "ROOT")
    found = json.loads(done.out)
    assert done.code == 4, done.err
    assert found["tidy_last_run"][0]["status"] == "critical"
    assert found["ca_validity_period"][0]["status"] == "warning"
    assert found["crl_validity_period"][0]["status"] == "ok"
    assert found["enable_acme_issuance"][0]["status"] == "not_applicable"
    assert "hardware_backed_root" not in found or found["hardware_backed_root"]
    api = pki.server.api
    api.post(f"{pki.root}/tidy", {"tidy_cert_store": True})
    auto = {"enabled": True, "tidy_cert_store": True}
    assert api.post(f"{pki.root}/config/auto-tidy", auto).status == 200
    config = tmp_path / "health.json"
    only = {name: {"enabled": True} for name in ("enable_auto_tidy", "too_many_certs", "root_issued_leaves")}
    config.write_text(json.dumps(only))
    few = pki("health-check", "-default-disabled", f"-health-config={config}", "ROOT")
    assert few.code == 0, few.out
    assert "enable_auto_tidy" in few.out
    assert "audit_visibility" not in few.out
    role = {"key_type": "ec", "allow_any_name": True}
    assert api.post(f"{pki.root}/roles/r", role).status == 200
    assert api.post(f"{pki.root}/issue/r", {"common_name": "x"}).status == 200
    worse = pki("health-check", "-default-disabled", f"-health-config={config}", "ROOT")
    assert worse.code == 3
    calm = pki(
        "health-check", "-return-indicator=critical", "-default-disabled", f"-health-config={config}", "ROOT"
    )
    assert calm.code == 0
    assert '"certs_to_fetch": 100' in pki("health-check", "-list").out


def test_a_token_that_may_not_look_is_told_so(pki: Mounts) -> None:
    api = pki.server.api
    api.put(
        "sys/policies/acl/pkiblind", {"policy": f'path "{pki.root}/roles/*" {{ capabilities = ["read"] }}'}
    )
    token = api.post("auth/token/create", {"policies": ["pkiblind"], "ttl": "1h"}).auth["client_token"]
    home = str(pki.server.folder / "home")
    done = call(
        "pki", "health-check", "-format=json", "-return-indicator=permission", pki.root,
        HOME=home, VAULT_ADDR=pki.server.address, VAULT_TOKEN=token,
    )  # fmt: skip
    assert done.code == 6, done.err
