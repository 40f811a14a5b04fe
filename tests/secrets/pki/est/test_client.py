"""A client of others, strongSwan's, enrolls over TLS: with a password, then with what it got."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.secrets.pki.authority import openssl
from tests.secrets.pki.est.enrolling import POLICY
from tests.server import STRONGROOM, Server, running, start_dev


def _post(server: Server, path: str, body: dict[str, Any]) -> None:
    answer = server.api.post(path, body)
    assert answer.status in (200, 204), answer


def _prepare(server: Server) -> None:
    api = server.api
    _post(server, "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    _post(server, "pki/root/generate/internal", {"common_name": "Root", "key_type": "ec", "ttl": "8760h"})
    dev = {"key_type": "ec", "allowed_domains": "example.com", "allow_subdomains": True}
    _post(server, "pki/roles/dev", dev)
    _post(server, "sys/policies/acl/est", {"policy": POLICY})
    for kind in ("userpass", "cert"):
        _post(server, f"sys/auth/{kind}", {"type": kind})
    _post(server, "auth/userpass/users/ann", {"password": "pw", "token_policies": "est"})
    root = api.get("pki/ca/pem").body.decode()
    _post(server, "auth/cert/certs/dev", {"certificate": root, "token_policies": "est"})
    mounts = api.get("sys/auth").data
    authenticators = {kind: {"accessor": mounts[f"{kind}/"]["accessor"]} for kind in ("userpass", "cert")}
    _post(
        server,
        "pki/config/est",
        {
            "enabled": True,
            "default_mount": True,
            "default_path_policy": "role:dev",
            "authenticators": authenticators,
        },
    )


def _pki(server: Server, folder: Path, *words: str) -> bytes:
    command = ["pki", *words, "--url", server.address, "--cacert", str(server.ca), "--outform", "pem"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def test_strongswan_enrolls_and_renews(tmp_path: Path) -> None:
    with running(start_dev(STRONGROOM, tmp_path / "server", tls=True)) as server:
        _prepare(server)
        key, csr, root = (str(tmp_path / name) for name in ("key.pem", "request.der", "ca.pem"))
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
        name = ("-subj", "/CN=d.example.com", "-addext", "subjectAltName=DNS:d.example.com")
        openssl("req", "-new", "-key", key, *name, "-outform", "der", "-out", csr)
        _pki(server, tmp_path, "--estca", "--caout", "ca")
        given = tmp_path / "given.pem"
        given.write_bytes(_pki(server, tmp_path, "--est", "--in", csr, "--userpass", "ann:pw"))
        assert "OK" in openssl("verify", "-CAfile", root, given)
        again = tmp_path / "again.pem"
        shown = ("--cert", str(given), "--key", key)
        again.write_bytes(_pki(server, tmp_path, "--est", "--in", csr, *shown))
        assert "OK" in openssl("verify", "-CAfile", root, again)
        assert again.read_bytes() != given.read_bytes()
        assert len(server.api.list("pki/certs").data["keys"]) == 3
