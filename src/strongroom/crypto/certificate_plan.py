"""What a certificate is to say, and its making."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID

from strongroom.crypto import alternative_names, distinguished_name, signing_key
from strongroom.crypto.alternative_names import AlternativeNames
from strongroom.crypto.certificate import LONGEST, UNREADABLE, Certificate
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import SigningKey, VerifyingKey

_LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_EARLIEST = datetime(1950, 1, 1, tzinfo=UTC)

EXTENDED_USAGES: dict[str, str] = {
    "any": "2.5.29.37.0",
    "serverauth": ExtendedKeyUsageOID.SERVER_AUTH.dotted_string,
    "clientauth": ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,
    "codesigning": ExtendedKeyUsageOID.CODE_SIGNING.dotted_string,
    "emailprotection": ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
    "ipsecendsystem": "1.3.6.1.5.5.7.3.5",
    "ipsectunnel": "1.3.6.1.5.5.7.3.6",
    "ipsecuser": "1.3.6.1.5.5.7.3.7",
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING.dotted_string,
    "ocspsigning": ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string,
    "microsoftservergatedcrypto": "1.3.6.1.4.1.311.10.3.3",
    "netscapeservergatedcrypto": "2.16.840.1.113730.4.1",
    "microsoftcommercialcodesigning": "1.3.6.1.4.1.311.2.1.22",
    "microsoftkernelcodesigning": "1.3.6.1.4.1.311.61.1.1",
}
"""Object identifiers by the names of extended usages, in lower case."""

USAGES: dict[str, str] = {
    "digitalsignature": "digital_signature",
    "contentcommitment": "content_commitment",
    "keyencipherment": "key_encipherment",
    "dataencipherment": "data_encipherment",
    "keyagreement": "key_agreement",
    "certsign": "key_cert_sign",
    "crlsign": "crl_sign",
    "encipheronly": "encipher_only",
    "decipheronly": "decipher_only",
}
"""The bits of the key usage by their names, in lower case."""


@dataclass(slots=True)
class Policy:
    """A certificate policy, with what it may say to people."""

    oid: str
    cps: str = ""
    notice: str = ""


@dataclass(slots=True)
class Urls:
    """Where a certificate says its issuer, its CRL and its OCSP responder are found."""

    issuing_certificates: list[str] = field(default_factory=list)
    crl_distribution_points: list[str] = field(default_factory=list)
    delta_crl_distribution_points: list[str] = field(default_factory=list)
    ocsp_servers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What a certificate is to say. Times are seconds since the epoch; usages are names and identifiers.

    ``extensions`` are further ones, as object identifier, whether critical, and value in DER; they replace
    those that would be made.
    """

    public_key: VerifyingKey
    subject: Subject = field(default_factory=Subject)
    names: AlternativeNames = field(default_factory=AlternativeNames)
    not_before: int = 0
    not_after: int = 0
    serial: int = 0
    is_ca: bool = False
    path_length: int | None = None
    key_usage: list[str] = field(default_factory=list)
    ext_key_usage: list[str] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    permitted_dns_domains: list[str] = field(default_factory=list)
    urls: Urls = field(default_factory=Urls)
    says_non_ca: bool = False
    subject_key_id: bytes = b""
    extensions: list[tuple[str, bool, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Authority:
    """Who signs: a certificate and its private key."""

    certificate: Certificate
    key: SigningKey

    def __repr__(self) -> str:
        return "Authority(•••)"


def new_serial() -> int:
    """A random serial number of 20 octets, positive."""
    return x509.random_serial_number()


def moment(seconds: int) -> datetime:
    """The time of so many seconds since the epoch, within what a certificate can say."""
    try:
        return min(max(datetime.fromtimestamp(seconds, UTC), _EARLIEST), _LATEST)
    except (OverflowError, ValueError, OSError):
        return _LATEST


def sign(
    plan: Plan,
    key: SigningKey,
    authority: Certificate | None = None,
    *,
    signature_bits: int = 0,
    pss: bool = False,
) -> Certificate:
    """The certificate, signed with ``key``; without ``authority`` by itself.

    Raises ValueError for a plan that no certificate can hold.
    """
    subject = _encoded_name(plan.subject)
    builder = x509.CertificateBuilder(
        issuer_name=subject if authority is None else authority.parsed.subject,
        subject_name=subject,
        public_key=plan.public_key,
        serial_number=plan.serial or new_serial(),
        not_valid_before=moment(plan.not_before),
        not_valid_after=moment(plan.not_after),
        extensions=_extensions(plan, key, authority, subject),
    )
    digest = signing_key.digest_for(key, signature_bits)
    padding = signing_key.pss_for(key, digest) if pss else None
    made = Certificate(builder.sign(key, digest, rsa_padding=padding))  # type: ignore[arg-type]  # by kind
    if len(made.der) > LONGEST:
        raise ValueError("this is more than a certificate can hold")
    if not _is_plain(plan):
        _check_readable(made)
    return made


def _is_plain(plan: Plan) -> bool:
    """Whether all that a certificate says was checked letter by letter, as for most servers."""
    names = plan.names
    texts = names.uris or names.others or names.emails or names.encoded or plan.permitted_dns_domains
    return not (texts or plan.extensions or plan.policies or plan.is_ca)


def _check_readable(made: Certificate) -> None:
    try:
        made.parsed.extensions  # noqa: B018  reads them all
    except UNREADABLE:
        raise ValueError("a name, a policy or an extension is none that a certificate can hold") from None


def _encoded_name(subject: Subject) -> x509.Name:
    if not subject.encoded:
        return distinguished_name.name_of(subject)
    return x509.Name.from_bytes(subject.encoded)


Made = x509.Extension[x509.ExtensionType]


def _extensions(plan: Plan, key: SigningKey, authority: Certificate | None, subject: x509.Name) -> list[Made]:
    made: list[Made] = []
    if plan.key_usage:
        made.append(_usage(tuple(plan.key_usage)))
    if plan.ext_key_usage:
        made.append(_extended_usage(tuple(plan.ext_key_usage)))
    if plan.is_ca:
        made.append(_extension(x509.BasicConstraints(ca=True, path_length=plan.path_length), critical=True))
    elif plan.says_non_ca:
        made.append(_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True))
    identifier = plan.subject_key_id or signing_key.key_identifier(plan.public_key)
    made.append(_extension(x509.SubjectKeyIdentifier(identifier)))
    made.append(_above(identifier if authority is None else authority.subject_key_id))
    made += [_extension(value) for value in (*_pointers(plan.urls), *_policies(plan.policies))]
    if plan.permitted_dns_domains:
        permitted = [x509.DNSName(domain) for domain in plan.permitted_dns_domains]
        made.append(_extension(x509.NameConstraints(permitted, None), critical=True))
    if plan.names:
        names = alternative_names.extension_of(plan.names)
        made.append(_extension(names, critical=not subject.rdns))
    return _replaced(made, plan.extensions) if plan.extensions else made


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> Made:
    return x509.Extension(value.oid, critical, value)


# What is the same for all certificates of a role is made once.


@lru_cache(maxsize=256)
def _usage(names: tuple[str, ...]) -> Made:
    wanted = {USAGES[name.lower()] for name in names if name.lower() in USAGES}
    if not wanted & {"key_agreement"}:
        wanted -= {"encipher_only", "decipher_only"}
    return _extension(x509.KeyUsage(**{bit: bit in wanted for bit in USAGES.values()}), critical=True)


@lru_cache(maxsize=256)
def _extended_usage(oids: tuple[str, ...]) -> Made:
    return _extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in dict.fromkeys(oids)]))


