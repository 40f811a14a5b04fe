"""A client's certificate, as roles ask about it: names, units, extensions, identifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from strongroom.crypto import chain
from strongroom.crypto.chain import Untrusted

MAX_BUNDLE = 100
"""Certificates that a role may name."""
_MAX_PEM = 1_000_000
_STRINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, as everybody reads it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1B: "ascii",  # GeneralString
    0x1E: "utf-16-be",  # BMPString
}
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----")


class NoCertificate(ValueError):
    """A text that does not hold the certificates it should."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a text of certificates trusts: authorities, and leaves that are trusted by themselves.

    A leaf at the beginning stands alone: what follows it is the chain it came with.
    """

    authorities: tuple[x509.Certificate, ...]
    leaves: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> str:
        """All of it, as PEM."""
        return "".join(
            one.public_bytes(serialization.Encoding.PEM).decode() for one in (*self.authorities, *self.leaves)
        )


@lru_cache(maxsize=512)
def trust(pem: str) -> Trust:
    """What a role's certificates trust. Raises NoCertificate."""
    found = bundle(pem)
    if not found:
        raise NoCertificate("failed to parse certificate")
    if not chain.is_authority(found[0]):
        found = found[:1]
    return Trust(
        tuple(one for one in found if chain.is_authority(one)),
        tuple(one for one in found if not chain.is_authority(one)),
    )


@lru_cache(maxsize=512)
def bundle(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM text, in their order. Raises NoCertificate when one cannot be read."""
    if len(pem) > _MAX_PEM:
        raise NoCertificate("too many certificates")
    blocks = [match[0] for match in _BLOCK.finditer(pem) if match[1] == "CERTIFICATE"]
    if len(blocks) > MAX_BUNDLE:
        raise NoCertificate("too many certificates")
    try:
        loaded = [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
        return tuple(chain.load(one.public_bytes(serialization.Encoding.DER)) for one in loaded)
    except (ValueError, TypeError, x509.InvalidVersion, Untrusted):
        raise NoCertificate("failed to parse certificate") from None


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a client showed: its leaf, and what it sent after it."""

    leaf: x509.Certificate
    sent: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, der: bytes, sent: tuple[bytes, ...]) -> ClientCertificate:
        """From what the listener hands over. Raises Untrusted.

        What cannot be read after the leaf is left out: it is only an offer.
        """
        others = []
        for one in sent[: chain.MAX_DEPTH]:
            try:
                others.append(chain.load(one))
            except Untrusted:
                continue
        return cls(chain.load(der), tuple(others))

    @property
    def common_name(self) -> str:
        """The common name of the subject; of several the last."""
        return (self._subject(NameOID.COMMON_NAME) or [""])[-1]

    @property
    def organizational_units(self) -> list[str]:
        """The units of the subject."""
        return self._subject(NameOID.ORGANIZATIONAL_UNIT_NAME)

    @property
    def dns_names(self) -> list[str]:
        """The alternative names that are hosts."""
        return self._alternatives(x509.DNSName)

    @property
    def emails(self) -> list[str]:
        """The alternative names that are mail addresses."""
        return self._alternatives(x509.RFC822Name)

    @property
    def uris(self) -> list[str]:
        """The alternative names that are URIs."""
        return self._alternatives(x509.UniformResourceIdentifier)

    @property
    def serial_number(self) -> str:
        """In decimal."""
        return str(self.leaf.serial_number)

    @property
    def subject_key_id(self) -> str:
        """In hex with colons; empty if the certificate has none."""
        try:
            return colons(
                self.leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            )
        except x509.ExtensionNotFound:
            return ""

    @property
    def authority_key_id(self) -> str:
        """In hex with colons; empty if the certificate has none."""
        try:
            found = self.leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        except x509.ExtensionNotFound:
            return ""
        return colons(found.key_identifier or b"")

    def extension(self, oid: str) -> bytes | None:
        """The value of an extension as it stands in the certificate (DER); None if it is not there."""
        for one in self.leaf.extensions:
            if one.oid.dotted_string == oid:
                value: bytes = one.value.public_bytes()
                return value
        return None

    def _subject(self, oid: x509.ObjectIdentifier) -> list[str]:
        values = [one.value for one in self.leaf.subject.get_attributes_for_oid(oid)]
        return [one for one in values if isinstance(one, str)]

    def _alternatives(
        self, kind: type[x509.DNSName | x509.RFC822Name | x509.UniformResourceIdentifier]
    ) -> list[str]:
        try:
            names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return [one.value for one in names if isinstance(one, kind)]


def text_of(value: bytes) -> str | None:
    """The text in the DER of a string; None for DER of anything else."""
    if len(value) < 2 or value[0] not in _STRINGS:
        return None
    start, size = 2, value[1]
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(value[2:start], "big")
    if start + size != len(value):
        return None
    try:
        return value[start:].decode(_STRINGS[value[0]])
    except UnicodeDecodeError:
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of all its bytes, in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def name_id(name: x509.Name) -> str:
    """A name of any length as something to look up by."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(name.public_bytes())
    return digest.finalize().hex()


def colons(data: bytes) -> str:
    """Octets in hex with colons."""
    return data.hex(":")
