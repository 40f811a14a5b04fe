"""Certificates of the plainest kind, for what needs TLS among its own: an authority, and servers below it.

As templates make them. What is issued to others comes from the PKI engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.crypto.private_key import PrivateKey, generate, load, pem, traditional_pem

BITS = 2048
"""Of the RSA keys of certificates whose key is not given."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, as PEM texts."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Pair(•••)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is for. An authority signs others, and is no server itself."""

    common_name: str
    now: datetime
    days: int
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    authority: bool = False


def new_key(kind: str) -> str:
    """A fresh private key as PEM: ``rsa`` of 4096 bits, ``dsa``, ``ecdsa``, ``ed25519``; or ValueError."""
    match kind:
        case "" | "rsa":
            return traditional_pem(generate("rsa", 4096))
        case "dsa":
            form = serialization.PrivateFormat.TraditionalOpenSSL
            key = dsa.generate_private_key(BITS)
            return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        case "ecdsa":
            return traditional_pem(generate("ec", 256))
        case "ed25519":
            return pem(generate("ed25519"))
    raise ValueError("there is no such kind of key")


def issue(wanted: Wanted, key: str = "", signer: Pair | None = None) -> Pair:
    """A certificate for a key, or for a fresh one of RSA, signed by an authority or by itself.

    Raises ValueError for keys, certificates, names and addresses that cannot be read.
    """
    own = load(key.encode()) if key else generate("rsa", BITS)
    authority = _authority(signer) if signer else None
    builder = _described(wanted, own)
    if authority is None:
        builder = builder.issuer_name(_name(wanted.common_name))
    else:
        builder = builder.issuer_name(authority.subject)
        builder = _below(builder, authority)
    signing = load(signer.key.encode()) if signer else own
    algorithm = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = builder.sign(signing, algorithm)
    return Pair(made.public_bytes(serialization.Encoding.PEM).decode(), _written(own))


def check(certificate: bytes, key: bytes) -> None:
    """Raises ValueError unless both can be read."""
    _loaded(certificate)
    load(key)


def _loaded(certificate: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("this is no certificate that can be read") from None


def _authority(signer: Pair) -> x509.Certificate:
    return _loaded(signer.certificate.encode())


def _written(key: PrivateKey) -> str:
    plain = isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return traditional_pem(key) if plain else pem(key)


def _name(common_name: str) -> x509.Name:
    if not common_name:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _described(wanted: Wanted, key: PrivateKey) -> x509.CertificateBuilder:
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(wanted.common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wanted.now)
        .not_valid_after(wanted.now + timedelta(days=wanted.days))
        .add_extension(_usage(signs=wanted.authority), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.BasicConstraints(ca=wanted.authority, path_length=None), critical=True)
    )
    if wanted.authority:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    names = _alternatives(wanted)
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder


def _alternatives(wanted: Wanted) -> list[x509.GeneralName]:
    addresses = [x509.IPAddress(ip_address(address)) for address in wanted.addresses]
    return [*(x509.DNSName(name) for name in wanted.names), *addresses]


def _below(builder: x509.CertificateBuilder, authority: x509.Certificate) -> x509.CertificateBuilder:
    """With a pointer to the authority's key, if that has a name."""
    try:
        known = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return builder
    pointer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
    return builder.add_extension(pointer, critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=signs,
        crl_sign=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
