"""Chains of certificates, from a client's leaf to an authority that is trusted (RFC 5280, 6).

The TLS listener has verified a chain already, but for all methods and roles together, and a certificate
that a proxy passes on was verified by nobody. So each role judges anew, against its own authorities.

What is checked: signatures, times, who may sign for whom, how deep, for which names and which use. What
is unknown and critical refuses. The work is bounded whatever a client sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from strongroom.crypto import name_constraint

E = TypeVar("E", bound=x509.ExtensionType)

Chain = tuple[x509.Certificate, ...]
"""From the leaf to what is trusted."""

MAX_DEPTH = 10
"""Certificates in a chain, both ends included."""
_MAX_SIGNATURES = 64
_RSA_BITS = (2048, 16384)
_WEAK = (hashes.MD5, hashes.SHA1)
_HANDLED = frozenset(
    (
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
    )
)


class Untrusted(Exception):
    """No chain; the words say why, and nothing of what was sent."""


class NoIssuer(Untrusted):
    """Nothing that is trusted has issued this."""


def load(der: bytes) -> x509.Certificate:
    """The certificate in DER. Raises Untrusted for what is none, or cannot be read to its end."""
    if not _is_numbered(der):
        raise Untrusted("the certificate cannot be read")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key()
        _ = certificate.serial_number, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion):
        raise Untrusted("the certificate cannot be read") from None
    return certificate


def _is_numbered(der: bytes) -> bool:
    """Whether a serial number above 0 stands where it has to (RFC 5280, 4.1); the library takes any."""
    try:
        at = _content(der, _content(der, 0))
        if der[at] == 0xA0:  # the version
            at = _content(der, at) + der[at + 1]
        return der[at] == 0x02 and int.from_bytes(der[_content(der, at) :][: der[at + 1]], signed=True) > 0
    except IndexError:
        return False


def _content(der: bytes, at: int) -> int:
    """Where the content of a value begins."""
    length = der[at + 1]
    return at + 2 + (length & 0x7F if length & 0x80 else 0)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate says of itself that it may issue others."""
    found = _extension(certificate, x509.BasicConstraints)
    return found is not None and found.ca


def allows_clients(certificate: x509.Certificate) -> bool:
    """Whether a TLS client may show it: its extended key usage says so, or says nothing."""
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    return usage is None or not {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }.isdisjoint(usage)


def check_leaf(leaf: x509.Certificate, now: datetime) -> None:
    """Raise Untrusted unless a client may show this certificate now; who issued it is not asked."""
    _check_every(leaf, now)
    _check_client(leaf)


def chains(
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    now: datetime,
) -> list[Chain]:
    """Every chain from ``leaf`` to something trusted that is good now, with what the client sent between.

    Raises NoIssuer when none leads there, and Untrusted with what is wrong with those that do.
    """
    good: list[Chain] = []
    reason = ""
    for chain in _paths((leaf,), sent, trusted, _Budget(_MAX_SIGNATURES)):
        try:
            _check(chain, now)
        except Untrusted as error:
            reason = reason or str(error)
        else:
            good.append(chain)
    if good:
        return good
    if reason:
        raise Untrusted(reason)
    raise NoIssuer("no trusted authority has issued the certificate")


class _Budget:
    """Signatures that may still be verified: a client could send certificates that all seem to fit."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def _paths(
    chain: Chain, sent: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], budget: _Budget
) -> Iterator[Chain]:
    last = chain[-1]
    if last in trusted:
        yield chain
        return
    if len(chain) >= MAX_DEPTH:
        return
    for issuer in _issuers(last, trusted, budget):
        if issuer not in chain:
            yield (*chain, issuer)
    for issuer in _issuers(last, sent, budget):
        if issuer not in chain and issuer not in trusted:
            yield from _paths((*chain, issuer), sent, trusted, budget)


def _issuers(
    certificate: x509.Certificate, among: Iterable[x509.Certificate], budget: _Budget
) -> Iterator[x509.Certificate]:
    for candidate in among:
        if candidate.subject == certificate.issuer and budget.spend() and issued(certificate, candidate):
            yield candidate


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key are those that signed."""
    try:
        if isinstance(certificate.signature_hash_algorithm, _WEAK):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check(chain: Chain, now: datetime) -> None:
    for certificate in chain:
        _check_every(certificate, now)
    _check_client(chain[0])
    for depth, issuer in enumerate(chain[1:], 1):
        _check_issuer(issuer, chain[1:depth])
    try:
        name_constraint.check(chain)
    except name_constraint.Forbidden as error:
        raise Untrusted(str(error)) from None


def _check_every(certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc or now > certificate.not_valid_after_utc:
        raise Untrusted("certificate has expired or is not yet valid")
    unknown = [one for one in certificate.extensions if one.critical and one.oid not in _HANDLED]
    if unknown:
        raise Untrusted("certificate has a critical extension that is not known")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        raise Untrusted("certificate has an RSA key of a size that is not accepted")


def _check_client(leaf: x509.Certificate) -> None:
    usage = _extension(leaf, x509.KeyUsage)
    signs = usage is None or usage.digital_signature or usage.key_agreement
    # An authority that shows its own certificate needs no more than to be trusted itself.
    if not allows_clients(leaf) or not (signs or is_authority(leaf)):
        raise Untrusted("certificate specifies an incompatible key usage")


def _check_issuer(issuer: x509.Certificate, below: Chain) -> None:
    """``below`` are the authorities between it and the leaf."""
    constraints = _extension(issuer, x509.BasicConstraints)
    usage = _extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        raise Untrusted("an issuer of the certificate may not issue certificates")
    longest = constraints.path_length
    if longest is not None and sum(one.issuer != one.subject for one in below) > longest:
        raise Untrusted("too many intermediates for path length constraint")
    if not allows_clients(issuer):
        raise Untrusted("certificate specifies an incompatible key usage")


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def moment(now: int) -> datetime:
    """Nanoseconds since the epoch as a time of the calendar."""
    return datetime.fromtimestamp(now // 1_000_000_000, UTC)
