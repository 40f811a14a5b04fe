"""What is sent and answered: requests for certificates, certificates, and what requests should say."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from strongroom.crypto import der, pkcs7, signing_request
from strongroom.errors import BadRequest, PayloadTooLarge
from strongroom.logical import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.crypto.certificate import Certificate
    from strongroom.crypto.signing_request import SigningRequest
    from strongroom.secrets.pki.role import Role

_LONGEST = 64 * 1024
_CERTIFICATES, _ATTRIBUTES = "application/pkcs7-mime", "application/csrattrs"
ISSUED = f"{_CERTIFICATES}; smime-type=certs-only"
_INTEGER = 0x02
_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_CURVES = {224: "1.3.132.0.33", 256: "1.2.840.10045.3.1.7", 384: "1.3.132.0.34", 521: "1.3.132.0.35"}
_ALONE = {
    ("ed25519", 0): "1.3.101.112",
    ("mldsa", 44): "2.16.840.1.101.3.4.3.17",
    ("mldsa", 65): "2.16.840.1.101.3.4.3.18",
    ("mldsa", 87): "2.16.840.1.101.3.4.3.19",
}


def parsed(body: bytes) -> SigningRequest:
    """The request in a body: DER in base64, as the protocol has it, or DER, or PEM. Raises BadRequest."""
    if len(body) > _LONGEST:
        raise PayloadTooLarge("this is too long for a certificate request")
    if body[:1] != b"\x30" and b"-----BEGIN" not in body:
        try:
            body = base64.b64decode(b"".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("the body is no certificate request in base64") from None
    try:
        return signing_request.load(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def certificates(found: Iterable[Certificate], kind: str = _CERTIFICATES) -> Response:
    """Certificates, as the protocol has them."""
    return _answer(pkcs7.certificates_only(found), kind)


def _answer(content: bytes, kind: str) -> Response:
    """Content in base64, in one line: RFC 8951, section 3.1 wants it so, whatever older clients take."""
    headers = [("Content-Transfer-Encoding", "base64")]
    return Response(raw=base64.b64encode(content), content_type=kind, headers=headers)


def attributes(role: Role | None) -> Response:
    """Which key a request should be for; 204 where any is fine."""
    wanted = None if role is None else _key(role.key_type, role.key_bits)
    if wanted is None:
        return Response(raw=b"", status=204)
    return _answer(der.element(der.SEQUENCE, wanted), _ATTRIBUTES)


def _key(kind: str, bits: int) -> bytes | None:
    if kind == "rsa":
        size = bits.to_bytes(bits.bit_length() // 8 + 1, "big")
        return _attribute(_RSA, der.element(_INTEGER, size))
    if kind == "ec":
        return _attribute(_EC, der.object_identifier(_CURVES[bits]))
    alone = _ALONE.get((kind, bits))
    return None if alone is None else der.object_identifier(alone)


def _attribute(dotted: str, value: bytes) -> bytes:
    return der.element(der.SEQUENCE, der.object_identifier(dotted) + der.element(der.SET, value))
