"""Planted secrets: whatever a test plants must never turn up in a log, an audit line or a storage file.

A test takes a secret from ``canary()`` (or hands one it got from the server to ``canary.watch``) and
uses it as any secret. When the session ends every file of every Strongroom server that the fixtures
started is searched for it: as it is, in base64 at each of the three alignments, and in hex. A test that
wants secrets in the clear (``log_raw``, the development server's printed keys) plants no canary there.
"""

from __future__ import annotations

import base64
import re
import secrets
from pathlib import Path


class Canaries:
    """The session's one list of planted secrets, and the folders to search."""

    def __init__(self) -> None:
        self.planted: list[str] = []
        self.folders: list[Path] = []

    def __call__(self) -> str:
        """A new secret, planted."""
        return self.watch(f"canary-{secrets.token_hex(12)}")

    def watch(self, secret: str) -> str:
        """Plant a secret that came from elsewhere; 16 characters or more, so not there by chance."""
        if len(secret) < 16:
            raise ValueError("too short to be recognised")
        self.planted.append(secret)
        return secret

    def findings(self) -> list[str]:
        """Files in which a planted secret stands, without repeating the secret."""
        if not self.planted:
            return []
        pattern = re.compile(b"|".join(re.escape(form) for secret in self.planted for form in forms(secret)))
        files = [file for folder in self.folders for file in sorted(folder.rglob("*")) if file.is_file()]
        return [str(file) for file in files if pattern.search(file.read_bytes())]


def forms(secret: str) -> list[bytes]:
    """The secret as it may be written: plain, hex, and base64 whatever stands before it."""
    raw = secret.encode()
    found = [raw, raw.hex().encode()]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        # The first and last groups mix with their neighbours; only the middle is the secret's own.
        found.append(text[4 if shift else 0 : -4])
    return found
