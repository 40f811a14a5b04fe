"""OCSP (RFC 6960): questions read, answers signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from strongroom.crypto import signing_key
from strongroom.crypto.certificate import Certificate, serial_text
from strongroom.crypto.certificate_plan import Authority

_LIMIT = 2048
_SERIAL_LIMIT = 32


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the status of which certificate, of an issuer that is named by hashes."""

    serial: str
    name_hash: bytes
    key_hash: bytes
    parsed: ocsp.OCSPRequest

    def is_about(self, issuer: Certificate) -> bool:
        """Whether the hashes are those of an issuer's name and key."""
        digest = self.parsed.hash_algorithm
        if _hash(digest, issuer.subject_der) != self.name_hash:
            return False
        return _hash(digest, _key_bits(issuer)) == self.key_hash


def _hash(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def _key_bits(issuer: Certificate) -> bytes:
    """The public key without what says its kind: what RFC 6960 hashes."""
    der = issuer.public_der
    position = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    for skip in (True, False):
        size, start = der[position + 1], position + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[position + 2 : start], "big")
        if skip:
            position = start + size
    return der[start + 1 : start + size]


def load(data: bytes) -> Question:
    """The question. Raises ValueError for what is none, and for several in one."""
    if len(data) > _LIMIT:
        raise ValueError("this is too long for a question")
    try:
        parsed = ocsp.load_der_ocsp_request(data)
        number = parsed.serial_number
        _ = parsed.hash_algorithm, parsed.extensions
    except (
        ValueError,
        TypeError,
        NotImplementedError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
    ):
        raise ValueError("this is no question that can be read") from None
    if not 0 <= number.bit_length() <= _SERIAL_LIMIT * 8 or number < 0:
        raise ValueError("the serial number is none")
    return Question(serial_text(number), parsed.issuer_name_hash, parsed.issuer_key_hash, parsed)


MALFORMED = ocsp.OCSPResponseBuilder.build_unsuccessful(
    ocsp.OCSPResponseStatus.MALFORMED_REQUEST
).public_bytes(serialization.Encoding.DER)
UNAUTHORIZED = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(
    serialization.Encoding.DER
)


def answer(
    question: Question,
    authority: Authority,
    *,
    revoked: int | None,
    now: int,
    lifetime: int,
    pss: bool = False,
) -> bytes:
    """The signed answer in DER: revoked at that time, or good. All times are seconds."""
    this_update = datetime.fromtimestamp(now, UTC)
    parsed = question.parsed
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        issuer_name_hash=question.name_hash,
        issuer_key_hash=question.key_hash,
        serial_number=parsed.serial_number,
        algorithm=parsed.hash_algorithm,
        cert_status=ocsp.OCSPCertStatus.GOOD if revoked is None else ocsp.OCSPCertStatus.REVOKED,
        this_update=this_update,
        next_update=datetime.fromtimestamp(now + lifetime, UTC) if lifetime else None,
        revocation_time=None if revoked is None else datetime.fromtimestamp(revoked, UTC),
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, authority.certificate.parsed)
    for extension in parsed.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            builder = builder.add_extension(extension.value, critical=False)
    digest = signing_key.digest_for(authority.key)
    return builder.sign(authority.key, digest).public_bytes(serialization.Encoding.DER)
