"""Keys in OpenSSH's form, against ssh-keygen, and what is no key."""

from __future__ import annotations

import base64
import contextlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import private_key, ssh_key
from strongroom.crypto.ssh_key import BadKey, PublicKey, packed, read_private, read_public

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgX0mr41eUkEmBDK8AEtRZadchJ8ThaWV+hpVaw2nzM"


def line(*parts: bytes) -> str:
    """A public key from the strings that its wire form holds."""
    return f"x {base64.b64encode(b''.join(packed(part) for part in parts)).decode()}"


def keygen(folder: Path, *options: str) -> tuple[str, str]:
    """A fresh pair: private and public file."""
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", folder / "key", *options], check=True)
    return (folder / "key").read_text(), (folder / "key.pub").read_text()


@pytest.mark.parametrize(
    ("options", "type_", "bits"),
    (
        (("-t", "ed25519"), "ssh-ed25519", 0),
        (("-t", "ecdsa", "-b", "256"), "ecdsa-sha2-nistp256", 256),
        (("-t", "ecdsa", "-b", "521", "-m", "PEM"), "ecdsa-sha2-nistp521", 521),
        (("-t", "ecdsa", "-b", "384", "-m", "PKCS8"), "ecdsa-sha2-nistp384", 384),
        (("-t", "rsa", "-b", "2048"), "ssh-rsa", 2048),
    ),
)
def test_pairs_that_ssh_keygen_made(options: tuple[str, ...], type_: str, bits: int, tmp_path: Path) -> None:
    private, public = keygen(tmp_path, *options)
    key = read_public(public)
    assert (key.type, key.bits) == (type_, bits)
    assert public.startswith(key.line)
    assert ssh_key.public_of(read_private(private)) == key
    digest = base64.b64encode(bytes.fromhex(key.hash)).decode().rstrip("=")
    told = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key"], capture_output=True, check=True)
    assert f"SHA256:{digest}" in told.stdout.decode()


@pytest.mark.parametrize("type_", ("ed25519", "ec", "ecdsa-sha2-nistp521"))
def test_a_key_that_is_handed_out_is_read_by_ssh_keygen(type_: str, tmp_path: Path) -> None:
    key = ssh_key.draw(type_)
    file = tmp_path / "key"
    file.write_text(ssh_key.handed_out(key))
    file.chmod(0o600)
    told = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, check=True)
    assert told.stdout.decode().startswith(ssh_key.public_of(key).line)


@pytest.mark.parametrize(
    ("type_", "bits"),
    (("dsa", 0), ("", 0), ("rsa", 1024), ("rsa", 2049), ("rsa", 1 << 40), ("ec", 224), ("ec", -1)),
)
def test_no_weak_or_strange_key_is_drawn(type_: str, bits: int) -> None:
    with pytest.raises(BadKey):
        ssh_key.draw(type_, bits)


@pytest.mark.parametrize(
    "text", (ED25519, f"{ED25519} a comment", f"\n\n {ED25519}\n{ED25519}", ED25519.split()[1])
)
def test_ways_to_write_a_key(text: str) -> None:
    assert read_public(text).line == ED25519


def test_keys_in_security_tokens() -> None:
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    encoded = point.public_numbers()
    raw = b"\4" + encoded.x.to_bytes(32, "big") + encoded.y.to_bytes(32, "big")
    own = read_public(line(b"sk-ssh-ed25519@openssh.com", b"\1" * 32, b"ssh:"))
    assert (own.family, own.bits) == ("ed25519", 0)
    own = read_public(line(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", raw, b"ssh:"))
    assert (own.family, own.bits) == ("ecdsa", 256)
    for parts in (
        (b"sk-ssh-ed25519@openssh.com", b"\1" * 31, b"ssh:"),
        (b"sk-ssh-ed25519@openssh.com", b"\1" * 32),
        (b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp384", raw, b"ssh:"),
        (b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", raw[:-1], b"ssh:"),
        (b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", raw[:-1] + b"\0", b"ssh:", b"more"),
    ):
        with pytest.raises(BadKey):
            read_public(line(*parts))


DAMAGED = (
    "",
    " \n ",
    "x",
    "ssh-rsa AAAA",
    "ssh-rsa é",
    f"restrict {ED25519}",
    "ssh-ed25519 " + "A" * 16388,
    "A" * 1_000_000,
    line(b"ssh-dss", *[b"\1" * 128] * 4),
    line(b"ssh-ed25519", b"\1" * 31),
    line(b"ssh-ed25519", b"\1" * 32, b"more"),
    line(b"ssh-rsa", b"", b"\x7f" * 256),
    line(b"ssh-rsa", b"\3", b"\x80" * 256),
    line(b"ssh-rsa", b"\x80\3", b"\x7f" * 256),
    line(b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"\1" * 64),
    line(b"ecdsa-sha2-nistp256", b"nistp256", b"\0"),
    line(b"ssh-ed25519-cert-v01@openssh.com", b"\1" * 32),
    line(b"ssh-\xff"),
)


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(BadKey) as raised:
        read_public(text)
    assert len(str(raised.value)) < 60


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 80), st.integers(0, 255))
def test_no_blob_makes_another_error(blob: bytes, at: int, byte: int) -> None:
    whole = bytearray(base64.b64decode(ED25519.split()[1]))
    whole[at % len(whole)] = byte
    for data in (blob, bytes(whole)):
        with contextlib.suppress(BadKey):
            assert isinstance(read_public(base64.b64encode(data).decode()), PublicKey)


def test_a_private_key_with_a_passphrase_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "secret", "-f", str(file)]
    subprocess.run(command, check=True)
    with pytest.raises(BadKey, match="passphrase"):
        read_private(file.read_text())


@pytest.mark.parametrize(
    "text", ("", "x", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----")
)
def test_what_is_no_private_key(text: str) -> None:
    with pytest.raises(ValueError, match="private key"):
        read_private(text)


def test_a_curve_that_ssh_does_not_have() -> None:
    with pytest.raises(BadKey):
        ssh_key.public_of(private_key.generate("ec", 224))


def test_a_key_that_is_too_long() -> None:
    huge = rsa.RSAPublicNumbers(65537, (1 << 17000) + 1)
    number = huge.n.to_bytes(huge.n.bit_length() // 8 + 1, "big")
    with pytest.raises(BadKey):
        read_public(line(b"ssh-rsa", b"\1\0\1", number))
