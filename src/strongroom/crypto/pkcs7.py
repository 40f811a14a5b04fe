"""Certificates as PKCS #7 (RFC 2315) has them: a message that nobody signed, and nothing but certificates."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from strongroom.crypto.certificate import Certificate


def certificates_only(certificates: Iterable[Certificate]) -> bytes:
    """The certificates, in DER."""
    parsed = [one.parsed for one in certificates]
    return pkcs7.serialize_certificates(parsed, serialization.Encoding.DER)
