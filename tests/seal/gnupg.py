"""GnuPG as the other side: what the keepers of shares really use."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

gnupg = pytest.mark.skipif(shutil.which("gpg") is None, reason="GnuPG is not installed")


class GnuPG:
    """One keeper's key ring."""

    def __init__(self, home: Path, algorithm: str) -> None:
        self.env = os.environ | {"GNUPGHOME": str(home)}
        signing, encryption = {"rsa": ("rsa2048", "rsa2048"), "ed25519": ("ed25519", "cv25519")}[algorithm]
        self.run("--quick-generate-key", "keeper@example.com", signing, "sign", "never")
        listing = self.run("--with-colons", "--list-keys").decode()
        self.fingerprint = next(
            line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr")
        ).lower()
        self.signing_only = self.run("--export")
        self.run("--quick-add-key", self.fingerprint, encryption, "encr", "never")
        self.binary = base64.b64encode(self.run("--export")).decode()
        self.armored = self.run("--armor", "--export").decode()

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
        return subprocess.run(command, env=self.env, input=stdin, capture_output=True, check=True).stdout

    def decrypt(self, message: bytes) -> str:
        return self.run("--decrypt", stdin=message).decode()


@contextmanager
def keyring(algorithm: str) -> Iterator[GnuPG]:
    """In a short path: GnuPG's agent listens on a socket there, whose name has a limit."""
    with tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp") as home:
        ring = GnuPG(Path(home), algorithm)
        yield ring
        subprocess.run(["gpgconf", "--kill", "all"], env=ring.env, check=False, capture_output=True)
