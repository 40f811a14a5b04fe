from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from strongroom.cli.command import Failure
from strongroom.cli.pgp import public_key, public_keys

# The public part of an Ed25519 key nobody keeps (v4 packet: tag 6, then a user ID, tag 13).
BINARY = bytes([0x98, 0x33, 4]) + bytes(50) + bytes([0xB4, 3]) + b"ann"


def armored(content: bytes) -> str:
    lines = base64.encodebytes(content).decode()
    begin, end = (f"-----{word} PGP PUBLIC KEY BLOCK-----\n" for word in ("BEGIN", "END"))
    return f"{begin}Comment: x\n\n{lines}=abcd\n{end}"


WINDOWS = armored(BINARY).replace("\n", "\r\n").encode()


@pytest.mark.parametrize("content", (BINARY, armored(BINARY).encode(), WINDOWS, base64.b64encode(BINARY)))
def test_every_form_gives_the_binary_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    assert base64.b64decode(public_key(f"{tmp_path}/key")) == BINARY


def test_lists(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(BINARY)
    assert len(public_keys([f"{tmp_path}/a,{tmp_path}/b", f"@{tmp_path}/c"])) == 3


@pytest.mark.parametrize(
    "content", (b"", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n????\n", b"aGVsbG8=")
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(Failure, match="does not hold a PGP public key"):
        public_key(f"{tmp_path}/key")


def test_keybase_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(Failure, match="Save the public key to a file"):
        public_key("keybase:ann")
    with pytest.raises(Failure, match="no such file"):
        public_key("/nonexistent")


@pytest.mark.skipif(shutil.which("gpg") is None, reason="needs gpg")
def test_what_gpg_exports(tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    generate = ["--passphrase", "", "--quick-generate-key", "ann@example.org", "default", "default", "never"]
    subprocess.run([*gpg, *generate], check=True, capture_output=True)
    plain = subprocess.run([*gpg, "--export"], check=True, capture_output=True).stdout
    armor = subprocess.run([*gpg, "--export", "--armor"], check=True, capture_output=True).stdout
    (tmp_path / "ann.asc").write_bytes(armor)
    assert base64.b64decode(public_key(f"{tmp_path}/ann.asc")) == plain
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
