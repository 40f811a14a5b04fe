"""Keys as OpenSSH writes them: public ones read and judged, private ones read, drawn and written.

Source: RFC 4253 section 6.6, RFC 5656, RFC 8709; OpenSSH's PROTOCOL.u2f for keys that live in a
security token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from strongroom.crypto import private_key
from strongroom.crypto.private_key import PrivateKey

ECDSA = {f"ecdsa-sha2-nistp{bits}": bits for bits in (256, 384, 521)}
FAMILIES = {"ssh-rsa": "rsa", "ssh-ed25519": "ed25519", "sk-ssh-ed25519@openssh.com": "ed25519",
            "sk-ecdsa-sha2-nistp256@openssh.com": "ecdsa", **dict.fromkeys(ECDSA, "ecdsa")}  # fmt: skip
"""The types of keys that are certified, and the family that each belongs to."""
LONGEST = 16384
"""Characters of a public key and bits of an RSA key, at most: OpenSSH takes no larger ones."""
SMALLEST_RSA = 2048


class BadKey(ValueError):
    """Not a key, or not one of those that are served. Says which, without repeating any of it."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its type, its size in bits (0 where a type has one size), its wire form."""

    type: str
    bits: int
    blob: bytes

    @property
    def family(self) -> str:
        """rsa, ecdsa or ed25519."""
        return FAMILIES[self.type]

    @property
    def line(self) -> str:
        """The key as one line of a file, without a comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def hash(self) -> str:
        """SHA-256 of the wire form, in hexadecimal."""
        return hashlib.sha256(self.blob).hexdigest()


def packed(data: bytes) -> bytes:
    """A string of the wire: its length, then its bytes."""
    return struct.pack(">I", len(data)) + data


def unpacked(blob: bytes) -> list[bytes]:
    """The strings that a blob consists of. Raises BadKey."""
    found, at = [], 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if end > len(blob) or at + 4 > len(blob):
            raise BadKey("the key ends too early")
        found.append(blob[at + 4 : end])
        at = end
    return found


def read_public(text: str) -> PublicKey:
    """The first key in a text: type, base64 and perhaps a comment, or the base64 alone. Raises BadKey."""
    line = next((line.strip() for line in text[: 2 * LONGEST].splitlines() if line.strip()), "")
    words = line.split(None, 2)
    encoded = words[0] if len(words) == 1 else words[1] if words else ""
    if len(encoded) > LONGEST:
        raise BadKey("the key is too long")
    try:
        blob = base64.b64decode(encoded.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("it is not base64") from None
    return _judged(blob)


def _judged(blob: bytes) -> PublicKey:
    """A key by its wire form, once that is known to be one. Raises BadKey."""
    parts = unpacked(blob)
    type_ = parts[0].decode("ascii", "replace") if parts else ""
    if type_ not in FAMILIES:
        raise BadKey("this type of key is not certified")
    if type_.startswith("sk-"):
        _check_token_key(type_, parts)
        return PublicKey(type_, 256 if FAMILIES[type_] == "ecdsa" else 0, blob)
    line = f"{type_} {base64.b64encode(blob).decode()}".encode()
    try:
        key = serialization.load_ssh_public_key(line)
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):  # the last for points in short form
        raise BadKey("it is damaged") from None
    bits = key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 0
    if bits > LONGEST:
        raise BadKey("the key is too long")
    return PublicKey(type_, bits, blob)


def _check_token_key(type_: str, parts: list[bytes]) -> None:
    """Raise BadKey unless this is the public key of one in a security token: a point, an application."""
    try:
        if FAMILIES[type_] == "ecdsa":
            _, curve, point, _application = parts
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            if curve != b"nistp256":
                raise BadKey("it is damaged")
        else:
            _, point, _application = parts
            ed25519.Ed25519PublicKey.from_public_bytes(point)
    except ValueError:
        raise BadKey("it is damaged") from None


def read_private(text: str) -> PrivateKey:
    """The private key in a text, as OpenSSH or OpenSSL write it, without a passphrase. Raises BadKey."""
    data = text.encode()
    try:
        if b"BEGIN OPENSSH PRIVATE KEY" not in data:
            return private_key.load(data)
        key = serialization.load_ssh_private_key(data, None)
    except TypeError:
        raise BadKey("it has a passphrase") from None
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        raise BadKey("it is no private key that can be read") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise BadKey("this type of key is not served")
    return key


def public_of(key: PrivateKey) -> PublicKey:
    """The public half of a private key. Raises BadKey for a curve that SSH does not have."""
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    try:
        return read_public(key.public_key().public_bytes(encoding, form).decode())
    except ValueError:
        raise BadKey("this type of key is not served") from None


def draw(type_: str, bits: int = 0) -> PrivateKey:
    """A fresh key: ``type_`` rsa, ec, ed25519, or a type of SSH. Raises BadKey.

    ``bits`` 0 is 4096 for RSA and 256 for EC. RSA takes seconds: not for an event loop.
    """
    if type_ in {"rsa", "ssh-rsa"}:
        wanted = bits or 4096
        if wanted < SMALLEST_RSA:
            raise BadKey(f"refusing to generate weak rsa key: {wanted} bits < {SMALLEST_RSA} bits")
        if wanted not in private_key.SIZES["rsa"]:
            raise BadKey(f"an rsa key has 2048, 3072 or 4096 bits, not {wanted}")
        return private_key.generate("rsa", wanted)
    if type_ in {"ed25519", "ssh-ed25519"}:
        return private_key.generate("ed25519")
    if type_ == "ec" or type_ in ECDSA:
        wanted = ECDSA.get(type_, bits or 256)
        if wanted not in ECDSA.values():
            raise BadKey(f"unknown ECDSA key pair algorithm and bits: {type_} / {bits}")
        return private_key.generate("ec", wanted)
    raise BadKey(f"unknown ssh key pair algorithm: {type_}")


def handed_out(key: PrivateKey) -> str:
    """A private key in the form that every SSH client reads."""
    own = isinstance(key, ed25519.Ed25519PrivateKey)
    form = serialization.PrivateFormat.OpenSSH if own else serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
