"""Private keys that sign or decrypt: drawn, read and written."""

from __future__ import annotations

from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Kind = Literal["rsa", "ec", "ed25519"]

CURVES: dict[int, type[ec.EllipticCurve]] = {
    224: ec.SECP224R1,
    256: ec.SECP256R1,
    384: ec.SECP384R1,
    521: ec.SECP521R1,
}
SIZES: dict[str, tuple[int, ...]] = {"rsa": (2048, 3072, 4096), "ec": tuple(CURVES), "ed25519": (0,)}
"""The sizes of keys there are, in bits; the usual one of RSA first."""


def generate(kind: Kind, bits: int = 0) -> PrivateKey:
    """A fresh private key. Raises ValueError for a size that there is not.

    RSA takes 0.1 to several seconds and lets other threads run meanwhile: not for an event loop.
    """
    if bits not in SIZES[kind]:
        raise ValueError(f"{bits} is not a size of a key of this kind")
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    if kind == "ec":
        return ec.generate_private_key(CURVES[bits]())
    return ed25519.Ed25519PrivateKey.generate()


def load(data: bytes) -> PrivateKey:
    """The private key in a PEM text or in DER: PKCS #8, or the older forms of RSA and EC. Without password.

    Raises ValueError for what is none, without repeating any of it.
    """
    read = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    try:
        key = read(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is no private key that can be read") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("this kind of private key is not served")  # noqa: TRY004  one error for bad keys
    return key


def pem(key: PrivateKey) -> str:
    """The key in PKCS #8, as PEM."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def der(key: PrivateKey) -> bytes:
    """The key in PKCS #8, as DER."""
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def public_pem(key: PublicKey) -> str:
    """The public key as SubjectPublicKeyInfo (RFC 5280), as PEM."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode()