@lru_cache(maxsize=256)
def _above(identifier: bytes) -> Made:
    return _extension(x509.AuthorityKeyIdentifier(identifier, None, None))


def _replaced(made: list[Made], wanted: Iterable[tuple[str, bool, bytes]]) -> list[Made]:
    given: dict[str, Made] = {}
    for dotted, critical, value in wanted:
        oid = x509.ObjectIdentifier(dotted)
        given[dotted] = x509.Extension(oid, critical, x509.UnrecognizedExtension(oid, value))
    return [one for one in made if one.oid.dotted_string not in given] + list(given.values())


def _pointers(urls: Urls) -> list[x509.ExtensionType]:
    found: list[x509.ExtensionType] = []
    described = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, places in (
            (AuthorityInformationAccessOID.OCSP, urls.ocsp_servers),
            (AuthorityInformationAccessOID.CA_ISSUERS, urls.issuing_certificates),
        )
        for url in places
    ]
    if described:
        found.append(x509.AuthorityInformationAccess(described))
    if urls.crl_distribution_points:
        found.append(x509.CRLDistributionPoints(_points(urls.crl_distribution_points)))
    if urls.delta_crl_distribution_points:
        found.append(x509.FreshestCRL(_points(urls.delta_crl_distribution_points)))
    return found


def _points(urls: list[str]) -> list[x509.DistributionPoint]:
    return [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]


def _policies(policies: list[Policy]) -> list[x509.ExtensionType]:
    if not policies:
        return []
    information: list[x509.PolicyInformation] = []
    for policy in policies:
        qualifiers: list[str | x509.UserNotice] = [policy.cps] if policy.cps else []
        if policy.notice:
            qualifiers.append(x509.UserNotice(None, policy.notice))
        information.append(x509.PolicyInformation(x509.ObjectIdentifier(policy.oid), qualifiers or None))
    return [x509.CertificatePolicies(information)]


def reissued(model: Certificate, key: SigningKey, authority: Certificate, *, serial: int = 0) -> Certificate:
    """The certificate with another issuer and another serial number, all else as it is."""
    own = {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.SUBJECT_KEY_IDENTIFIER}
    kept = [one for one in model.parsed.extensions if one.oid not in own]
    identifiers = [
        _extension(x509.SubjectKeyIdentifier(model.subject_key_id)),
        _above(authority.subject_key_id),
    ]
    builder = x509.CertificateBuilder(
        issuer_name=authority.parsed.subject,
        subject_name=model.parsed.subject,
        public_key=model.parsed.public_key(),
        serial_number=serial or new_serial(),
        not_valid_before=model.parsed.not_valid_before_utc,
        not_valid_after=model.parsed.not_valid_after_utc,
        extensions=[*kept, *identifiers],
    )
    return Certificate(builder.sign(key, signing_key.digest_for(key)))  # type: ignore[arg-type]  # by kind
