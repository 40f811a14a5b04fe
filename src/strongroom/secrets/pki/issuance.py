"""The decision what a certificate says: a role, what is wanted, and a request, to a plan. Pure.

:func:`plan` is the one place where certificates for others than authorities are decided on: issuing,
signing, and whatever protocol asks for certificates go through it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from strongroom.crypto.alternative_names import Address, AlternativeNames, OtherName
from strongroom.crypto.certificate_plan import EXTENDED_USAGES, USAGES, Plan
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import VerifyingKey, bits_of, kind_of
from strongroom.crypto.signing_request import SigningRequest
from strongroom.errors import BadRequest
from strongroom.policy.template import lookup
from strongroom.secrets.pki import names, validity
from strongroom.secrets.pki.names import Domains, ascii_name
from strongroom.secrets.pki.role import Role, policies_of

_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[\w.~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_BASIC_CONSTRAINTS = "2.5.29.19"
_UNCOPIED = frozenset({_BASIC_CONSTRAINTS, "2.5.29.14", "2.5.29.35", "2.5.29.15"})
"""Extensions of a request that are never taken over as they are: who is an authority, the identifiers of
keys, and their usage."""
_AUTHORITY_USAGE = "certsign"
"""The usage that RFC 5280 leaves to authorities. Without constraints beside it some take it for being one."""

IGNORED_USAGE = "the usage CertSign was left out, as the certificate is not that of an authority"
IGNORED_CONSTRAINTS = "specified CSR contained a Basic Constraints extension that was ignored during issuance"


@dataclass(slots=True)
class Wanted:
    """What someone wants a certificate to say; the names are those of the API, ``ttl`` is seconds."""

    common_name: str = ""
    alt_names: list[str] = field(default_factory=list)
    ip_sans: list[str] = field(default_factory=list)
    uri_sans: list[str] = field(default_factory=list)
    other_sans: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)
    serial_number: str = ""
    ttl: int = 0
    not_after: str = ""
    not_before: str = ""
    exclude_cn_from_sans: bool = False


@dataclass(slots=True)
class Circumstances:
    """What else counts: the time in seconds, the mount's default and longest TTL, who asks."""

    now: int
    ttls: tuple[int, int]
    identity: Mapping[str, Any] = field(default_factory=dict)


def verbatim(role: Role | None) -> Role:
    """The role for signing a request as it is: it allows all, and takes what is no rule from ``role``."""
    taken = role or Role()
    return Role(
        allow_any_name=True,
        allow_wildcard_certificates=True,
        enforce_hostnames=False,
        cn_validations=["disabled"],
        require_cn=False,
        allowed_uri_sans=["*"],
        allowed_other_sans=["*"],
        allowed_serial_numbers=["*"],
        allowed_user_ids=["*"],
        key_type="any",
        client_flag=False,
        server_flag=False,
        ttl=taken.ttl,
        max_ttl=taken.max_ttl,
        no_store=taken.no_store,
        generate_lease=bool(role) and taken.generate_lease,
        not_before_duration=taken.not_before_duration,
        issuer_ref=taken.issuer_ref,
        signature_bits=taken.signature_bits,
        use_pss=taken.use_pss,
    )


def plan(
    role: Role,
    wanted: Wanted,
    key: VerifyingKey,
    around: Circumstances,
    *,
    csr: SigningRequest | None = None,
    as_it_is: bool = False,
) -> tuple[Plan, list[str]]:
    """What the certificate for ``key`` says, and warnings. Raises BadRequest where the role is against it.

    ``csr`` is the request that brought the key, if one did. ``as_it_is`` takes the whole subject, all
    names and all extensions from it, but for those that would make an authority.
    """
    try:
        return _plan(role, wanted, key, around, csr, as_it_is=as_it_is)
    except ValueError as error:  # a request's own names that cannot be judged
        raise BadRequest(str(error)) from None


