"""PEM texts that hold several things."""

from __future__ import annotations

import base64

from strongroom.crypto import certificate, signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.signing_key import SigningKey

_MOST_BLOCKS = 100


def blocks(text: str) -> tuple[list[Certificate], list[SigningKey]]:
    """The certificates and private keys in a PEM text. Raises ValueError for others, and for none."""
    found = _blocks(text)
    if not found:
        raise ValueError("the text holds no PEM data")
    certificates: list[Certificate] = []
    keys: list[SigningKey] = []
    for kind, data in found:
        if kind == "CERTIFICATE":
            certificates.append(certificate.load(data))
        elif kind.endswith("PRIVATE KEY"):
            keys.append(signing_key.load(data))
        elif kind != "EC PARAMETERS":
            raise ValueError("the bundle holds something besides certificates and private keys")
    return certificates, keys


def _blocks(text: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    rest = text
    while (start := rest.find("-----BEGIN ")) >= 0:
        kind, marked, _ = rest[start + 11 :].partition("-----")
        end = f"-----END {kind}-----"
        stop = rest.find(end, start)
        if not marked or "\n" in kind or stop < 0 or len(found) >= _MOST_BLOCKS:
            raise ValueError("the PEM text is damaged, or longer than it may be")
        found.append((kind, rest[start : stop + len(end)].encode()))
        rest = rest[stop + len(end) :]
    return found


def encode(label: str, der: bytes) -> str:
    """DER as PEM, without a line's end at the end."""
    body = base64.b64encode(der).decode()
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))
