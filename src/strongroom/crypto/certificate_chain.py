"""Certificates of keys that are kept elsewhere: requests for them, and chains of them.

RFC 2986 (requests) and RFC 5280 (certificates).
"""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from strongroom.crypto.private_key import PrivateKey, PublicKey, public_der

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
LONGEST_CHAIN = 20


def pem(der: bytes) -> str:
    """A certificate as PEM."""
    lines = re.findall(".{1,64}", base64.b64encode(der).decode())
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))


def request(key: PrivateKey, template: str = "") -> str:
    """A signed request for a certificate of the key, PEM; subject and extensions as in ``template``.

    Raises ValueError for a template that is none.
    """
    builder = x509.CertificateSigningRequestBuilder()
    if not template:
        builder = builder.subject_name(x509.Name(()))
    else:
        if "-----BEGIN" not in template:
            raise ValueError("could not decode PEM CSR")
        try:
            wanted = x509.load_pem_x509_csr(template.encode())
            builder = builder.subject_name(wanted.subject)
            for extension in wanted.extensions:
                builder = builder.add_extension(extension.value, critical=extension.critical)
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion):
            raise ValueError("this is no certificate request that can be read") from None
    made = builder.sign(key, _hash(key))
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _hash(key: PrivateKey) -> Any:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256:
        return hashes.SHA384() if key.key_size == 384 else hashes.SHA512()
    return hashes.SHA256()


def chain(text: str) -> list[bytes]:
    """The certificates of a PEM text, DER, each checked to be one. Raises ValueError."""
    if not text.strip():
        raise ValueError("provided certificate chain did not contain any valid PEM encoded certificate")
    blocks = _blocks(text)
    found = []
    for block in blocks:
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise ValueError("the chain holds a certificate that cannot be read") from None
        found.append(certificate.public_bytes(serialization.Encoding.DER))
    return found


def _blocks(text: str) -> list[str]:
    """The certificates of a text, each from its first to its last line; what people read stands before them.

    Raises ValueError.
    """
    blocks: list[str] = []
    at, text = 0, text.strip()
    while at < len(text):
        start = text.find(_BEGIN, at)
        end = text.find(_END, start) if start >= 0 else -1
        if end < 0:
            raise ValueError("could not decode a PEM block in the certificate chain")
        if len(blocks) == LONGEST_CHAIN:
            raise ValueError("the certificate chain is too long")
        at = end + len(_END)
        blocks.append(text[start:at])
    return blocks


def certifies(der: bytes, key: PublicKey) -> bool:
    """Whether a certificate is one of this public key."""
    public = x509.load_der_x509_certificate(der).public_key()
    if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return False
    return public_der(public) == public_der(key)


def linked(chain_: list[bytes]) -> bool:
    """Whether each certificate of a chain was issued by the next."""
    certificates = [x509.load_der_x509_certificate(der) for der in chain_]
    for one, issuer in pairwise(certificates):
        try:
            one.verify_directly_issued_by(issuer)
        except Exception:  # noqa: BLE001  whatever is wrong with it, it is not linked
            return False
    return True
