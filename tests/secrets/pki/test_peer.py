"""Authorities move between the peer and us: keys and certificates of one are used by the other."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from tests.secrets.pki import csr
from tests.secrets.pki.authority import openssl
from tests.server import Server

_ROOT = {"common_name": "Root", "key_type": "ec", "ttl": "8760h"}


def _mount(server: Server) -> str:
    name = f"t{uuid.uuid4().hex[:12]}"
    tuned = {"type": "pki", "config": {"max_lease_ttl": "87600h"}}
    assert server.api.post(f"sys/mounts/{name}", tuned).status == 204
    return name


def _data(server: Server, path: str, body: dict[str, Any]) -> Any:
    answer = server.api.post(path, body)
    assert answer.status == 200, answer
    return answer.json["data"]


def test_a_root_goes_there_and_back(peer: Server, server: Server, tmp_path: Path) -> None:
    for origin, other in ((peer, server), (server, peer)):
        there, here = _mount(other), _mount(origin)
        for kind in ("ec", "ed25519"):
            made = _data(origin, f"{here}/root/generate/exported", {**_ROOT, "key_type": kind})
            bundle = made["private_key"] + "\n" + made["certificate"]
            taken = _data(other, f"{there}/issuers/import/bundle", {"pem_bundle": bundle})
            [issuer] = taken["imported_issuers"]
            assert taken["mapping"][issuer] == taken["imported_keys"][0]
            _data(other, f"{there}/roles/r", {"key_type": "ec", "allow_any_name": True})
            leaf = _data(
                other, f"{there}/issuer/{issuer}/issue/r", {"common_name": "a.example.com", "ttl": "1h"}
            )
            signed = _data(
                origin, f"{here}/sign-verbatim", {"csr": csr.PLAIN, "issuer_ref": made["issuer_id"]}
            )
            (tmp_path / "root").write_text(made["certificate"] + "\n")
            for one in (leaf, signed):
                (tmp_path / "leaf").write_text(one["certificate"] + "\n")
                assert "OK" in openssl("verify", "-CAfile", tmp_path / "root", tmp_path / "leaf")
            _data(other, f"{there}/revoke", {"certificate": signed["certificate"]})
            crl = other.api.get(f"{there}/issuer/{issuer}/crl").json["data"]["crl"]
            (tmp_path / "crl").write_text(crl)
            said = openssl("crl", "-in", tmp_path / "crl", "-CAfile", tmp_path / "root", "-noout", "-text")
            assert signed["serial_number"].replace(":", "").upper() in said


def test_an_intermediate_of_one_is_signed_by_the_other(peer: Server, server: Server) -> None:
    for origin, other in ((peer, server), (server, peer)):
        here, there = _mount(origin), _mount(other)
        _data(origin, f"{here}/root/generate/internal", _ROOT)
        asked = _data(
            other, f"{there}/intermediate/generate/internal", {"common_name": "Inter", "key_type": "ec"}
        )
        signed = _data(
            origin, f"{here}/root/sign-intermediate", {"csr": asked["csr"], "common_name": "Inter"}
        )
        taken = _data(
            other, f"{there}/intermediate/set-signed", {"certificate": "\n".join(signed["ca_chain"])}
        )
        assert asked["key_id"] in taken["mapping"].values()
        _data(other, f"{there}/roles/r", {"key_type": "ec", "allow_any_name": True})
        inter = next(issuer for issuer, key in taken["mapping"].items() if key)
        leaf = _data(other, f"{there}/issuer/{inter}/issue/r", {"common_name": "a.b", "ttl": "1h"})
        assert leaf["ca_chain"] == signed["ca_chain"]
