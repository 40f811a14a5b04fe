"""certbot, as it is installed everywhere, against a server that needs nothing tuned for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.api import Api
from tests.compat.acme import resolver
from tests.server import Server, clean_environment, free_port, running, start_dev

_SERVER = (
    "from strongroom.secrets.pki.acme.validation.http01 import PORTS\n"
    "from strongroom.cli.main import run\n"
    "PORTS['http'] = {port}\n"
    "run()\n"
)
"""The server, asking hosts at the port that certbot listens on for this test; in use it is always 80."""


@pytest.fixture
def challenge_port() -> int:
    return free_port()


@pytest.fixture
def acme(tmp_path: Path, challenge_port: int) -> Iterator[Server]:
    """A server whose mount ``pki`` answers ACME at the directory of the role ``web``."""
    program = (sys.executable, "-c", _SERVER.format(port=challenge_port))
    with running(start_dev(program, tmp_path / "server")) as server:
        api: Api = server.api
        role = {"allowed_domains": "example.com", "allow_subdomains": True, "key_type": "any"}
        for path, body in (
            ("sys/mounts/pki", {"type": "pki"}),
            ("pki/root/generate/internal", {"common_name": "Root", "key_type": "ec"}),
            ("pki/config/cluster", {"path": f"{server.address}/v1/pki"}),
            ("pki/roles/web", role),
        ):
            answer = api.post(path, body)
            assert answer.status < 300, answer
        yield server


def certbot(folder: Path, *arguments: str) -> str:
    """What it prints; it has to succeed."""
    places = (f"--{kind}-dir={folder / kind}" for kind in ("config", "work", "logs"))
    command = [str(Path(sys.executable).parent / "certbot"), *arguments, "--non-interactive", *places]
    environment = clean_environment(folder / "home") | {"PYTHONWARNINGS": "ignore"}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_certificate_from_order_to_revocation(acme: Server, tmp_path: Path, challenge_port: int) -> None:
    names = ("a.example.com", "b.example.com")
    with resolver(*names) as dns:
        config = {"enabled": True, "dns_resolver": f"127.0.0.1:{dns}", "eab_policy": "always-required"}
        answer = acme.api.post("pki/config/acme", config)
        assert answer.status == 200, answer
        key = acme.api.post("pki/roles/web/acme/new-eab", {}).data
        server = f"--server={acme.address}/v1/pki/roles/web/acme/directory"
        certbot(
            tmp_path,
            "certonly",
            server,
            "--standalone",
            f"--http-01-port={challenge_port}",
            "--agree-tos",
            "--register-unsafely-without-email",
            f"--eab-kid={key['id']}",
            f"--eab-hmac-key={key['key']}",
            *(f"--domain={name}" for name in names),
        )
        live = tmp_path / "config" / "live" / names[0]
        leaf, root = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())
        leaf.verify_directly_issued_by(root)
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(san.get_values_for_type(x509.DNSName)) == set(names)
        certbot(
            tmp_path,
            "renew",
            "--force-renewal",
            f"--http-01-port={challenge_port}",
            "--no-random-sleep-on-renew",
        )
        renewed = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())[0]
        assert renewed.serial_number != leaf.serial_number
        certbot(tmp_path, "revoke", server, f"--cert-path={live / 'cert.pem'}", "--no-delete-after-revoke")
        revoked = acme.api.list("pki/certs/revoked").data["keys"]
        assert [int(serial.replace(":", ""), 16) for serial in revoked] == [renewed.serial_number]
        certbot(tmp_path, "unregister", server)
