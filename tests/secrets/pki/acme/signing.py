"""What an ACME client signs (RFC 8555, section 6.2), made by hand so that tests can make it wrong.

Nothing here uses the server's own code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_CURVES: dict[str, tuple[str, str, hashes.HashAlgorithm]] = {
    "secp256r1": ("P-256", "ES256", hashes.SHA256()),
    "secp384r1": ("P-384", "ES384", hashes.SHA384()),
    "secp521r1": ("P-521", "ES512", hashes.SHA512()),
}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk(key: Key) -> dict[str, str]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        name = _CURVES[key.curve.name][0]
        return {"crv": name, "kty": "EC", "x": _number(point.x, size), "y": _number(point.y, size)}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    return {"crv": "Ed25519", "kty": "OKP", "x": b64(key.public_key().public_bytes_raw())}


def algorithm(key: Key) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES[key.curve.name][1]
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"


def thumbprint(key: Key) -> str:
    return b64(hashlib.sha256(dumps(jwk(key))).digest())


def _signature(key: Key, signed: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(_CURVES[key.curve.name][2])))
        size = (key.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, PKCS1v15(), hashes.SHA256())
    return key.sign(signed)


def signed(key: Key, protected: dict[str, Any], payload: Any) -> dict[str, str]:
    """A flattened JWS; ``payload`` None is the empty one of POST-as-GET."""
    head = b64(dumps({"alg": algorithm(key)} | protected))
    body = "" if payload is None else b64(payload if isinstance(payload, bytes) else dumps(payload))
    return {
        "protected": head,
        "payload": body,
        "signature": b64(_signature(key, f"{head}.{body}".encode())),
    }


def binding(kid: str, mac_key: str, account: Key, url: str, **header: Any) -> dict[str, str]:
    """An external account binding (section 7.3.4)."""
    head = b64(dumps({"alg": "HS256", "kid": kid, "url": url} | header))
    body = b64(dumps(jwk(account)))
    mac = hmac.digest(unb64(mac_key), f"{head}.{body}".encode(), "sha256")
    return {"protected": head, "payload": body, "signature": b64(mac)}


def csr(key: Key, *names: str, cn: str | None = None, others: tuple[x509.GeneralName, ...] = ()) -> str:
    """A certificate signing request for DNS names, base64url of DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn is not None else [])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    sans: list[x509.GeneralName] = [*(x509.DNSName(name) for name in names), *others]
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    request = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return b64(request.public_bytes(serialization.Encoding.DER))


@dataclass(slots=True)
class Account:
    """A client's key and what it knows about its account."""

    key: Key = field(default_factory=ec_key)
    url: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """How the client says who it is: by its account's address once it has one, before that by its key."""
        return {"kid": self.url} if self.url else {"jwk": jwk(self.key)}


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for all tests: drawing one takes long."""
    return rsa.generate_private_key(65537, 2048)


def hashed(authorization: str) -> str:
    """What stands in the TXT record for a key authorization."""
    return b64(hashlib.sha256(authorization.encode()).digest())


def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()
