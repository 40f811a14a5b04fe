"""Certificate revocation lists (RFC 5280), with as many entries as there are.

The entries are encoded here, in portions, because the library holds up all threads while it encodes them
all. What stands around them is the library's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from strongroom.crypto import der, signing_key
from strongroom.crypto.certificate import UNREADABLE, Certificate, is_der, serial_text
from strongroom.crypto.der import SEQUENCE, element, value_at
from strongroom.crypto.signing_key import SigningKey

_INTEGER, _BIT_STRING = 0x02, 0x03
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_EXTENSIONS = 0xA0
_UTC_FROM, _GENERALIZED_FROM = 1950, 2050
_LIMIT = 64 * 1024 * 1024


RESERVED = frozenset({"2.5.29.20", "2.5.29.27", "2.5.29.35"})
"""Extensions that a list is given by who signs it: its number, its base, and whose key it was."""

Extensions = tuple[tuple[str, bool, bytes], ...]
"""Each by object identifier, whether it is critical, and value in DER."""


def entries(revoked: Iterable[tuple[str, int]]) -> bytes:
    """Entries of a list, encoded: serial numbers as hex with colons, and seconds since the epoch."""
    return b"".join([_entry(bytes.fromhex(serial.replace(":", "")), when) for serial, when in revoked])


def entry(serial: str, when: int, more: Extensions) -> bytes:
    """An entry that says more, encoded. Raises ValueError for extensions that cannot be."""
    plain = _entry(bytes.fromhex(serial.replace(":", "")), when)
    return element(SEQUENCE, value_at(plain, 0)[0] + der.extensions(more)) if more else plain


def _entry(serial: bytes, when: int) -> bytes:
    serial = serial.lstrip(b"\0")
    if not serial or serial[0] & 0x80:
        serial = b"\0" + serial
    time = _time(when)
    return bytes((SEQUENCE, len(serial) + len(time) + 2, _INTEGER, len(serial))) + serial + time


@lru_cache(maxsize=1024)
def _time(seconds: int) -> bytes:
    moment = datetime.fromtimestamp(seconds, UTC)
    rest = moment.strftime("%m%d%H%M%SZ")
    if _UTC_FROM <= moment.year < _GENERALIZED_FROM:
        return bytes((_UTC_TIME, 13)) + f"{moment.year % 100:02d}{rest}".encode()
    return bytes((_GENERALIZED_TIME, 15)) + f"{moment.year:04d}{rest}".encode()


def sign(
    listed: bytes,
    key: SigningKey,
    issuer: Certificate,
    *,
    number: int,
    this_update: int,
    next_update: int,
    base: int | None = None,
    algorithm: str = "",
    more: Extensions = (),
) -> bytes:
    """The list in DER. ``listed`` are encoded entries; ``base`` makes it a delta of the list of that number.

    ``more`` are further extensions, none of them :data:`RESERVED`. ``algorithm`` is how RSA and elliptic
    curves sign, as SHA384WithRSAPSS. Times are seconds since the epoch.
    """
    bits = next((bits for bits in (256, 384, 512) if f"SHA{bits}" in algorithm), 0)
    digest = signing_key.digest_for(key, bits)
    pss = signing_key.pss_for(key, digest) if algorithm.endswith("PSS") else None
    numbers: list[x509.ExtensionType] = [
        x509.AuthorityKeyIdentifier(issuer.subject_key_id, None, None),
        x509.CRLNumber(number),
    ]
    extensions: list[x509.Extension[x509.ExtensionType]] = [
        x509.Extension(value.oid, False, value) for value in numbers
    ]
    if base is not None:
        indicator = x509.DeltaCRLIndicator(base)
        extensions.append(x509.Extension(indicator.oid, True, indicator))
    for dotted, critical, value in more:
        oid = x509.ObjectIdentifier(dotted)
        extensions.append(x509.Extension(oid, critical, x509.UnrecognizedExtension(oid, value)))
    builder = x509.CertificateRevocationListBuilder(
        issuer.parsed.subject,
        datetime.fromtimestamp(this_update, UTC),
        datetime.fromtimestamp(next_update, UTC),
        extensions,
    )
    empty = builder.sign(key, digest, rsa_padding=pss)  # type: ignore[arg-type]  # by kind
    if not listed:
        return empty.public_bytes(serialization.Encoding.DER)
    return _filled(empty, listed, key, digest, pss)


def _filled(
    empty: x509.CertificateRevocationList,
    listed: bytes,
    key: SigningKey,
    digest: hashes.HashAlgorithm | None,
    pss: padding.PSS | None,
) -> bytes:
    body, _ = value_at(empty.tbs_certlist_bytes, 0)
    position, algorithm = 0, b""
    while position < len(body) and body[position] != _EXTENSIONS:
        _, end = value_at(body, position)
        if body[position] == SEQUENCE and not algorithm:
            algorithm = body[position:end]
        position = end
    tbs = element(SEQUENCE, body[:position] + element(SEQUENCE, listed) + body[position:])
    signature = _signature(tbs, key, digest, pss)
    return element(SEQUENCE, tbs + algorithm + element(_BIT_STRING, b"\0" + signature))


def _signature(
    tbs: bytes, key: SigningKey, digest: hashes.HashAlgorithm | None, pss: padding.PSS | None
) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(tbs, pss or padding.PKCS1v15(), digest)  # type: ignore[arg-type]  # RSA has one
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(tbs, ec.ECDSA(digest))  # type: ignore[arg-type]  # as has ECDSA
    return key.sign(tbs)


class RevocationList:
    """A list that was read."""

    def __init__(self, parsed: x509.CertificateRevocationList) -> None:
        self.parsed = parsed

    @property
    def revoked(self) -> list[tuple[str, int]]:
        """Serial numbers as hex with colons, and when each was revoked, in seconds since the epoch."""
        return [
            (serial_text(one.serial_number), int(one.revocation_date_utc.timestamp())) for one in self.parsed
        ]

    @property
    def entries(self) -> list[tuple[str, int, Extensions]]:
        """Serial numbers, times, and what else is said of each. Raises ValueError for what is unreadable."""
        found = []
        try:
            for one in self.parsed:
                said = tuple(
                    (e.oid.dotted_string, e.critical, e.value.public_bytes()) for e in one.extensions
                )
                when = int(one.revocation_date_utc.timestamp())
                found.append((serial_text(one.serial_number), when, said))
        except (*UNREADABLE, NotImplementedError):
            raise ValueError("the list has an entry that cannot be read") from None
        return found

    @property
    def validity(self) -> tuple[float, float]:
        """From when until when it is valid, in seconds since the epoch."""
        end = self.parsed.next_update_utc
        return self.parsed.last_update_utc.timestamp(), end.timestamp() if end is not None else float("inf")

    def is_of(self, issuer: Certificate) -> bool:
        """Whether the key of that certificate signed the list, which names its subject as issuer."""
        if self.parsed.issuer != issuer.parsed.subject:
            return False
        try:
            return self.parsed.is_signature_valid(issuer.public_key)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return False


def load(data: bytes) -> RevocationList:
    """The list in a PEM text or in DER. Raises ValueError for what is none."""
    if len(data) > _LIMIT:
        raise ValueError("this is too long for a revocation list")
    read = x509.load_der_x509_crl if is_der(data) else x509.load_pem_x509_crl
    try:
        return RevocationList(read(data))
    except UNREADABLE:
        raise ValueError("this is no revocation list that can be read") from None
