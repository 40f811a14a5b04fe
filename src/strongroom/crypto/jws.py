"""Signed claims that others verify: JSON Web Signatures in compact form, and the keys as JSON Web Keys.

RFC 7515, 7517, 7518 and 8037. A signature says nothing about what the claims mean, expiry included: that is
for the caller to judge.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from strongroom.crypto import base64url
from strongroom.crypto.base64url import encode as _encode

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
"""Names of RFC 7518 and 8037, in the order in which they are announced."""

RSA_BITS = 2048
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}
_CURVE_NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Unverifiable(Exception):
    """Not a token that this key signed."""


class Malformed(Unverifiable):
    """Not a token at all."""


# -- keys ----------------------------------------------------------------------------------------------


def is_slow(algorithm: str) -> bool:
    """Whether making a key takes so long that it wants a thread of its own."""
    return algorithm.startswith("RS")


def generate(algorithm: str) -> bytes:
    """A new private key, PKCS #8 DER, unencrypted: store it behind the barrier only."""
    key: _Private
    if algorithm.startswith("RS"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    elif algorithm in _CURVES:
        key = ec.generate_private_key(_CURVES[algorithm])
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def public_half(private: bytes) -> bytes:
    """The public key of a private one, DER (SubjectPublicKeyInfo)."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return _private(private).public_key().public_bytes(serialization.Encoding.DER, form)


def _private(der: bytes) -> _Private:
    # It is a key that was made here and has been under authenticated encryption since.
    key = serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise TypeError("no key for signatures")
    return key


def _public(der: bytes) -> _Public:
    key = serialization.load_der_public_key(der)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise TypeError("no key for signatures")
    return key


def jwk(algorithm: str, kid: str, public: bytes) -> dict[str, str]:
    """A public key as others find it published."""
    key = _public(public)
    about = {"use": "sig", "kid": kid, "alg": algorithm}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return about | {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        point, size = key.public_numbers(), _scalar_bytes(key.curve)
        place = {"x": _number(point.x, size), "y": _number(point.y, size)}
        return about | {"kty": "EC", "crv": _CURVE_NAMES[algorithm], **place}
    return about | {"kty": "OKP", "crv": "Ed25519", "x": _encode(key.public_bytes_raw())}


def _scalar_bytes(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


def _number(value: int, size: int = 0) -> str:
    return _encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


# -- signatures ----------------------------------------------------------------------------------------


def sign(algorithm: str, kid: str, private: bytes, claims: dict[str, Any], *, typ: str = "") -> str:
    """The token of ``claims``, whose members stand in the order of their names.

    ``typ`` is for the header, where somebody asks for it (RFC 7515, 4.1.9).
    """
    header = {"alg": algorithm, "kid": kid} | ({"typ": typ} if typ else {})
    signed = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(claims, option=orjson.OPT_SORT_KEYS))}"
    return f"{signed}.{_encode(_signature(algorithm, _private(private), signed.encode()))}"


def _signature(algorithm: str, key: _Private, signed: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), _HASHES[algorithm[2:]])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(_HASHES[algorithm[2:]])))
        size = _scalar_bytes(key.curve)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(signed)


def kid_of(token: str) -> str:
    """The ID of the key that a token names as its signer's. Raises :class:`Malformed`."""
    header, _, _ = _parts(token)
    kid = _object(header).get("kid")
    return kid if isinstance(kid, str) else ""


def verify(algorithm: str, public: bytes, token: str) -> dict[str, Any]:
    """The claims of a token that the key signed. Raises :class:`Unverifiable`.

    The algorithm is the key's, whatever the token names: that it may choose is the oldest hole of the format.
    """
    header, payload, signature = _parts(token)
    if _object(header).get("alg") != algorithm:
        raise Unverifiable
    try:
        _check(algorithm, _public(public), f"{header}.{payload}".encode(), _decode(signature))
    except (InvalidSignature, ValueError):
        raise Unverifiable from None
    return _object(payload)


def _check(algorithm: str, key: _Public, signed: bytes, signature: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), _HASHES[algorithm[2:]])
    elif isinstance(key, ec.EllipticCurvePublicKey):
        size = _scalar_bytes(key.curve)
        if len(signature) != 2 * size:
            raise Unverifiable
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_HASHES[algorithm[2:]]))
    else:
        key.verify(signature, signed)


def _parts(token: str) -> tuple[str, str, str]:
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed
    return parts[0], parts[1], parts[2]


def _object(part: str) -> dict[str, Any]:
    try:
        value = orjson.loads(_decode(part))
    except ValueError:
        raise Malformed from None
    if not isinstance(value, dict):
        raise Malformed
    return value


def half_digest(algorithm: str, text: str) -> str:
    """What binds an ID token to a code or an access token: the left half of its digest (OpenID Connect)."""
    name = "sha512" if algorithm == "EdDSA" else f"sha{algorithm[2:]}"
    whole = hashlib.new(name, text.encode()).digest()
    return _encode(whole[: len(whole) // 2])


def _decode(text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise Malformed from None