def _plan(
    role: Role,
    wanted: Wanted,
    key: VerifyingKey,
    around: Circumstances,
    csr: SigningRequest | None,
    *,
    as_it_is: bool,
) -> tuple[Plan, list[str]]:
    check_key(role, key)
    valid = validity.of(
        role,
        around.now,
        around.ttls,
        ttl=wanted.ttl,
        not_after=wanted.not_after,
        not_before=wanted.not_before,
    )
    subject, alternatives = allowed_names(role, wanted, csr, around.identity)
    warnings = valid.warnings + _ignored(role, wanted, csr)
    extensions: list[tuple[str, bool, bytes]] = []
    usage = role.key_usage
    if as_it_is and csr is not None:
        subject, alternatives = Subject(encoded=csr.subject_der), csr.names
        extensions = [one for one in csr.extensions if one[0] not in _UNCOPIED]
        usage = usage if csr.key_usage is None else csr.key_usage
    if any(name.lower() == _AUTHORITY_USAGE for name in usage):
        warnings.append(IGNORED_USAGE)
    made = Plan(
        public_key=key,
        subject=subject,
        names=alternatives,
        not_before=valid.not_before,
        not_after=valid.not_after,
        key_usage=[name for name in usage if name.lower() in USAGES and name.lower() != _AUTHORITY_USAGE],
        ext_key_usage=extended_usages(role),
        policies=policies_of(role.policy_identifiers),
        says_non_ca=role.basic_constraints_valid_for_non_ca,
        extensions=extensions,
    )
    return made, warnings


def check_key(role: Role, key: VerifyingKey) -> None:
    """Raise BadRequest for a key of another kind than the role wants, or a smaller one."""
    if role.key_type == "any":
        return
    if kind_of(key) != role.key_type:
        raise BadRequest(f"role requires keys of type {role.key_type}")
    if bits_of(key) < role.key_bits:
        raise BadRequest(
            f"role requires a minimum of a {role.key_bits}-bit key, but CSR's key is {bits_of(key)} bits"
        )


def extended_usages(role: Role) -> list[str]:
    """Object identifiers of what the role says certificates are for."""
    flags = {
        "serverauth": role.server_flag,
        "clientauth": role.client_flag,
        "codesigning": role.code_signing_flag,
        "emailprotection": role.email_protection_flag,
    }
    wanted = [name for name, on in flags.items() if on] + [name.lower() for name in role.ext_key_usage]
    return [EXTENDED_USAGES[name] for name in wanted if name in EXTENDED_USAGES] + role.ext_key_usage_oids


# -- names -----------------------------------------------------------------------------------------


def allowed_names(
    role: Role, wanted: Wanted, csr: SigningRequest | None, identity: Mapping[str, Any]
) -> tuple[Subject, AlternativeNames]:
    """The subject and the alternative names. Raises BadRequest for one that the role does not allow."""
    common_name = csr.subject.common_name if csr is not None and role.use_csr_common_name else ""
    common_name = common_name or wanted.common_name
    if not common_name and role.require_cn:
        raise BadRequest(
            "the common_name field is required, or must be provided in a CSR with "
            '"use_csr_common_name" set to true, unless "require_cn" is set to false'
        )
    from_csr = csr is not None and role.use_csr_sans
    alternatives = csr_names(csr) if csr is not None and from_csr else AlternativeNames()
    if common_name and not wanted.exclude_cn_from_sans:
        add_name(alternatives, common_name)
    if not from_csr:
        add_wanted(alternatives, role, wanted)
    if csr is not None:
        serial = wanted.serial_number or csr.subject.serial_number
        user_ids = wanted.user_ids or csr.subject.user_ids
    else:
        serial, user_ids = wanted.serial_number, wanted.user_ids
    _check(role, common_name, alternatives, user_ids, identity, from_csr=from_csr)
    names.check_serial_number(role, serial)
    names.check_user_ids(role, user_ids)
    alternatives.dns = list(dict.fromkeys(alternatives.dns))
    alternatives.emails = list(dict.fromkeys(alternatives.emails))
    subject = Subject(
        common_name=common_name,
        serial_number=serial,
        country=role.country,
        organization=role.organization,
        ou=role.ou,
        locality=role.locality,
        province=role.province,
        street_address=role.street_address,
        postal_code=role.postal_code,
        user_ids=user_ids,
    )
    return subject, alternatives


