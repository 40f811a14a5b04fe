"""A certificate that stands in a rendered file already, so that a start need not ask for another."""

from __future__ import annotations

import re
import time
from pathlib import Path

from strongroom.template import Certificate

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\n.*?\n-----END \1-----\n?", re.DOTALL)
LEFT = 0.13
"""The part of its life that a certificate needs to have before it to be used again."""


def certificate_at(path: Path) -> Certificate | None:
    """The certificate and key in a file; None without both, or when it ends soon."""
    from strongroom.crypto.lifespan import lifespan  # noqa: PLC0415  few templates need it

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    blocks = [(found[1], found[0].rstrip("\n") + "\n") for found in _PEM.finditer(text)]
    certificates = [block for kind, block in blocks if kind == "CERTIFICATE"]
    keys = [block for kind, block in blocks if kind.endswith("PRIVATE KEY")]
    if not certificates or not keys:
        return None
    life = lifespan(certificates[0])
    if life is None or life.ends - time.time() < (life.ends - life.begins) * LEFT:
        return None
    rest = certificates[1:]
    return Certificate(cert=certificates[0], key=keys[0], ca=rest[0] if rest else "", ca_chain=rest)
