"""Compact JSON Web Signatures with ES512 (RFC 7515, RFC 7518 section 3.4) for wrapping tokens.

Signature only: what the claims mean, expiry included, is for the caller to judge.
"""

from __future__ import annotations

from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from strongroom.crypto.base64url import decode as _decode
from strongroom.crypto.base64url import encode as _encode

_HEADER = {"alg": "ES512", "typ": "JWT"}
_ALGORITHM = ec.ECDSA(hashes.SHA512())
_SCALAR_BYTES = 66
"""P-521 scalars take 521 bits, hence 66 bytes; a signature is two of them, r then s."""


class Unverifiable(Exception):
    """Not a token that this key signed."""


class SigningKey:
    """A P-521 key that signs and verifies tokens."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, ec.SECP521R1):
            raise TypeError("ES512 takes a key on P-521")
        self._key = key
        self._public = key.public_key()

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(ec.generate_private_key(ec.SECP521R1()))

    @classmethod
    def load(cls, der: bytes) -> SigningKey:
        """The key that :meth:`dump` wrote; raises ValueError or TypeError on anything else."""
        key = serialization.load_der_private_key(der, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("ES512 takes a key on P-521")
        return cls(key)

    def dump(self) -> bytes:
        """PKCS #8 DER, unencrypted: store it behind the barrier only."""
        return self._key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public_pem(self) -> str:
        """The public half, PEM (SubjectPublicKeyInfo)."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._public.public_bytes(serialization.Encoding.PEM, form).decode()

    def sign(self, claims: dict[str, Any]) -> str:
        """The token of ``claims``."""
        signed = f"{_encode(orjson.dumps(_HEADER))}.{_encode(orjson.dumps(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), _ALGORITHM))
        raw = r.to_bytes(_SCALAR_BYTES, "big") + s.to_bytes(_SCALAR_BYTES, "big")
        return f"{signed}.{_encode(raw)}"

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token signed with this key; raises :class:`Unverifiable`.

        Only ES512 is accepted, whatever the header says: an algorithm named by the token is the
        oldest hole of the format.
        """
        try:
            header, payload, signature = token.split(".")
            if orjson.loads(_decode(header)).get("alg") != "ES512":
                raise Unverifiable
            self._check(f"{header}.{payload}".encode(), _decode(signature))
            claims = orjson.loads(_decode(payload))
        except (ValueError, AttributeError, InvalidSignature):
            raise Unverifiable from None
        if not isinstance(claims, dict):
            raise Unverifiable
        return claims

    def _check(self, signed: bytes, raw: bytes) -> None:
        if len(raw) != 2 * _SCALAR_BYTES:
            raise Unverifiable
        r = int.from_bytes(raw[:_SCALAR_BYTES], "big")
        s = int.from_bytes(raw[_SCALAR_BYTES:], "big")
        self._public.verify(encode_dss_signature(r, s), signed, _ALGORITHM)
