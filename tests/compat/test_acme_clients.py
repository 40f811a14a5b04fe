"""lego (Go) and uacme (C) against ACME: all kinds of challenges, external accounts, keys that change."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.compat.acme import resolver
from tests.server import Server, clean_environment, free_port, running, start_dev

_SERVER = (
    "from strongroom.secrets.pki.acme.validation import http01, tls_alpn01\n"
    "from strongroom.cli.main import run\n"
    "http01.PORTS['http'], tls_alpn01.PORT = {http}, {tls}\n"
    "run()\n"
)
"""The server, asking hosts at the ports that clients listen on for this test; in use they are 80 and 443."""
_LEGO_HOOK = """#!/bin/sh
case "$1" in
  present) printf '%s' "$3" > "$FOLDER/$2" ;;
  cleanup) rm -f "$FOLDER/$2" ;;
esac
"""
_UACME_HOOK = """#!/bin/sh
[ "$2" = dns-01 ] || exit 1
case "$1" in
  begin) printf '%s' "$5" > "$FOLDER/_acme-challenge.$3" ;;
  *) rm -f "$FOLDER/_acme-challenge.$3" ;;
esac
"""


class Place:
    """The server, its ports, a folder of names, and the clients' own folder."""

    def __init__(self, server: Server, folder: Path, http: int, tls: int) -> None:
        self.server, self.folder, self.http, self.tls = server, folder, http, tls
        self.names = folder / "names"

    def hook(self, text: str) -> str:
        path = self.folder / "hook"
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def run(self, *command: str, **environment: str) -> str:
        """What a client prints; it has to succeed."""
        known = clean_environment(self.folder / "home") | {"FOLDER": str(self.names)} | environment
        known["PATH"] = f"{known['PATH']}{os.pathsep}/usr/sbin"
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120, env=known, cwd=self.folder
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    http, tls = free_port(), free_port()
    program = (sys.executable, "-c", _SERVER.format(http=http, tls=tls))
    names = tmp_path / "names"
    names.mkdir()
    with (
        running(start_dev(program, tmp_path / "server")) as server,
        resolver("a.example.com", "b.example.com", folder=names) as dns,
    ):
        role = {"allowed_domains": "example.com", "allow_subdomains": True, "key_type": "any"}
        for path, body in (
            ("sys/mounts/pki", {"type": "pki"}),
            ("pki/root/generate/internal", {"common_name": "Root", "key_type": "ec"}),
            ("pki/config/cluster", {"path": f"{server.address}/v1/pki"}),
            ("pki/roles/web", role),
            ("pki/config/acme", {"enabled": True, "dns_resolver": f"127.0.0.1:{dns}"}),
        ):
            answer = server.api.post(path, body)
            assert answer.status < 300, answer
        yield Place(server, tmp_path, http, tls)


def _names(file: Path) -> set[str]:
    leaf, root = x509.load_pem_x509_certificates(file.read_bytes())
    leaf.verify_directly_issued_by(root)
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(san.get_values_for_type(x509.DNSName))


def _revoked(place: Place) -> int:
    answer = place.server.api.list("pki/certs/revoked")
    return len(answer.data["keys"]) if answer.status == 200 else 0


def test_lego(place: Place) -> None:
    place.server.api.post("pki/config/acme", {"eab_policy": "new-account-required"})
    key = place.server.api.post("pki/roles/web/acme/new-eab", {}).data
    directory = f"{place.server.address}/v1/pki/roles/web/acme/directory"
    bound = ("--eab", f"--kid={key['id']}", f"--hmac={key['key']}")
    who = ("--accept-tos", "--email=me@example.com", "--path=lego")
    lego = ("lego", f"--server={directory}", *who, *bound)
    found = place.folder / "lego" / "certificates"
    place.run(*lego, "--http", f"--http.port=:{place.http}", "--domains=a.example.com", "run")
    assert _names(found / "a.example.com.crt") == {"a.example.com"}
    place.run(*lego, "--tls", f"--tls.port=:{place.tls}", "--domains=b.example.com", "run")
    assert _names(found / "b.example.com.crt") == {"b.example.com"}
    wild = ("--dns=exec", "--dns.disable-cp", "--domains=*.example.com")
    place.run(*lego, *wild, "run", EXEC_PATH=place.hook(_LEGO_HOOK))
    assert _names(found / "_.example.com.crt") == {"*.example.com"}
    http = ("--http", f"--http.port=:{place.http}", "--domains=a.example.com")
    place.run(*lego, *http, "renew", "--days=999", "--no-random-sleep")
    place.run(*lego, "--domains=a.example.com", "revoke")
    assert _revoked(place) == 1


def test_uacme(place: Place) -> None:
    directory = f"{place.server.address}/v1/pki/acme/directory"
    uacme = ("uacme", "-y", "-v", "-c", str(place.folder / "uacme"), "-a", directory, "-t", "EC")
    hook = place.hook(_UACME_HOOK)
    place.run(*uacme, "new", "me@example.com")
    place.run(*uacme, "-h", hook, "issue", "*.example.com", "b.example.com")
    wild = place.folder / "uacme" / "example.com" / "cert.pem"
    assert _names(wild) == {"*.example.com", "b.example.com"}
    place.run(*uacme, "newkey")
    place.run(*uacme, "update", "you@example.com")
    place.run(*uacme, "-h", hook, "issue", "a.example.com")
    place.run(*uacme, "revoke", str(place.folder / "uacme" / "a.example.com" / "cert.pem"))
    private = place.folder / "uacme" / "private" / "example.com" / "key.pem"
    place.run(*uacme, "revoke", str(wild), str(private))
    assert _revoked(place) == 2
    place.run(*uacme, "deactivate")
