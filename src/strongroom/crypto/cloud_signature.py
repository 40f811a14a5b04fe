"""Signatures of Google Cloud KMS, checked here with the public key that it gives.

Names of algorithms are those of ``CryptoKeyVersionAlgorithm`` in the Cloud KMS API.
"""

from __future__ import annotations

import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

_NAME = re.compile(r"(RSA_SIGN_PSS|RSA_SIGN_PKCS1|EC_SIGN)_[A-Z0-9]+_SHA(256|384|512)")
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}


class UnknownAlgorithm(ValueError):
    """Not an algorithm by which Cloud KMS signs digests."""


def digest_of(algorithm: str) -> tuple[str, int]:
    """The name of the digest that an algorithm signs, and its bytes. Raises UnknownAlgorithm."""
    found = _NAME.fullmatch(algorithm)
    if found is None:
        raise UnknownAlgorithm("the key does not sign digests")
    return f"sha{found[2]}", int(found[2]) // 8


def verify(algorithm: str, pem: str, digest: bytes, signature: bytes) -> bool:
    """Whether the key in PEM made the signature of a digest. Raises UnknownAlgorithm."""
    found = _NAME.fullmatch(algorithm)
    if found is None:
        raise UnknownAlgorithm("the key does not sign digests")
    made = _HASHES[found[2]]()
    hashed = utils.Prehashed(made)
    try:
        key = serialization.load_pem_public_key(pem.encode())
        if isinstance(key, ec.EllipticCurvePublicKey) and found[1] == "EC_SIGN":
            key.verify(signature, digest, ec.ECDSA(hashed))
        elif isinstance(key, rsa.RSAPublicKey) and found[1] == "RSA_SIGN_PSS":
            key.verify(signature, digest, padding.PSS(padding.MGF1(made), made.digest_size), hashed)
        elif isinstance(key, rsa.RSAPublicKey) and found[1] == "RSA_SIGN_PKCS1":
            key.verify(signature, digest, padding.PKCS1v15(), hashed)
        else:
            raise UnknownAlgorithm("the key and its algorithm do not fit")
    except InvalidSignature:
        return False
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, UnknownAlgorithm):
            raise
        return False
    return True
