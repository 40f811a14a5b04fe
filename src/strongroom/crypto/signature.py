"""Signatures by RSA, ECDSA, Ed25519 and ML-DSA, with the options of the wire.

Sources: RFC 8017 (RSA), FIPS 186-5 (ECDSA), RFC 8032 (Ed25519), FIPS 204 (ML-DSA).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303  what others signed with it has to be verified
    "sha2-224": hashes.SHA224(),
    "sha2-256": hashes.SHA256(),
    "sha2-384": hashes.SHA384(),
    "sha2-512": hashes.SHA512(),
    "sha3-224": hashes.SHA3_224(),
    "sha3-256": hashes.SHA3_256(),
    "sha3-384": hashes.SHA3_384(),
    "sha3-512": hashes.SHA3_512(),
}
"""Names on the wire. ``none`` is there besides, for RSA PKCS #1 v1.5 over what was hashed before."""
NONE = "none"

_ECDSA = {name: ec.ECDSA(algorithm) for name, algorithm in HASHES.items()}
_BY_SIZE: dict[int, ec.ECDSA] = {
    size: ec.ECDSA(Prehashed(algorithm))
    for size, algorithm in (
        (20, hashes.SHA1()),  # noqa: S303  stands for a length only
        (28, hashes.SHA224()),
        (32, hashes.SHA256()),
        (48, hashes.SHA384()),
        (64, hashes.SHA512()),
    )
}
_MLDSA: dict[
    str, tuple[type[mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey], int]
] = {
    "44": (mldsa.MLDSA44PrivateKey, 2420),
    "65": (mldsa.MLDSA65PrivateKey, 3309),
    "87": (mldsa.MLDSA87PrivateKey, 4627),
}
PARAMETER_SETS = tuple(_MLDSA)

Private = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
Public = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)


class Unsignable(Exception):
    """These options do not fit this key or this input; the text says why and quotes neither."""


@dataclass(slots=True, frozen=True)
class Options:
    """How to sign. ``salt`` is bytes, or -1 for as many as the hash has, or 0 for as many as fit."""

    hash: str = "sha2-256"
    prehashed: bool = False
    scheme: Literal["pss", "pkcs1v15"] = "pss"
    salt: int = 0
    jws: bool = False


def mldsa_from_seed(parameter_set: str, seed: bytes) -> Private:
    """The ML-DSA key of a seed of 32 bytes."""
    return _MLDSA[parameter_set][0].from_seed_bytes(seed)


def sign(key: Private, data: bytes, options: Options) -> bytes:
    """The signature of ``data``. Raises Unsignable."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _sign_ec(key, data, options)
    if isinstance(key, rsa.RSAPrivateKey):
        try:
            if options.hash == NONE:
                return key.sign(data, padding.PKCS1v15(), NoDigestInfo())
            return key.sign(data, *_rsa(options, len(data), verifying=False))
        except (ValueError, UnsupportedAlgorithm):
            raise Unsignable("this input cannot be signed with these options") from None
    return key.sign(data)


def verify(key: Public, data: bytes, signature: bytes, options: Options) -> bool:
    """Whether the signature is that of ``data`` by this key. Raises Unsignable."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            _verify_ec(key, data, signature, options)
        elif isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(key, data, signature, options)
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    except (ValueError, UnsupportedAlgorithm):
        raise Unsignable("this input cannot be verified with these options") from None
    return True


# -- ECDSA ---------------------------------------------------------------------------------------------


def _sign_ec(key: ec.EllipticCurvePrivateKey, data: bytes, options: Options) -> bytes:
    if options.prehashed:
        signature = key.sign(*_digest(data, key.key_size))
    else:
        signature = key.sign(data, _ECDSA[options.hash])
    if not options.jws:
        return signature
    size = (key.key_size + 7) // 8
    return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(signature))


def _verify_ec(key: ec.EllipticCurvePublicKey, data: bytes, signature: bytes, options: Options) -> None:
    if options.jws:
        signature = _from_jws(signature, (key.key_size + 7) // 8)
    else:
        try:
            decode_dss_signature(signature)
        except ValueError:
            raise Unsignable("supplied signature is invalid") from None
    if options.prehashed:
        digest, algorithm = _digest(data, key.key_size)
        key.verify(signature, digest, algorithm)
    else:
        key.verify(signature, data, _ECDSA[options.hash])


def _from_jws(signature: bytes, size: int) -> bytes:
    if len(signature) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )


def _digest(data: bytes, curve_bits: int) -> tuple[bytes, ec.ECDSA]:
    """A digest of any length as one of a length that is known, with the same meaning.

    ECDSA takes of a digest as many bits as the curve's order has, from the left, as a number.
    """
    data = data[: (curve_bits + 7) // 8] if curve_bits % 8 == 0 else data
    for size, algorithm in _BY_SIZE.items():
        if len(data) <= size:
            return data.rjust(size, b"\0"), algorithm
    raise Unsignable("the input is longer than any digest")


# -- RSA -----------------------------------------------------------------------------------------------


def _verify_rsa(key: rsa.RSAPublicKey, data: bytes, signature: bytes, options: Options) -> None:
    if options.hash == NONE:
        signed = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
        if not hmac.compare_digest(signed, data):
            raise InvalidSignature
        return
    if options.prehashed and len(data) != HASHES[options.hash].digest_size:
        raise InvalidSignature  # nobody can have signed this as a hash of that length
    key.verify(signature, data, *_rsa(options, len(data), verifying=True))


_Digest = hashes.HashAlgorithm | Prehashed


def _rsa(options: Options, length: int, *, verifying: bool) -> tuple[padding.AsymmetricPadding, _Digest]:
    algorithm = HASHES[options.hash]
    if options.prehashed and length != algorithm.digest_size:
        raise Unsignable("input must be hashed with given hash")
    digest: _Digest = Prehashed(algorithm) if options.prehashed else algorithm
    if options.scheme == "pkcs1v15":
        return padding.PKCS1v15(), digest
    mask = padding.MGF1(algorithm)
    if options.salt > 0:
        return padding.PSS(mask, options.salt), digest
    if options.salt < 0:
        return padding.PSS(mask, padding.PSS.DIGEST_LENGTH), digest
    return padding.PSS(mask, padding.PSS.AUTO if verifying else padding.PSS.MAX_LENGTH), digest
