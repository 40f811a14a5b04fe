"""Certificates of OpenSSH: a public key, whom or which host it stands for, how long, and what it allows.

Written here rather than by a library, as the key is taken over byte by byte: so keys in security tokens
are certified too, and the signature algorithm of an RSA issuer can be chosen.

Source: OpenSSH's PROTOCOL.certkeys; RFC 8332 for the algorithms of RSA.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from strongroom.crypto.entropy import random_bytes
from strongroom.crypto.private_key import PrivateKey
from strongroom.crypto.ssh_key import PublicKey, packed, public_of

Kind = Literal["user", "host"]
_KINDS: dict[Kind, int] = {"user": 1, "host": 2}
MOST_PRINCIPALS = 256
"""Principals of a certificate; OpenSSH refuses one with more."""

RSA_ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "rsa-sha2-256": hashes.SHA256,
    "rsa-sha2-512": hashes.SHA512,
    "ssh-rsa": hashes.SHA1,
}
"""How an RSA issuer may sign, the usual one first. The last is refused by OpenSSH since 8.2."""
_EC_HASHES: dict[int, type[hashes.HashAlgorithm]] = {
    256: hashes.SHA256,
    384: hashes.SHA384,
    521: hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is certified. Times are seconds since 1970. No principals means: all there are."""

    key: PublicKey
    kind: Kind
    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical_options: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)

    def sign(self, issuer: PrivateKey, algorithm: str = "") -> str:
        """The certificate as one line of a file, without a comment.

        ``algorithm`` is one of :data:`RSA_ALGORITHMS`; empty the first of them. Raises ValueError for one
        that the issuer's key does not have.
        """
        ca = public_of(issuer)
        body = self._body() + packed(ca.blob)
        blob = body + packed(_signature(issuer, ca.type, algorithm, body))
        return f"{self.type} {base64.b64encode(blob).decode()}"

    @property
    def type(self) -> str:
        """The type of the certificate, which goes with that of its key."""
        return f"{self.key.type.removesuffix('@openssh.com')}-cert-v01@openssh.com"

    def _body(self) -> bytes:
        """All that is signed, up to the issuer's key."""
        own_fields = self.key.blob[len(packed(self.key.type.encode())) :]
        return b"".join(
            (
                packed(self.type.encode()),
                packed(random_bytes(32)),
                own_fields,
                struct.pack(">QI", self.serial, _KINDS[self.kind]),
                packed(self.key_id.encode()),
                packed(b"".join(packed(name.encode()) for name in self.principals)),
                struct.pack(">QQ", self.valid_after, self.valid_before),
                packed(_options(self.critical_options)),
                packed(_options(self.extensions)),
                packed(b""),
            )
        )


def _options(options: Mapping[str, str]) -> bytes:
    """Options in the order of their bytes; a value is a string within the string, an empty one nothing."""
    encoded = {name.encode(): value.encode() for name, value in options.items()}
    return b"".join(
        packed(name) + packed(packed(encoded[name]) if encoded[name] else b"") for name in sorted(encoded)
    )


def _signature(key: PrivateKey, type_: str, algorithm: str, body: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        name = algorithm or next(iter(RSA_ALGORITHMS))
        return packed(name.encode()) + packed(key.sign(body, padding.PKCS1v15(), RSA_ALGORITHMS[name]()))
    if algorithm:
        raise ValueError(f"a key of type {type_} does not sign by {algorithm}")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(body, ec.ECDSA(_EC_HASHES[key.key_size]())))
        return packed(type_.encode()) + packed(_number(r) + _number(s))
    return packed(type_.encode()) + packed(key.sign(body))


def _number(value: int) -> bytes:
    """A positive number of the wire (RFC 4251): no leading zeros, but where the first bit is set."""
    return packed(value.to_bytes(value.bit_length() // 8 + 1, "big"))
