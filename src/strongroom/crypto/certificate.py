"""Certificates: read and judged."""

from __future__ import annotations

import base64
import re
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from strongroom.crypto import alternative_names, distinguished_name, signing_key
from strongroom.crypto.alternative_names import AlternativeNames
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import VerifyingKey

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for what cannot be read."""

LONGEST = 256 * 1024
"""Octets that a certificate may have."""
_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END")
_VERSION, _INTEGER = 0xA0, 0x02

_SIGNATURES = {
    "1.2.840.113549.1.1.11": "SHA256WithRSA",
    "1.2.840.113549.1.1.12": "SHA384WithRSA",
    "1.2.840.113549.1.1.13": "SHA512WithRSA",
    "1.2.840.10045.4.3.2": "ECDSAWithSHA256",
    "1.2.840.10045.4.3.3": "ECDSAWithSHA384",
    "1.2.840.10045.4.3.4": "ECDSAWithSHA512",
    "1.3.101.112": "Ed25519",
    "2.16.840.1.101.3.4.3.17": "MLDSA44",
    "2.16.840.1.101.3.4.3.18": "MLDSA65",
    "2.16.840.1.101.3.4.3.19": "MLDSA87",
}
_PSS = "1.2.840.113549.1.1.10"


class Certificate:
    """A certificate that was read: what it says, without what its library calls it."""

    def __init__(self, parsed: x509.Certificate) -> None:
        self.parsed = parsed

    @cached_property
    def der(self) -> bytes:
        """The certificate itself."""
        return self.parsed.public_bytes(serialization.Encoding.DER)

    @cached_property
    def pem(self) -> str:
        """The certificate as PEM, without a line's end at the end."""
        text = base64.b64encode(self.der).decode()
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"))

    @cached_property
    def serial(self) -> str:
        """The serial number as hex with colons."""
        return serial_text(self.parsed.serial_number)

    @cached_property
    def not_before(self) -> int:
        """Seconds since the epoch."""
        return int(self.parsed.not_valid_before_utc.timestamp())

    @cached_property
    def not_after(self) -> int:
        """Seconds since the epoch."""
        return int(self.parsed.not_valid_after_utc.timestamp())

    @cached_property
    def subject(self) -> Subject:
        """What the engine knows of the subject."""
        return distinguished_name.subject_of(self.parsed.subject)

    @cached_property
    def subject_der(self) -> bytes:
        """The subject's name as it stands there."""
        return self.parsed.subject.public_bytes()

    @cached_property
    def issuer_der(self) -> bytes:
        """The issuer's name as it stands there."""
        return self.parsed.issuer.public_bytes()

    @property
    def subject_text(self) -> str:
        """The subject as RFC 4514 writes it."""
        return self.parsed.subject.rfc4514_string()

    @property
    def issuer_text(self) -> str:
        """The issuer as RFC 4514 writes it."""
        return self.parsed.issuer.rfc4514_string()

    @cached_property
    def public_key(self) -> VerifyingKey:
        """Raises ValueError for a key of a kind that is not served."""
        try:
            key = self.parsed.public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("the key of the certificate is of a kind that is not served") from None
        signing_key.kind_of(key)
        return key  # type: ignore[return-value]  # kind_of looked at it

    @cached_property
    def public_der(self) -> bytes:
        """The public key as SubjectPublicKeyInfo."""
        return signing_key.public_der(self.public_key)

    @cached_property
    def subject_key_id(self) -> bytes:
        """The identifier that it brings, or that of its key."""
        found = self._extension(x509.SubjectKeyIdentifier)
        if isinstance(found, x509.SubjectKeyIdentifier):
            return found.digest
        return signing_key.key_identifier(self.public_key)

    @cached_property
    def authority_key_id(self) -> bytes:
        """The identifier of the issuer's key; empty where it is not told."""
        found = self._extension(x509.AuthorityKeyIdentifier)
        return (found.key_identifier or b"") if isinstance(found, x509.AuthorityKeyIdentifier) else b""

    @cached_property
    def is_ca(self) -> bool:
        """Whether it may sign others."""
        found = self._extension(x509.BasicConstraints)
        return isinstance(found, x509.BasicConstraints) and found.ca

    @cached_property
    def path_length(self) -> int | None:
        """How many authorities may follow below; None where that is not bounded."""
        found = self._extension(x509.BasicConstraints)
        return found.path_length if isinstance(found, x509.BasicConstraints) else None

    @cached_property
    def may_sign_crls(self) -> bool:
        """Whether its key usage, where there is one, lets it sign CRLs."""
        found = self._extension(x509.KeyUsage)
        return not isinstance(found, x509.KeyUsage) or found.crl_sign

    @cached_property
    def alternative_names(self) -> AlternativeNames:
        """The names of the subject. Raises ValueError for kinds that cannot be judged."""
        found = self._extension(x509.SubjectAlternativeName)
        if not isinstance(found, x509.SubjectAlternativeName):
            return AlternativeNames()
        return alternative_names.names_of(found)

    @property
    def dns_names(self) -> list[str]:
        """The DNS names of the subject."""
        found = self._extension(x509.SubjectAlternativeName)
        if not isinstance(found, x509.SubjectAlternativeName):
            return []
        return found.get_values_for_type(x509.DNSName)

    @property
    def signature_algorithm(self) -> str:
        """The algorithm it is signed with, by the name that APIs use; empty where it has none."""
        oid = self.parsed.signature_algorithm_oid.dotted_string
        if oid == _PSS and isinstance(self.parsed.signature_hash_algorithm, hashes.HashAlgorithm):
            return f"{self.parsed.signature_hash_algorithm.name.upper()}WithRSAPSS"
        return _SIGNATURES.get(oid, "")

    def issued(self, other: Certificate) -> bool:
        """Whether the key of this certificate signed the other one, which names its subject as issuer."""
        if other.issuer_der != self.subject_der:
            return False
        try:
            other.parsed.verify_directly_issued_by(self.parsed)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            return False
        return True

    @cached_property
    def is_self_signed(self) -> bool:
        """Whether it is signed by its own key."""
        return self.issued(self)

    def _extension(self, kind: type[x509.ExtensionType]) -> x509.ExtensionType | None:
        try:
            return self.parsed.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None


