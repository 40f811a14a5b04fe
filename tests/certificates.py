"""Certificates of any shape, revocation lists and OCSP answers, for tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.listener.authority import Issued

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


@dataclass
class Shape:
    """What a certificate is to say; days count from now."""

    ca: bool = False
    usages: Sequence[x509.ObjectIdentifier] = (CLIENT,)
    names: Sequence[x509.GeneralName] = ()
    units: Sequence[str] = ()
    begins: float = -1
    ends: float = 30
    depth: int | None = None
    serial: int = 0
    further: Sequence[tuple[x509.ExtensionType, bool]] = ()
    identifiers: bool = True


def certificate(name: str, issuer: Issued | None = None, **shape: object) -> Issued:
    """A certificate with that common name, self-signed without ``issuer``; see :class:`Shape`."""
    wanted = Shape(**shape)  # type: ignore[arg-type]
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    parts += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in wanted.units]
    subject = x509.Name(parts)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(wanted.serial or x509.random_serial_number())
        .not_valid_before(NOW + dt.timedelta(days=wanted.begins))
        .not_valid_after(NOW + dt.timedelta(days=wanted.ends))
    )
    signer = issuer.key if issuer else key
    for extension, critical in _extensions(wanted, key, signer):
        builder = builder.add_extension(extension, critical=critical)
    return Issued(builder.sign(signer, hashes.SHA256()), key, issuer)


def _extensions(
    wanted: Shape, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=wanted.ca, path_length=wanted.depth), True)
    ]
    if wanted.names:
        found.append((x509.SubjectAlternativeName(wanted.names), False))
    if wanted.usages and not wanted.ca:
        found.append((x509.ExtendedKeyUsage(wanted.usages), False))
    if wanted.identifiers:
        found.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    return [*found, *wanted.further]


def text_extension(oid: str, text: str) -> tuple[x509.ExtensionType, bool]:
    """An extension of one's own, whose value is a UTF-8 string."""
    return raw_extension(oid, bytes((0x0C, len(text.encode()))) + text.encode())


def raw_extension(oid: str, value: bytes, *, critical: bool = False) -> tuple[x509.ExtensionType, bool]:
    """An extension of one's own with any value."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical


def authority_access(url: str) -> tuple[x509.ExtensionType, bool]:
    """Where a certificate's OCSP responder is."""
    method = x509.oid.AuthorityInformationAccessOID.OCSP
    described = x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
    return x509.AuthorityInformationAccess([described]), False


def revocation_list(
    issuer: Issued, *revoked: Issued, ends: float = 1, further: Sequence[tuple[x509.ExtensionType, bool]] = ()
) -> x509.CertificateRevocationList:
    """A list of the issuer's on which these certificates stand."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW - dt.timedelta(days=1))
        .next_update(NOW + dt.timedelta(days=ends))
    )
    for extension, critical in further:
        builder = builder.add_extension(extension, critical=critical)
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(NOW)
            .build()
        )
    return builder.sign(issuer.key, hashes.SHA256())


@dataclass
class Responder:
    """Makes OCSP answers. ``signer`` is the issuer itself, or somebody who answers for it."""

    issuer: Issued
    signer: Issued
    revoked: frozenset[int] = frozenset()
    unknown: frozenset[int] = frozenset()
    began: float = -0.01
    lasts: float | None = 1

    def answer(self, asked: bytes) -> bytes:
        """The answer (DER) to a request (DER)."""
        serial = ocsp.load_der_ocsp_request(asked).serial_number
        status = ocsp.OCSPCertStatus.GOOD
        if serial in self.revoked:
            status = ocsp.OCSPCertStatus.REVOKED
        elif serial in self.unknown:
            status = ocsp.OCSPCertStatus.UNKNOWN
        return self.about(serial, status)

    def about(self, serial: int, status: ocsp.OCSPCertStatus) -> bytes:
        """An answer about a certificate of the issuer's."""
        began = NOW + dt.timedelta(days=self.began)
        subject = certificate("any", self.issuer, serial=serial).certificate
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=subject,
            issuer=self.issuer.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=began,
            next_update=None if self.lasts is None else began + dt.timedelta(days=self.lasts),
            revocation_time=NOW if status is ocsp.OCSPCertStatus.REVOKED else None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.signer.certificate)
        if self.signer is not self.issuer:
            builder = builder.certificates([self.signer.certificate])
        return builder.sign(self.signer.key, hashes.SHA256()).public_bytes(DER)
