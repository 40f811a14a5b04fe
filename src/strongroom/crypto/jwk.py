"""Public keys that others present as JSON Web Keys, and what they sign with them.

RFC 7515, 7517, 7518, 7638 and 8037. What comes in is a stranger's: keys that are weak, malformed or of a size
that makes checking dear are refused before anything is worked out with them.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from strongroom.crypto import base64url

SIGNATURES = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
"""Algorithms of signatures that are checked here."""
CODES = ("HS256", "HS384", "HS512")
"""Algorithms of message authentication codes."""

RSA_BITS = range(2048, 8193)
_EXPONENTS = range(3, 1 << 33)
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: dict[str, tuple[ec.EllipticCurve, str]] = {
    "P-256": (ec.SECP256R1(), "ES256"),
    "P-384": (ec.SECP384R1(), "ES384"),
    "P-521": (ec.SECP521R1(), "ES512"),
}
_SMALL_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


class BadKey(ValueError):
    """Not a public key that is accepted; says why."""


class BadSignature(Exception):
    """Not what the holder of the key signed."""


@dataclass(frozen=True, slots=True)
class Jwk:
    """A public key in the one spelling that its thumbprint is made of. ``algorithms`` are those it fits."""

    members: dict[str, str]
    algorithms: tuple[str, ...]

    @property
    def thumbprint(self) -> str:
        """The name of the key (RFC 7638), base64url."""
        text = orjson.dumps(self.members, option=orjson.OPT_SORT_KEYS)
        return base64url.encode(hashlib.sha256(text).digest())

    @property
    def der(self) -> bytes:
        """The key as SubjectPublicKeyInfo."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return _public(self.members).public_bytes(serialization.Encoding.DER, form)

    def check(self, algorithm: str, signed: bytes, signature: bytes) -> None:
        """Raises BadSignature unless the key's holder signed this, with an algorithm of this key."""
        if algorithm not in self.algorithms:
            raise BadSignature
        try:
            _verify(_public(self.members), algorithm, signed, signature)
        except (InvalidSignature, ValueError):
            raise BadSignature from None


_Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


def parse(value: Any) -> Jwk:
    """The key of a decoded JWK. Raises BadKey, for a private key too: nobody is to send one twice."""
    if not isinstance(value, dict):
        raise BadKey("a JWK is an object")
    if "d" in value:
        raise BadKey("a private key was sent where a public one is wanted; it is no secret any more")
    kty = value.get("kty")
    wanted = _MEMBERS.get(kty) if isinstance(kty, str) else None
    if wanted is None:
        raise BadKey("keys are of type RSA, EC or OKP")
    members = {name: value.get(name) for name in wanted}
    if not all(isinstance(member, str) for member in members.values()):
        raise BadKey("the key lacks " + ", ".join(n for n, m in members.items() if not isinstance(m, str)))
    known: dict[str, str] = members  # type: ignore[assignment]  # checked in the line above
    algorithms = _algorithms(known)
    if "alg" in value and value["alg"] not in algorithms:
        raise BadKey("the key names an algorithm that it does not fit")
    return Jwk(known, algorithms)


def restored(members: dict[str, str]) -> Jwk:
    """The key of what :attr:`Jwk.members` were stored; it was checked when it came."""
    if members["kty"] == "RSA":
        return Jwk(members, SIGNATURES[:3])
    return Jwk(members, (_CURVES[members["crv"]][1] if members["kty"] == "EC" else "EdDSA",))


def _algorithms(members: dict[str, str]) -> tuple[str, ...]:
    """Check the key; gives the algorithms that it fits."""
    curve = members.get("crv")
    if members["kty"] == "EC" and curve not in _CURVES:
        raise BadKey("curves are P-256, P-384 and P-521")
    if members["kty"] == "OKP" and curve != "Ed25519":
        raise BadKey("of the Edwards curves only Ed25519 is accepted")
    try:
        if members["kty"] == "RSA":
            _check_rsa(_number(members["n"]), _number(members["e"]))
        _public(members)
    except BadKey:
        raise
    except ValueError:
        raise BadKey("the key is no key of its type") from None
    return restored(members).algorithms


def _check_rsa(modulus: int, exponent: int) -> None:
    if modulus.bit_length() not in RSA_BITS:
        raise BadKey("RSA keys have 2048 to 8192 bits")
    if exponent not in _EXPONENTS or not exponent & 1:
        raise BadKey("the exponent of the RSA key is even or out of range")
    if not modulus & 1 or any(modulus % prime == 0 for prime in _SMALL_PRIMES):
        raise BadKey("the modulus of the RSA key has a small factor")


def _number(text: str) -> int:
    """A Base64urlUInt, in the one spelling that a thumbprint can be made of."""
    data = base64url.decode(text)
    if not data or data[0] == 0:
        raise BadKey("a number of the key has leading zeros or no digits")
    return int.from_bytes(data, "big")


def _coordinate(text: str, curve: ec.EllipticCurve) -> int:
    data = base64url.decode(text)
    if len(data) != (curve.key_size + 7) // 8:
        raise BadKey("a coordinate of the key is as long as its curve is wide")
    return int.from_bytes(data, "big")


def _public(members: dict[str, str]) -> _Public:
    if members["kty"] == "RSA":
        return rsa.RSAPublicNumbers(_number(members["e"]), _number(members["n"])).public_key()
    if members["kty"] == "EC":
        curve = _CURVES[members["crv"]][0]
        x, y = _coordinate(members["x"], curve), _coordinate(members["y"], curve)
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    return ed25519.Ed25519PublicKey.from_public_bytes(base64url.decode(members["x"]))


def _verify(key: _Public, algorithm: str, signed: bytes, signature: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), _HASHES[algorithm[2:]])
    elif isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.curve.key_size + 7) // 8
        if len(signature) != 2 * size:
            raise BadSignature
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_HASHES[algorithm[2:]]))
    else:
        key.verify(signature, signed)


def check_code(algorithm: str, key: bytes, signed: bytes, code: bytes) -> None:
    """Raises BadSignature unless ``code`` authenticates this under the shared key."""
    if algorithm not in CODES:
        raise BadSignature
    if not hmac.compare_digest(hmac.digest(key, signed, f"sha{algorithm[2:]}"), code):
        raise BadSignature
