"""What stands in certificates, compared with the peer's: ssh-keygen tells of both."""

from __future__ import annotations

import re
import subprocess
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.crypto import private_key, ssh_key
from tests.crypto.test_ssh_key import ED25519
from tests.server import Server

CA = {"key_type": "ca", "allow_user_certificates": True, "allowed_users": "a,b,c", "default_user": "a"}
HOST = {
    "key_type": "ca",
    "allow_host_certificates": True,
    "allowed_domains": "x.org",
    "allow_subdomains": True,
}
EXTENSIONS = {"permit-pty": "", "login@example.com": "me", "a": 5}

Pair = tuple[dict[str, Any], dict[str, Any]]
CERTIFICATES: tuple[Pair, ...] = (
    (CA, {}),
    (CA, {"valid_principals": "c, a ,b,a"}),
    ({**CA, "default_user": "c, b"}, {"ttl": "1h"}),
    ({**CA, "ttl": "10m", "max_ttl": "20m"}, {}),
    ({**CA, "ttl": "99999h"}, {}),
    ({**CA, "max_ttl": "9999h"}, {"ttl": "9000h"}),
    ({**CA, "max_ttl": "20m"}, {}),
    ({**CA, "not_before_duration": "2h"}, {"ttl": 90}),
    ({**CA, "not_before_duration": 0}, {}),
    ({**CA, "allow_user_key_ids": True}, {"key_id": "a key of mine"}),
    ({**CA, "key_id_format": "{{token_display_name}}|{{role_name}}|{{public_key_hash}}|{{x}}"}, {}),
    ({**CA, "default_extensions": EXTENSIONS}, {}),
    ({**CA, "default_extensions": EXTENSIONS, "default_extensions_template": True}, {}),
    ({**CA, "default_extensions": EXTENSIONS}, {"extensions": {}}),
    ({**CA, "default_extensions": EXTENSIONS, "allowed_extensions": "*"}, {"extensions": {"z": "y"}}),
    ({**CA, "default_critical_options": {"force-command": "/bin/true"}}, {}),
    (
        {**CA, "default_critical_options": {"force-command": "x"}},
        {"critical_options": {"source-address": "::1"}},
    ),
    ({**CA, "algorithm_signer": "rsa-sha2-512"}, {}),
    ({**CA, "algorithm_signer": "default"}, {}),
    ({**CA, "allow_empty_principals": True, "default_user": ""}, {}),
    (HOST, {"cert_type": "host", "valid_principals": "b.x.org,a.x.org"}),
    ({**HOST, "default_extensions": EXTENSIONS}, {"cert_type": "host", "valid_principals": "b.x.org"}),
)


@pytest.fixture(scope="module")
def issuer() -> dict[str, str]:
    """One RSA key for both servers."""
    key = private_key.generate("rsa", 2048)
    return {"private_key": ssh_key.handed_out(key), "public_key": ssh_key.public_of(key).line}


@pytest.fixture(scope="module")
def mounts(peer: Server, server: Server, issuer: dict[str, str]) -> tuple[tuple[Server, str], ...]:
    name = f"ssh{uuid.uuid4().hex[:8]}"
    for one in (peer, server):
        assert one.api.post(f"sys/mounts/{name}", {"type": "ssh"}).status == 204
        assert one.api.post(f"{name}/config/ca", issuer).status == 200
    return (peer, name), (server, name)


def told(certificate: str, folder: Path) -> list[str]:
    """What stands in a certificate, but for its serial number."""
    (folder / "key-cert.pub").write_text(certificate)
    command = ["ssh-keygen", "-L", "-f", str(folder / "key-cert.pub")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [row.strip() for row in done.stdout.splitlines()[1:] if "Serial:" not in row]


def life(rows: list[str]) -> tuple[list[str], int]:
    """The rows without the times, and how long the certificate is valid."""
    (row,) = (row for row in rows if row.startswith("Valid: "))
    first, last = (datetime.fromisoformat(text) for text in re.findall(r"\d\S+", row))
    return [other for other in rows if other != row], int((last - first).total_seconds())


@pytest.mark.parametrize(("role", "wish"), CERTIFICATES)
def test_the_peer_certifies_the_same(
    role: dict[str, Any], wish: dict[str, Any], mounts: tuple[tuple[Server, str], ...], tmp_path: Path
) -> None:
    found = []
    for one, mount in mounts:
        assert one.api.post(f"{mount}/roles/r", role).status == 204
        answer = one.api.post(f"{mount}/sign/r", {"public_key": ED25519, **wish})
        assert answer.status == 200, answer
        found.append(life(told(answer.json["data"]["signed_key"], tmp_path)))
    assert found[0] == found[1]
