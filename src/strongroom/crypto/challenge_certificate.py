"""Certificates that only show that somebody holds a name (RFC 8737): for whom, and what they prove."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_OCTETS = b"\x04\x20"
"""How the extension's value begins: 32 octets in DER."""


def read(der: bytes) -> tuple[list[str], bytes]:
    """The names and addresses that a certificate is for, and the digest in it.

    Raises ValueError, saying what it lacks.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        proof = extensions.get_extension_for_oid(IDENTIFIER)
    except x509.ExtensionNotFound:
        raise ValueError("the certificate lacks names or the digest of the key authorization") from None
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ):
        raise ValueError("the certificate cannot be read") from None
    if not proof.critical or not isinstance(proof.value, x509.UnrecognizedExtension):
        raise ValueError("the extension with the digest is not critical")
    value = proof.value.value
    if len(value) != 34 or not value.startswith(_OCTETS):
        raise ValueError("the extension of the certificate has no digest")
    return [str(name.value).lower() for name in names], value[2:]
