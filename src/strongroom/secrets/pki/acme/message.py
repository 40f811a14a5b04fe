"""What a client signs: the message around every request (RFC 8555, section 6.2).

Only its form is judged here. Whose key it is that signed, and whether the nonce is good, needs the storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from strongroom.crypto import base64url, jwk
from strongroom.crypto.jwk import Jwk
from strongroom.secrets.pki.acme.problem import Problem, malformed

HEADER_LIMIT = 16_384
PAYLOAD_LIMIT = 98_304
"""Characters that the parts of a message may have; the longest is a CSR with a hundred names."""
SIGNATURE_LIMIT = 2_048


@dataclass(frozen=True, slots=True)
class Message:
    """A message in parts, its signature not checked. Of ``key`` and ``kid`` there is exactly one."""

    algorithm: str
    nonce: str
    url: str
    key: Jwk | None
    kid: str
    payload: bytes
    signed: bytes
    signature: bytes

    @property
    def fetches(self) -> bool:
        """Whether it only asks to be told (POST-as-GET)."""
        return not self.payload

    def content(self) -> dict[str, Any]:
        """The payload, which is an object. Raises Problem."""
        try:
            value = orjson.loads(self.payload)
        except ValueError:
            raise malformed("the payload is not JSON") from None
        if not isinstance(value, dict):
            raise malformed("the payload is not an object")
        return value

    def check(self, key: Jwk) -> None:
        """Raises Problem unless the holder of the key signed this."""
        if self.algorithm not in key.algorithms:
            raise bad_algorithm("the algorithm is none of the key that signed")
        try:
            key.check(self.algorithm, self.signed, self.signature)
        except jwk.BadSignature:
            raise malformed("the signature does not fit the message") from None


def bad_algorithm(detail: str) -> Problem:
    """A signature of a kind that is not accepted; tells which are."""
    return Problem("badSignatureAlgorithm", detail, algorithms=list(jwk.SIGNATURES))


def parse(protected: str, payload: str, signature: str) -> Message:
    """The message of a flattened JWS. Raises Problem."""
    message = _parse(protected, payload, signature)
    if not message.nonce:
        raise Problem("badNonce", "the message has no nonce")
    return message


def parse_inner(protected: str, payload: str, signature: str) -> Message:
    """The message within another, which has no nonce of its own. Raises Problem."""
    message = _parse(protected, payload, signature)
    if message.nonce:
        raise malformed("the inner message has a nonce")
    return message


def _parse(protected: str, payload: str, signature: str) -> Message:
    if len(protected) > HEADER_LIMIT or len(payload) > PAYLOAD_LIMIT or len(signature) > SIGNATURE_LIMIT:
        raise Problem("malformed", "the message is longer than any has to be", status=413)
    header = header_of(protected)
    if header["alg"] not in jwk.SIGNATURES:
        raise bad_algorithm("the algorithm of the signature is not accepted")
    return Message(
        algorithm=header["alg"],
        nonce=_text(header, "nonce") if "nonce" in header else "",
        url=_text(header, "url"),
        key=_key(header),
        kid=_text(header, "kid") if "kid" in header else "",
        payload=_decoded("payload", payload),
        signed=f"{protected}.{payload}".encode(),
        signature=_decoded("signature", signature),
    )


def header_of(protected: str) -> dict[str, Any]:
    """The protected header of a JWS, whose algorithm is a text. Raises Problem."""
    if not protected:
        raise malformed("missing required field 'protected'")
    try:
        header = orjson.loads(_decoded("protected", protected))
    except ValueError:
        raise malformed("the protected header is not JSON") from None
    if not isinstance(header, dict):
        raise malformed("the protected header is not an object")
    if "crit" in header or header.get("b64", True) is not True:
        raise malformed("the protected header wants what this server does not know")
    _text(header, "alg")
    return header


def decoded_json(text: str) -> Any:
    """The value of a part of a message. Raises Problem."""
    try:
        return orjson.loads(_decoded("payload", text))
    except ValueError:
        raise malformed("the payload is not JSON") from None


def _key(header: dict[str, Any]) -> Jwk | None:
    """The key that came along; None where the message names an account instead."""
    if ("jwk" in header) == ("kid" in header):
        raise malformed("the protected header has to have either a jwk or a kid")
    if "kid" in header:
        return None
    try:
        return jwk.parse(header["jwk"])
    except jwk.BadKey as error:
        raise Problem("badPublicKey", str(error)) from None


def _text(header: dict[str, Any], name: str) -> str:
    value = header.get(name)
    if not isinstance(value, str) or not value:
        raise malformed(f"the protected header has no {name}")
    return value


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise malformed(f"the field '{name}' is not base64url without padding") from None
