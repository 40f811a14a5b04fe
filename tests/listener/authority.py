"""Certificates for the tests."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


@dataclass
class Issued:
    """A certificate, its key, and what issued it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: Issued | None

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def save(self, folder: Path, name: str, *chain: Issued) -> tuple[str, str]:
        """Write certificate (and ``chain``) and key; the paths."""
        cert, key = folder / f"{name}.crt", folder / f"{name}.key"
        cert.write_text("".join(one.pem for one in (self, *chain)))
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(cert), str(key)


def issue(name: str, issuer: Issued | None = None, *, ca: bool = False) -> Issued:
    """A certificate for ``name``, self-signed without ``issuer``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, issuer)


def client_context(ca: Issued, cert: tuple[str, str] | None = None) -> ssl.SSLContext:
    """A client that trusts ``ca`` and shows ``cert``."""
    context = ssl.create_default_context(cadata=ca.pem)
    if cert is not None:
        context.load_cert_chain(*cert)
    return context
