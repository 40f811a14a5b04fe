"""Whether a certificate was revoked: revocation lists (RFC 5280, 5) and OCSP (RFC 6960)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from strongroom.crypto.chain import issued
from strongroom.crypto.client_certificate import name_id

SKEW = timedelta(minutes=5)
"""By how much the clocks of others may be ahead."""

Standing = Literal["good", "revoked", "unknown"]


class BadList(ValueError):
    """No revocation list, or one that cannot be used."""


class BadAnswer(ValueError):
    """An answer of a responder that proves nothing; the words say why."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The serial numbers of a list, by the ID of the name that issued the certificates."""

    revoked: dict[str, list[int]]
    next_update: datetime | None


def read_list(data: bytes) -> RevocationList:
    """A revocation list, PEM or DER. Raises BadList. Takes seconds for hundreds of thousands of entries.

    Its signature is not verified: whoever may write it here may as well write what is in it. Of a delta what
    it adds is told, not what it takes back.
    """
    try:
        read = x509.load_pem_x509_crl if b"-----BEGIN" in data else x509.load_der_x509_crl
        found = read(data)
        return RevocationList(_by_issuer(found), found.next_update_utc)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion):
        raise BadList("failed to parse CRL") from None


def _by_issuer(found: x509.CertificateRevocationList) -> dict[str, list[int]]:
    """Entries of an indirect list name their issuer; those after one have the same (RFC 5280, 5.3.3)."""
    issuer = name_id(found.issuer)
    revoked: dict[str, list[int]] = {}
    for entry in found:
        for extension in entry.extensions:
            if isinstance(extension.value, x509.CertificateIssuer):
                names = extension.value.get_values_for_type(x509.DirectoryName)
                issuer = name_id(names[0]) if names else issuer
        if not _taken_back(entry):
            revoked.setdefault(issuer, []).append(entry.serial_number)
    return revoked


def _taken_back(entry: x509.RevokedCertificate) -> bool:
    """Whether an entry, of a delta, says that a certificate is on hold no more."""
    return any(
        isinstance(one.value, x509.CRLReason) and one.value.reason is x509.ReasonFlags.remove_from_crl
        for one in entry.extensions
    )


# -- OCSP ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a responder said of a certificate, and until when it stands by it."""

    standing: Standing
    until: datetime | None


def responders(certificate: x509.Certificate) -> list[str]:
    """The addresses of the responders that a certificate names."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [
        one.access_location.value
        for one in access
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    ]


def question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The request about a certificate, DER. SHA-1 only names the issuer here; all responders know it."""
    return _question(certificate, issuer, hashes.SHA1()).public_bytes(serialization.Encoding.DER)  # noqa: S303


def _question(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: hashes.HashAlgorithm
) -> ocsp.OCSPRequest:
    return ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm).build()


def judge(
    answer: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    trusted: Sequence[x509.Certificate] = (),
    now: datetime,
    max_age: int = 0,
) -> Verdict:
    """What an answer (DER) says of a certificate. Raises BadAnswer.

    It counts when the issuer signed it, or a responder that the issuer appointed, or one of ``trusted`` or
    a responder that they appointed; while it is current, and no older than ``max_age`` seconds, where
    that is not 0.
    """
    try:
        found = ocsp.load_der_ocsp_response(answer)
        _check_status(found)
        single = _about(found, certificate, issuer)
        _check_times(single, now, max_age)
        _check_signature(found, [issuer, *trusted], now)
    except BadAnswer:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion):
        raise BadAnswer("its answer cannot be read") from None
    return Verdict(_STANDINGS[single.certificate_status], single.next_update_utc)


_STANDINGS: dict[ocsp.OCSPCertStatus, Standing] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


def _check_status(found: ocsp.OCSPResponse) -> None:
    if found.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise BadAnswer(f"it answered {found.response_status.name.lower().replace('_', ' ')}")


def _about(
    found: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    for single in found.responses:
        if single.serial_number != certificate.serial_number:
            continue
        asked = _question(certificate, issuer, single.hash_algorithm)
        if (single.issuer_name_hash, single.issuer_key_hash) == (
            asked.issuer_name_hash,
            asked.issuer_key_hash,
        ):
            return single
    raise BadAnswer("its answer is about another certificate")


def _check_times(single: ocsp.OCSPSingleResponse, now: datetime, max_age: int) -> None:
    if single.this_update_utc > now + SKEW:
        raise BadAnswer("its answer is from the future")
    if single.next_update_utc is not None and single.next_update_utc < now:
        raise BadAnswer("its answer is out of date")
    if max_age and now - single.this_update_utc > timedelta(seconds=max_age):
        raise BadAnswer("its answer is too old")


def _check_signature(found: ocsp.OCSPResponse, trusted: Sequence[x509.Certificate], now: datetime) -> None:
    appointed = [
        one
        for one in found.certificates
        if _may_answer(one, now) and any(issued(one, authority) for authority in trusted)
    ]
    if not any(_has_signed(found, one) for one in (*trusted, *appointed)):
        raise BadAnswer("nobody who may has signed its answer")


def _may_answer(certificate: x509.Certificate, now: datetime) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return (
        ExtendedKeyUsageOID.OCSP_SIGNING in usage
        and certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    )


def _has_signed(found: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    key, algorithm = certificate.public_key(), found.signature_hash_algorithm
    signature, signed = found.signature, found.tbs_response_bytes
    try:
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        elif isinstance(algorithm, hashes.MD5 | hashes.SHA1) or algorithm is None:
            return False
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            return False
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