def serial_text(number: int) -> str:
    """A serial number as APIs write it: hex of its octets, with colons."""
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big").hex(":")


def serial_number(text: str) -> int:
    """The number of a serial written with colons or hyphens. Raises ValueError."""
    return int(text.replace(":", "").replace("-", ""), 16)


def load(data: bytes) -> Certificate:
    """The certificate in a PEM text or in DER, with all that it says readable.

    Raises ValueError for what is none, for serial numbers that are not positive, and for extensions that
    come twice.
    """
    if len(data) > 2 * LONGEST:  # as PEM it is longer
        raise ValueError("this is too long for a certificate")
    try:
        der = data if is_der(data) else _unwrapped(data)
        if len(der) > LONGEST or not _has_positive_serial(der):  # the library would only warn of it
            raise ValueError("not positive")
        certificate = Certificate(x509.load_der_x509_certificate(der))
        certificate.parsed.extensions  # noqa: B018  reads them all, which raises for what is amiss
        _ = certificate.not_after, certificate.not_before
    except (*UNREADABLE, IndexError):
        raise ValueError("this is no certificate that can be read") from None
    return certificate


def is_der(data: bytes) -> bool:
    """Whether the data are one long element in DER, whatever texts stand in it; else they may be PEM."""
    return data[:1] == b"\x30" and data[1:2] >= b"\x80"


def _unwrapped(data: bytes) -> bytes:
    """The octets of the first PEM block. Raises ValueError."""
    found = _PEM.search(data)
    if found is None:
        raise ValueError("no PEM block")
    return base64.b64decode(b"".join(found[1].split()), validate=True)


def _has_positive_serial(der: bytes) -> bool:
    """Whether the first integer of a certificate, but for its version, is above 0. Raises IndexError."""
    position = _inside(der, _inside(der, 0))
    if der[position] == _VERSION:
        position += 2 + der[position + 1]
    start = _inside(der, position)
    return der[position] == _INTEGER and der[start] < 0x80 and any(der[start : start + der[position + 1]])


def _inside(der: bytes, position: int) -> int:
    """Where the contents of the element at a position begin."""
    size = der[position + 1]
    return position + 2 + (size & 0x7F if size & 0x80 else 0)


@lru_cache(maxsize=256)
def cached(der: bytes) -> Certificate:
    """A certificate of an authority, read once as long as it is in use."""
    return load(der)
