"""Private keys that sign certificates: those of :mod:`strongroom.crypto.private_key`, and ML-DSA."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa

from strongroom.crypto import private_key
from strongroom.crypto.private_key import CURVES, PrivateKey, PublicKey

MldsaPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
MldsaPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
SigningKey = PrivateKey | MldsaPrivateKey
VerifyingKey = PublicKey | MldsaPublicKey
KeyKind = Literal["rsa", "ec", "ed25519", "mldsa"]

SIZES: dict[str, tuple[int, ...]] = {
    "rsa": (2048, 3072, 4096, 8192),
    "ec": (256, 224, 384, 521),
    "ed25519": (0,),
    "mldsa": (44, 65, 87),
}
"""The sizes there are, in bits, and the parameter sets of ML-DSA; the usual one first."""

_MLDSA: dict[int, type[MldsaPrivateKey]] = {
    44: mldsa.MLDSA44PrivateKey,
    65: mldsa.MLDSA65PrivateKey,
    87: mldsa.MLDSA87PrivateKey,
}
_HASHES: dict[int, type[hashes.HashAlgorithm]] = {
    256: hashes.SHA256,
    384: hashes.SHA384,
    512: hashes.SHA512,
}
_SMALLEST_RSA, _LARGEST_RSA = 2048, 16384
_LARGEST_EXPONENT = 2**32
_DER_LIMIT = 64 * 1024

Digest = hashes.HashAlgorithm
_KINDS: tuple[tuple[KeyKind, tuple[type, ...]], ...] = (
    ("rsa", (rsa.RSAPublicKey, rsa.RSAPrivateKey)),
    ("ec", (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)),
    ("ed25519", (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey)),
    ("mldsa", (MldsaPublicKey.__args__ + MldsaPrivateKey.__args__)),
)


def generate(kind: KeyKind, bits: int) -> SigningKey:
    """A fresh private key. RSA takes 0.1 to several seconds: not for an event loop."""
    if kind == "mldsa":
        return _MLDSA[bits].generate()
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return private_key.generate(kind, bits)


def kind_of(key: Any) -> KeyKind:
    """The kind of a private or public key. Raises ValueError for one that is not served."""
    return _kind_of(type(key))  # type: ignore[arg-type]  # types are hashable


@cache  # to ask an abstract class whether it knows another one is slow
def _kind_of(type_: type) -> KeyKind:
    for kind, classes in _KINDS:
        if issubclass(type_, classes):
            return kind
    raise ValueError("this kind of key is not served")


def bits_of(key: Any) -> int:
    """The size of a key in bits, the parameter set of ML-DSA, 0 of Ed25519."""
    kind = kind_of(key)
    if kind in ("rsa", "ec"):
        size: int = key.key_size
        return size
    if kind == "mldsa":
        return next(bits for bits in _MLDSA if str(bits) in type(key).__name__)
    return 0


def check_public(key: Any) -> None:
    """Raise ValueError for a public key that no one should certify: weak, huge, or of no known kind."""
    kind_of(key)
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _SMALLEST_RSA:
            raise ValueError("RSA keys < 2048 bits are unsafe and not supported")
        if key.key_size > _LARGEST_RSA:
            raise ValueError("RSA keys of more than 16384 bits are not supported")
        exponent = key.public_numbers().e
        if exponent >= _LARGEST_EXPONENT or exponent % 2 == 0:
            raise ValueError("the exponent of the RSA key is none that is in use")
    elif isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, tuple(CURVES.values())):
        raise ValueError("the curve of the key is not served")  # noqa: TRY004  one error for bad keys


def load(data: bytes) -> SigningKey:
    """The private key in a PEM text or in DER. Raises ValueError for what is none, repeating none of it."""
    if len(data) > _DER_LIMIT:
        raise ValueError("this is too long for a private key")
    read = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    try:
        key = read(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is no private key that can be read") from None
    check_public(key.public_key())
    return key  # type: ignore[return-value]  # check_public looked at its kind


def der(key: SigningKey, *, pkcs8: bool = True) -> bytes:
    """The key in DER: in PKCS #8, or in the older form of its kind where there is one."""
    form = serialization.PrivateFormat.PKCS8 if pkcs8 or _is_modern(key) else _OLD
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def pem(key: SigningKey, *, pkcs8: bool = True) -> str:
    """The key as PEM, in the forms of :func:`der`, without a line's end at the end."""
    form = serialization.PrivateFormat.PKCS8 if pkcs8 or _is_modern(key) else _OLD
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return text.decode().rstrip("\n")


_OLD = serialization.PrivateFormat.TraditionalOpenSSL


def _is_modern(key: SigningKey) -> bool:
    """Whether the key has no other form than PKCS #8."""
    return kind_of(key) in ("ed25519", "mldsa")


def public_der(key: VerifyingKey) -> bytes:
    """The public key as SubjectPublicKeyInfo (RFC 5280)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_identifier(key: VerifyingKey) -> bytes:
    """The subject key identifier by RFC 5280: the SHA-1 of the key's bits."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return hashlib.sha1(point, usedforsecurity=False).digest()
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def key_id(key: VerifyingKey) -> str:
    """The subject key identifier as hex with colons."""
    return key_identifier(key).hex(":")


def digest_for(key: SigningKey, bits: int = 0) -> Digest | None:
    """The hash to sign with, of so many ``bits``, or as usual for 0. None where the kind brings its own.

    Raises ValueError for a hash that there is not.
    """
    kind = kind_of(key)
    if kind not in ("rsa", "ec"):
        return None
    if bits and bits not in _HASHES:
        raise ValueError(f"unsupported hash signature algorithm: {bits}")
    size = bits_of(key) if kind == "ec" else 0
    return _HASHES[bits or (256 if size <= 256 else 384 if size <= 384 else 512)]()


def pss_for(key: SigningKey, digest: Digest | None) -> padding.PSS | None:
    """RSA-PSS with the salt that certificates use; None for other kinds of keys."""
    if not isinstance(key, rsa.RSAPrivateKey) or digest is None:
        return None
    return padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)


def proves(key: SigningKey, public: VerifyingKey) -> bool:
    """Whether the private key is that of the public key."""
    return public_der(key.public_key()) == public_der(public)


def base64_of(data: bytes) -> str:
    """What APIs answer for DER."""
    return base64.b64encode(data).decode()
