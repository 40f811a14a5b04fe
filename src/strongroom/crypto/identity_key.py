"""Key pairs and certificates by which a user of another system proves who it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.crypto import private_key
from strongroom.crypto.private_key import Kind, PrivateKey

_CLOCK_SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """PEM texts; the private key in PKCS #8."""

    private: str
    public: str

    def __repr__(self) -> str:
        return "KeyPair(•••)"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """PEM texts, and the distinguished name as RFC 4514 writes it."""

    certificate: str
    private: str
    subject: str

    def __repr__(self) -> str:
        return f"ClientCertificate({self.subject!r})"


def rsa_key_pair(bits: int) -> KeyPair:
    """A fresh pair. Takes some 0.2 seconds for 2048 bits: not for an event loop."""
    key = private_key.generate("rsa", bits)
    return KeyPair(private_key.pem(key), private_key.public_pem(key.public_key()))


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs the certificates of users: PEM texts."""

    certificate: str
    private: str

    def check(self) -> None:
        """Raise ValueError when the two do not belong together or cannot be read."""
        certificate, key = self._loaded()
        if certificate.public_key() != key.public_key():
            raise ValueError("the private key is not that of the certificate")

    def issue(self, common_name: str, *, kind: Kind, bits: int, now: int, ttl: int) -> ClientCertificate:
        """A certificate of a client's, for ``ttl`` seconds from ``now`` (seconds since the epoch)."""
        authority, signer = self._loaded()
        key = private_key.generate(kind, bits)
        moment = datetime.fromtimestamp(now, UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - _CLOCK_SKEW)
            .not_valid_after(min(moment + timedelta(seconds=ttl), authority.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        signed = builder.sign(signer, algorithm)
        pem = signed.public_bytes(serialization.Encoding.PEM).decode()
        return ClientCertificate(pem, private_key.pem(key), name.rfc4514_string())

    def _loaded(self) -> tuple[x509.Certificate, PrivateKey]:
        certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        return certificate, private_key.load(self.private.encode())
