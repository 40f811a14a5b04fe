"""The peer's commands about certificates, against our server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.server import PEER, Server


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"bao-{request.node.name.replace('_', '-')}"


def _bao(server: Server, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [*PEER, *words], capture_output=True, text=True, timeout=60, check=False, env=server.environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_intermediates_and_their_health(server: Server, name: str, tmp_path: Path) -> None:
    root, below = f"{name}-root", f"{name}-below"
    for at in (root, below):
        _bao(server, "secrets", "enable", f"-path={at}", "-max-lease-ttl=87600h", "pki")
    subject = ("key_type=ec", "common_name=x")
    _bao(server, "write", f"{root}/root/generate/internal", "issuer_name=root", "ttl=87600h", *subject)
    issuer, intermediate = f"{root}/issuer/root", f"{below}/issuer/one"
    _bao(server, "pki", "issue", "-issuer_name=one", issuer, f"{below}/", "ttl=8760h", *subject)
    _bao(server, "pki", "reissue", "-issuer_name=two", issuer, intermediate, f"{below}/")
    verified = json.loads(_bao(server, "pki", "verify-sign", "-format=json", issuer, intermediate))
    assert all(verified.values()), verified
    listed = _bao(server, "pki", "list-intermediates", issuer, f"{below}/")
    assert listed.count("true") == 3
    # Status 4: something could be better, as that nothing tidies the mount.
    health = json.loads(_bao(server, "pki", "health-check", "-format=json", below, code=4))
    assert {one["status"] for one in health["crl_validity_period"]} == {"ok"}
    assert {one["status"] for one in health["ca_validity_period"]} == {"ok"}