def _check(
    role: Role,
    common_name: str,
    alternatives: AlternativeNames,
    user_ids: list[str],
    identity: Mapping[str, Any],
    *,
    from_csr: bool,
) -> None:
    rendered = _rendered(role, role.allowed_domains, identity, templated=role.allowed_domains_template)
    domains = names.Allowed.of(role, rendered)
    names.check_effort(role, domains, alternatives, user_ids)
    if common_name:
        names.check_common_name(role, domains, common_name)
    judged = common_name if role.cn_validations != ["disabled"] else ""
    names.check_alternatives(
        role,
        domains,
        [name for name in alternatives.dns if name != judged],
        [name for name in alternatives.emails if name != judged],
    )
    names.check_others(role, alternatives.others)
    names.check_addresses(role, alternatives.addresses)
    if alternatives.addresses and not role.allow_ip_sans:
        source = "via CSR" if from_csr else "via the API"
        raise BadRequest(
            f"IP Subject Alternative Names are not allowed in this role, but was provided {source}"
        )
    names.check_uris(
        role,
        alternatives.uris,
        lambda text: _rendered(role, [text], identity, templated=role.allowed_uri_sans_template),
        "CSR" if from_csr else "the API",
    )


def csr_names(csr: SigningRequest) -> AlternativeNames:
    """A copy of the names that a request asks for."""
    found = csr.names
    return AlternativeNames(
        list(found.dns), list(found.emails), list(found.addresses), list(found.uris), list(found.others)
    )


def add_wanted(alternatives: AlternativeNames, role: Role | None, wanted: Wanted) -> None:
    """Add the alternative names that are asked for by parameters. Raises BadRequest for what is none."""
    if role is not None and wanted.ip_sans and not role.allow_ip_sans:
        raise BadRequest(
            "IP Subject Alternative Names are not allowed in this role, but was provided via the API"
        )
    alternatives.addresses += [address_of(text) for text in wanted.ip_sans]
    alternatives.uris += [uri_of(text) for text in wanted.uri_sans]
    alternatives.others += [_other(text) for text in wanted.other_sans]
    for name in wanted.alt_names:
        add_name(alternatives, name)


def add_name(alternatives: AlternativeNames, name: str) -> None:
    """Add a name as what it is; one that can be neither of mail nor of a host is left out."""
    if "@" in name:
        alternatives.emails.append(name)
        return
    converted = ascii_name(name)
    if names.is_hostname(converted):
        alternatives.dns.append(converted)


def address_of(text: str) -> Address:
    """The IP address; one of IPv4 within IPv6 is that of IPv4. Raises BadRequest."""
    try:
        found = ipaddress.ip_address("" if "%" in text else text)  # an interface is no part of an address
    except ValueError:
        raise BadRequest(f'the value "{text}" is not a valid IP address') from None
    return getattr(found, "ipv4_mapped", None) or found


def uri_of(text: str) -> str:
    """The URI, which is an absolute one as RFC 5280 wants it. Raises BadRequest."""
    try:
        parts = urlsplit(text)
        fine = _URI.fullmatch(text) is not None and bool(parts.netloc or parts.path or parts.query)
        _ = parts.port
    except ValueError:
        fine = False
    if not fine:
        raise BadRequest(f'the provided URI Subject Alternative Name "{text}" is not a valid URI')
    return text


def _other(text: str) -> OtherName:
    try:
        return names.other_name(text)
    except BadRequest as error:
        raise BadRequest(f"could not parse requested other SAN: {error.public}") from None


def _rendered(role: Role, texts: list[str], identity: Mapping[str, Any], *, templated: bool) -> Domains:
    """Texts with what they say of the identity; one that asks for what is not there allows nothing.

    What comes from an identity is never a glob, unless the role says so.
    """
    if not templated:
        return [(text, True) for text in texts]
    rendered: Domains = []
    for text in texts:
        values = [lookup(match[1].strip(), identity) for match in _DIRECTIVE.finditer(text)]
        if any(not value for value in values):
            continue
        if any("*" in str(value) for value in values) and not role.allow_globs_in_identity_templates:
            continue
        rendered.append((_filled(text, [str(value) for value in values]), True))
    return rendered


def _filled(text: str, values: list[str]) -> str:
    parts = iter(values)
    return _DIRECTIVE.sub(lambda _: next(parts), text)


def _ignored(role: Role, wanted: Wanted, csr: SigningRequest | None) -> list[str]:
    """Warnings of what was given and counts for nothing."""
    if csr is None:
        return []
    warnings = []
    if wanted.common_name and role.use_csr_common_name:
        warnings.append(
            'the common_name field was provided but the role is set with "use_csr_common_name" set to true'
        )
    if wanted.alt_names and role.use_csr_sans:
        warnings.append(
            'the alt_names field was provided but the role is set with "use_csr_sans" set to true'
        )
    if any(oid == _BASIC_CONSTRAINTS for oid, _, _ in csr.extensions):
        warnings.append(IGNORED_CONSTRAINTS)
    return warnings
