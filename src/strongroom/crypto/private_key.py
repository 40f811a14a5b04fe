"""Private keys that sign or decrypt: drawn, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Kind = Literal["rsa", "ec", "ed25519"]

LARGEST_EXPONENT = 2**31 - 1
"""A larger public exponent of RSA makes each verification slow, and nothing safer."""

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


def load_own(data: bytes) -> PrivateKey:
    """A key that :func:`der` wrote and that has been under authenticated encryption since.

    RSA numbers are not checked again, which would take longer than what the key is loaded for.
    """
    key = serialization.load_der_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise TypeError("this kind of private key is not served")
    return key


def load_public(data: bytes) -> PublicKey:
    """The public key in a PEM text or in DER, as SubjectPublicKeyInfo. Raises ValueError, as :func:`load`."""
    read = serialization.load_pem_public_key if b"-----BEGIN" in data else serialization.load_der_public_key
    try:
        key = read(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is no public key that can be read") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise ValueError("this kind of public key is not served")  # noqa: TRY004  one error for bad keys
    return key


def public_der(key: PublicKey) -> bytes:
    """The public key as SubjectPublicKeyInfo (RFC 5280), as DER."""
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form)


def traditional_pem(key: PrivateKey) -> str:
    """The key in the form of its own kind, as PEM: PKCS #1 for RSA, SEC 1 for EC."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def fits(key: PrivateKey | PublicKey, kind: Kind, bits: int) -> bool:
    """Whether the key is of this kind and size, and its public exponent, if it has one, no trap."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    if isinstance(public, rsa.RSAPublicKey):
        exponent = public.public_numbers().e
        sound = exponent % 2 == 1 and 3 <= exponent <= LARGEST_EXPONENT
        return kind == "rsa" and public.key_size == bits and sound
    if isinstance(public, ec.EllipticCurvePublicKey):
        return kind == "ec" and isinstance(public.curve, CURVES[bits])
    return kind == "ed25519"


def rsa_from_numbers(modulus: int, exponent: int, private: int, primes: tuple[int, int]) -> rsa.RSAPrivateKey:
    """The RSA key of its numbers. Raises ValueError where they do not belong together."""
    p, q = primes
    if p * q != modulus or not 3 <= exponent <= LARGEST_EXPONENT:
        raise ValueError("these numbers are no RSA key")
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=private,
        dmp1=rsa.rsa_crt_dmp1(private, p),
        dmq1=rsa.rsa_crt_dmq1(private, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(exponent, modulus),
    )
    return numbers.private_key()


def rsa_public_from_numbers(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    """The public RSA key of its numbers. Raises ValueError."""
    if not 3 <= exponent <= LARGEST_EXPONENT:
        raise ValueError("these numbers are no RSA key")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def ec_from_numbers(bits: int, private: int, x: int, y: int) -> ec.EllipticCurvePrivateKey:
    """The EC key of its numbers. Raises ValueError where they do not belong together."""
    point = ec.EllipticCurvePublicNumbers(x, y, CURVES[bits]())
    return ec.EllipticCurvePrivateNumbers(private, point).private_key()


def ec_public_from_numbers(bits: int, x: int, y: int) -> ec.EllipticCurvePublicKey:
    """The public EC key of its numbers. Raises ValueError for no point of the curve."""
    return ec.EllipticCurvePublicNumbers(x, y, CURVES[bits]()).public_key()


def agreed(own: ec.EllipticCurvePrivateKey, other: ec.EllipticCurvePublicKey) -> bytes:
    """What the two holders of private keys both can compute: ECDH (NIST SP 800-56A), the x coordinate."""
    return own.exchange(ec.ECDH(), other)


def ed25519_from_seed(seed: bytes) -> ed25519.Ed25519PrivateKey:
    """The Ed25519 key of 32 bytes (RFC 8032)."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def ed25519_halves(seed: bytes) -> bytes:
    """The seed and behind it the public key: 64 bytes, what Go and NaCl call a private key."""
    return seed + ed25519_from_seed(seed).public_key().public_bytes_raw()


def ed25519_public(data: bytes) -> ed25519.Ed25519PublicKey:
    """The public Ed25519 key of 32 bytes. Raises ValueError for another length."""
    return ed25519.Ed25519PublicKey.from_public_bytes(data)


# -- numbers, for formats that hold them one by one ------------------------------------------------------


@dataclass(slots=True, frozen=True)
class RSANumbers:
    """What makes an RSA key: modulus, exponents, primes, and what speeds up its use (RFC 8017, 3.2)."""

    modulus: int
    exponent: int
    private: int = item(repr=False)
    primes: tuple[int, int] = item(repr=False)
    remainders: tuple[int, int] = item(repr=False)
    inverse: int = item(repr=False)


def rsa_numbers(key: PrivateKey) -> RSANumbers:
    """The numbers of an RSA key. Raises TypeError for another kind."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("no RSA key")
    found = key.private_numbers()
    return RSANumbers(
        found.public_numbers.n,
        found.public_numbers.e,
        found.d,
        (found.p, found.q),
        (found.dmp1, found.dmq1),
        found.iqmp,
    )


def rsa_public_numbers(key: PublicKey) -> tuple[int, int]:
    """Modulus and exponent of an RSA key. Raises TypeError for another kind."""
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("no RSA key")
    found = key.public_numbers()
    return found.n, found.e


def ec_numbers(key: PrivateKey) -> tuple[int, int, int]:
    """The private number of an EC key and its point's coordinates. Raises TypeError for another kind."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("no EC key")
    found = key.private_numbers()
    return found.private_value, found.public_numbers.x, found.public_numbers.y


def ec_public_numbers(key: PublicKey) -> tuple[int, int]:
    """The coordinates of an EC key's point. Raises TypeError for another kind."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("no EC key")
    found = key.public_numbers()
    return found.x, found.y
