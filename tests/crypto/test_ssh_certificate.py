"""Certificates, read back by two others: ssh-keygen, and the library that also verifies the signature."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import private_key, ssh_key
from strongroom.crypto.private_key import PrivateKey
from strongroom.crypto.ssh_certificate import Certificate
from tests.crypto.test_ssh_key import ED25519, line

CERTIFICATE = Certificate(
    key=ssh_key.read_public(ED25519),
    kind="user",
    serial=0xFEDC_BA98_7654_3210,
    key_id="ann's key",
    principals=("ann", "deploy"),
    valid_after=1_800_000_000,
    valid_before=1_800_003_600,
    critical_options={"source-address": "10.0.0.0/8", "force-command": "/bin/true"},
    extensions={"permit-pty": "", "permit-X11-forwarding": "", "login@example.com": "ann"},
)
ED25519_ISSUER = private_key.generate("ed25519")
ISSUERS: dict[str, PrivateKey] = {
    "ssh-ed25519": ED25519_ISSUER,
    **{f"ecdsa-sha2-nistp{bits}": private_key.generate("ec", bits) for bits in (256, 384, 521)},
}


@pytest.fixture(scope="module")
def rsa_issuer() -> PrivateKey:
    return private_key.generate("rsa", 2048)


def told(text: str, folder: Path) -> list[str]:
    """What ssh-keygen tells of a certificate, line by line."""
    (folder / "key-cert.pub").write_text(text + "\n")
    command = ["ssh-keygen", "-L", "-f", str(folder / "key-cert.pub")]
    done = subprocess.run(command, capture_output=True, check=True, env={"TZ": "UTC"})
    return [row.strip() for row in done.stdout.decode().splitlines()]


@pytest.mark.parametrize("type_", ISSUERS)
def test_another_library_reads_and_verifies_it(type_: str) -> None:
    found = load_ssh_public_identity(CERTIFICATE.sign(ISSUERS[type_]).encode())
    assert isinstance(found, SSHCertificate)
    found.verify_cert_signature()
    assert found.serial == CERTIFICATE.serial
    assert found.key_id == b"ann's key"
    assert found.valid_principals == [b"ann", b"deploy"]
    assert (found.valid_after, found.valid_before) == (1_800_000_000, 1_800_003_600)
    assert found.critical_options == {b"source-address": b"10.0.0.0/8", b"force-command": b"/bin/true"}
    assert found.extensions[b"login@example.com"] == b"ann"
    assert found.type.name == "USER"
    assert len(found.nonce) == 32


def test_ssh_keygen_reads_it(tmp_path: Path) -> None:
    rows = told(CERTIFICATE.sign(ED25519_ISSUER), tmp_path)
    for row in (
        "Type: ssh-ed25519-cert-v01@openssh.com user certificate",
        'Key ID: "ann\'s key"',
        "Serial: 18364758544493064720",
        "Valid: from 2027-01-15T08:00:00 to 2027-01-15T09:00:00",
        "force-command /bin/true",
        "source-address 10.0.0.0/8",
        "permit-pty",
    ):
        assert row in rows
    at = rows.index("Principals:")
    assert rows[at + 1 : at + 3] == ["ann", "deploy"]


def test_a_host_and_everybody(tmp_path: Path) -> None:
    host = replace(CERTIFICATE, kind="host", principals=(), critical_options={}, extensions={})
    rows = told(host.sign(ED25519_ISSUER), tmp_path)
    assert "Type: ssh-ed25519-cert-v01@openssh.com host certificate" in rows
    assert {"Principals: (none)", "Critical Options: (none)", "Extensions: (none)"} <= set(rows)


@pytest.mark.parametrize("algorithm", ("", "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"))
def test_how_an_rsa_issuer_signs(algorithm: str, rsa_issuer: PrivateKey, tmp_path: Path) -> None:
    made = CERTIFICATE.sign(rsa_issuer, algorithm)
    (using,) = (row for row in told(made, tmp_path) if row.startswith("Signing CA: RSA"))
    assert using.endswith(f"(using {algorithm or 'rsa-sha2-256'})")
    if algorithm != "ssh-rsa":
        found = load_ssh_public_identity(made.encode())
        assert isinstance(found, SSHCertificate)
        found.verify_cert_signature()


def test_other_issuers_have_no_such_choice() -> None:
    with pytest.raises(ValueError, match="does not sign"):
        CERTIFICATE.sign(ED25519_ISSUER, "rsa-sha2-256")


def test_a_key_in_a_security_token(tmp_path: Path) -> None:
    own = ssh_key.read_public(line(b"sk-ssh-ed25519@openssh.com", b"\1" * 32, b"ssh:"))
    rows = told(replace(CERTIFICATE, key=own).sign(ED25519_ISSUER), tmp_path)
    assert "Type: sk-ssh-ed25519-cert-v01@openssh.com user certificate" in rows


_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_OPTIONS = st.dictionaries(_TEXT.filter(bool), _TEXT, max_size=5)


CERTIFICATES = st.builds(
    Certificate,
    key=st.just(CERTIFICATE.key),
    kind=st.sampled_from(("user", "host")),
    serial=st.integers(0, 2**64 - 1),
    key_id=_TEXT,
    principals=st.lists(_TEXT, min_size=1, max_size=5).map(tuple),
    valid_after=st.integers(0, 2**33),
    valid_before=st.integers(2**33, 2**64 - 1),
    critical_options=_OPTIONS,
    extensions=_OPTIONS,
)


@settings(max_examples=60, deadline=None)
@given(CERTIFICATES, st.sampled_from(sorted(ISSUERS)))
def test_whatever_it_says_is_read_back(certificate: Certificate, type_: str) -> None:
    found = load_ssh_public_identity(certificate.sign(ISSUERS[type_]).encode())
    assert isinstance(found, SSHCertificate)
    found.verify_cert_signature()
    assert (found.type.name.lower(), found.serial) == (certificate.kind, certificate.serial)
    assert found.key_id.decode() == certificate.key_id
    assert (found.valid_after, found.valid_before) == (certificate.valid_after, certificate.valid_before)
    assert [name.decode() for name in found.valid_principals] == list(certificate.principals)
    for options, wanted in (
        (found.critical_options, certificate.critical_options),
        (found.extensions, certificate.extensions),
    ):
        assert {key.decode(): value.decode() for key, value in options.items()} == wanted
