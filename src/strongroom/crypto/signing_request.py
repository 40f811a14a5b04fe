"""Requests for certificates (PKCS #10): read and checked, and made."""

from __future__ import annotations

from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from strongroom.crypto import alternative_names, distinguished_name, signing_key
from strongroom.crypto.alternative_names import AlternativeNames
from strongroom.crypto.certificate import UNREADABLE, is_der
from strongroom.crypto.certificate_plan import USAGES
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import SigningKey, VerifyingKey

_LIMIT = 256 * 1024


class SigningRequest:
    """A request that was read, whose signature holds."""

    def __init__(self, parsed: x509.CertificateSigningRequest) -> None:
        self.parsed = parsed

    @cached_property
    def der(self) -> bytes:
        """The request itself."""
        return self.parsed.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        """The request as PEM, without a line's end at the end."""
        return self.parsed.public_bytes(serialization.Encoding.PEM).decode().rstrip("\n")

    @cached_property
    def subject(self) -> Subject:
        """What the engine knows of the subject that is asked for."""
        return distinguished_name.subject_of(self.parsed.subject)

    @cached_property
    def subject_der(self) -> bytes:
        """The subject as it stands there."""
        return self.parsed.subject.public_bytes()

    @cached_property
    def public_key(self) -> VerifyingKey:
        """The key that is to be certified; not a weak one."""
        return self.parsed.public_key()  # type: ignore[return-value]  # load looked at its kind

    @cached_property
    def names(self) -> AlternativeNames:
        """The alternative names that are asked for. Raises ValueError for kinds that cannot be judged."""
        for extension in self.parsed.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                return alternative_names.names_of(extension.value)
        return AlternativeNames()

    @cached_property
    def key_usage(self) -> list[str] | None:
        """The usages that are asked for, by their names; None where the request does not say."""
        for extension in self.parsed.extensions:
            usage = extension.value
            if isinstance(usage, x509.KeyUsage):
                agreement = ("encipher_only", "decipher_only") if usage.key_agreement else ()
                bits = [bit for bit in USAGES.values() if not bit.endswith("_only") or bit in agreement]
                return [name for name, bit in USAGES.items() if bit in bits and getattr(usage, bit)]
        return None

    @property
    def wants_authority(self) -> bool:
        """Whether it asks to be an authority."""
        return any(
            isinstance(one.value, x509.BasicConstraints) and one.value.ca for one in self.parsed.extensions
        )

    @cached_property
    def extensions(self) -> list[tuple[str, bool, bytes]]:
        """All that it asks for besides names: object identifier, whether critical, value in DER."""
        return [
            (one.oid.dotted_string, one.critical, one.value.public_bytes()) for one in self.parsed.extensions
        ]


def load(data: bytes) -> SigningRequest:
    """The request in a PEM text or in DER.

    Raises ValueError for what is none, for keys that no one should certify, and where the request is not
    signed with the key it names.
    """
    if len(data) > _LIMIT:
        raise ValueError("this is too long for a certificate request")
    read = x509.load_der_x509_csr if is_der(data) else x509.load_pem_x509_csr
    try:
        request = SigningRequest(read(data))
        _ = request.extensions
        key = request.parsed.public_key()
    except UNREADABLE:
        raise ValueError("this is no certificate request that can be read") from None
    signing_key.check_public(key)
    if not request.parsed.is_signature_valid:
        raise ValueError("the request is not signed with the key it names")
    return request


def make(
    key: SigningKey,
    subject: Subject,
    names: AlternativeNames,
    *,
    signature_bits: int = 0,
    says_authority: bool = False,
    pss: bool = False,
) -> SigningRequest:
    """A request signed with ``key``. Raises ValueError for names that no certificate can hold."""
    builder = x509.CertificateSigningRequestBuilder(distinguished_name.name_of(subject))
    if names:
        builder = builder.add_extension(alternative_names.extension_of(names), critical=False)
    if says_authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    digest = signing_key.digest_for(key, signature_bits)
    padding = signing_key.pss_for(key, digest) if pss else None
    made = SigningRequest(builder.sign(key, digest, rsa_padding=padding))  # type: ignore[arg-type]  # by kind
    try:
        _ = made.extensions
    except UNREADABLE:
        raise ValueError("a name is none that a certificate can hold") from None
    return made
