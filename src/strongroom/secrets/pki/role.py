"""Roles: what certificates people may have of this mount."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.crypto.certificate_plan import Policy
from strongroom.crypto.signing_key import SIZES
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki import names, validity

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

USUAL_USAGE = ["DigitalSignature", "KeyAgreement", "KeyEncipherment"]
_LEASES = (
    "generate_lease makes a lease for each certificate; certificates end by themselves, and can be revoked "
    "without one"
)
_EXCLUSIVE = (
    "mutually exclusive values no_store=true and generate_lease=true were both specified; "
    "no_store=true takes priority"
)
_NO_DEFAULT = (
    "Issuing Certificate was set to default, but no default issuing certificate (configurable at "
    "/config/issuers) is currently set"
)
SIGNATURE_BITS = (0, 256, 384, 512)
_BOUNDS_AFTER = ("permit", "ttl-limited", "forbid")
_BOUNDS_BEFORE = ("permit", "duration", "forbid")


@dataclass(slots=True)
class Role:
    """What a role allows and prescribes; the names are those of the API. Durations are seconds."""

    allow_any_name: bool = False
    allow_bare_domains: bool = False
    allow_glob_domains: bool = False
    allow_globs_in_identity_templates: bool = False
    allow_ip_sans: bool = True
    allow_localhost: bool = True
    allow_subdomains: bool = False
    allow_token_displayname: bool = False
    allow_wildcard_certificates: bool = True
    allowed_domains: list[str] = item(default_factory=list)
    allowed_domains_template: bool = False
    allowed_ip_sans_cidr: list[str] = item(default_factory=list)
    allowed_other_sans: list[str] = item(default_factory=list)
    allowed_serial_numbers: list[str] = item(default_factory=list)
    allowed_uri_sans: list[str] = item(default_factory=list)
    allowed_uri_sans_template: bool = False
    allowed_user_ids: list[str] = item(default_factory=list)
    basic_constraints_valid_for_non_ca: bool = False
    client_flag: bool = True
    cn_validations: list[str] = item(default_factory=lambda: ["email", "hostname"])
    code_signing_flag: bool = False
    country: list[str] = item(default_factory=list)
    email_protection_flag: bool = False
    enforce_hostnames: bool = True
    ext_key_usage: list[str] = item(default_factory=list)
    ext_key_usage_oids: list[str] = item(default_factory=list)
    generate_lease: bool = False
    issuer_ref: str = "default"
    key_bits: int = 0
    key_type: str = "rsa"
    key_usage: list[str] = item(default_factory=lambda: list(USUAL_USAGE))
    locality: list[str] = item(default_factory=list)
    max_ttl: int = 0
    no_store: bool = False
    not_after: str = ""
    not_after_bound: str = "permit"
    not_before: str = ""
    not_before_bound: str = "permit"
    not_before_duration: int = 30
    organization: list[str] = item(default_factory=list)
    ou: list[str] = item(default_factory=list)
    policy_identifiers: list[str] = item(default_factory=list)
    postal_code: list[str] = item(default_factory=list)
    province: list[str] = item(default_factory=list)
    require_cn: bool = True
    server_flag: bool = True
    signature_bits: int = 0
    street_address: list[str] = item(default_factory=list)
    ttl: int = 0
    use_csr_common_name: bool = True
    use_csr_sans: bool = True
    use_pss: bool = False


FIELDS = tuple(one.name for one in fields(Role))


def default_bits(kind: str, bits: int) -> int:
    """The size of a key where 0 stands for the usual one. Raises BadRequest for what is not served."""
    if kind not in SIZES:
        raise BadRequest(f"unknown key type {kind}")
    if kind == "ed25519":
        return 0
    wanted = bits or SIZES[kind][0]
    if wanted in SIZES[kind]:
        return wanted
    if kind == "rsa":
        if wanted < SIZES["rsa"][0]:
            raise BadRequest(f"RSA keys < 2048 bits are unsafe and not supported: got {wanted}")
        raise BadRequest(f"unsupported bit length for RSA key: {wanted}")
    name = "ML-DSA" if kind == "mldsa" else kind.upper()
    raise BadRequest(f"unsupported bit length for {name} key: {wanted}")


def policies_of(identifiers: list[str]) -> list[Policy]:
    """Certificate policies: object identifiers, or JSON with ``oid``, ``cps`` and ``notice``."""
    policies = []
    for text in identifiers:
        try:
            policy = msgspec.json.decode(text, type=Policy) if text.startswith("{") else Policy(text)
        except msgspec.DecodeError:
            raise BadRequest("a policy identifier is neither an OID nor JSON that describes one") from None
        check_oid(policy.oid, "a policy identifier", "a policy")
        policies.append(policy)
    return policies


def check_oid(text: str, what: str, of: str = "an extended key usage") -> None:
    """Raise BadRequest where the text is no object identifier of what it is for."""
    arcs = text.split(".")
    plain = all(arc.isascii() and arc.isdigit() and len(arc) <= 30 for arc in arcs)
    if len(arcs) < 2 or not plain or int(arcs[0]) > 2 or (int(arcs[0]) < 2 and int(arcs[1]) > 39):
        raise BadRequest(f"{what} could not be parsed as a valid oid for {of}")


def checked(role: Role) -> list[str]:
    """Complete a role with what it leaves open, and give warnings. Raises BadRequest where it cannot be."""
    if role.key_type != "any":
        role.key_bits = default_bits(role.key_type, role.key_bits)
    if 0 < role.max_ttl < role.ttl:
        raise BadRequest('"ttl" value must be less than "max_ttl" value')
    _check_names(role)
    _check_bounds(role)
    role.policy_identifiers = _identifiers(role.policy_identifiers)
    if role.signature_bits not in SIGNATURE_BITS:
        raise BadRequest(f"unsupported hash signature algorithm: {role.signature_bits}")
    for text in role.ext_key_usage_oids:
        check_oid(text, f'"{text}"')
    role.issuer_ref = role.issuer_ref or "default"
    if role.no_store and role.generate_lease:
        role.generate_lease = False
        return [_EXCLUSIVE]
    return [_LEASES] if role.generate_lease else []


def _check_names(role: Role) -> None:
    validations = [text.lower() for text in role.cn_validations] or ["email", "hostname"]
    for text in validations:
        if text not in ("email", "hostname", "disabled"):
            raise BadRequest("cn_validations value incorrect: it holds email, hostname or disabled")
    if "disabled" in validations and len(validations) > 1:
        raise BadRequest(
            "cn_validations value incorrect: cannot specify `disabled` along with `email` or `hostname`"
        )
    role.cn_validations = validations
    if role.allowed_other_sans != ["*"]:
        for text in role.allowed_other_sans:
            try:
                names.other_name(text)
            except BadRequest as error:
                raise BadRequest(f"error parsing allowed_other_sans: {error.public}") from None
    for text in role.allowed_ip_sans_cidr:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise BadRequest(f"error parsing allowed_ip_sans_cidr: invalid CIDR address: {text}") from None


def _check_bounds(role: Role) -> None:
    if role.not_after_bound not in _BOUNDS_AFTER and not validity.is_timestamp(role.not_after_bound):
        raise BadRequest(
            "Unknown value for field `not_after_bound`. Possible values are `permit`, `ttl-limited`, "
            "`forbid`, or an explicit timestamp."
        )
    if role.not_before_bound not in _BOUNDS_BEFORE:
        raise BadRequest(
            "Unknown value for field `not_before_bound`. Possible values are `permit` `duration` or `forbid`"
        )


def _identifiers(given: list[str]) -> list[str]:
    """Policy identifiers one by one; a list in JSON is taken apart."""
    text = ",".join(given)
    if text.startswith("["):
        try:
            parsed = msgspec.json.decode(text, type=list[Policy])
        except msgspec.DecodeError:
            raise BadRequest("policy_identifiers is no list of policies in JSON") from None
        given = [
            msgspec.json.encode({k: v for k, v in _policy_pairs(policy) if v}).decode() for policy in parsed
        ]
    policies_of(given)
    return given


def _policy_pairs(policy: Policy) -> tuple[tuple[str, str], ...]:
    return ("oid", policy.oid), ("cps", policy.cps), ("notice", policy.notice)


class RolesPath(Path):
    """The roles of this mount."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, pki: Pki, request: Request) -> list[str]:
        """Names of the roles."""
        return await pki.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """What certificates may be had under a role's name."""

    pattern = "roles/{name}"
    reader_safe = True
    name: str = field("Name of the role.")
    backend: str = field("Has no effect; accepted as older clients send it.", deprecated=True)
    allow_any_name: bool = field("Allow every common name and alternative name.")
    allow_bare_domains: bool = field("Allow the allowed domains themselves.")
    allow_glob_domains: bool = field("Let * in allowed domains stand for any characters.")
    allow_globs_in_identity_templates: bool = field(
        "Let a * that a template takes from an identity stand for any characters too."
    )
    allow_ip_sans: bool = field("Allow IP addresses as alternative names.", default=True)
    allow_localhost: bool = field("Allow localhost and localdomain.", default=True)
    allow_subdomains: bool = field("Allow names below the allowed domains, wildcards among them.")
    allow_wildcard_certificates: bool = field("Allow names with a * in their first label.", default=True)
    allowed_domains: CommaList = field("Domains that names may be of.", default=[])
    allowed_domains_template: bool = field("Render allowed domains with the identity of who asks.")
    allowed_ip_sans_cidr: CommaList = field(
        "Networks that IP addresses have to be in, also those in requests; empty allows all.", default=[]
    )
    allowed_other_sans: CommaList = field(
        "Other alternative names, as OID;utf8:value, where * in the value stands for anything. "
        "A single * allows all.",
        default=[],
    )
    allowed_serial_numbers: CommaList = field(
        "Serial numbers that the subject may have; * stands for anything.", default=[]
    )
    allowed_uri_sans: CommaList = field("URIs as alternative names; * stands for anything.", default=[])
    allowed_uri_sans_template: bool = field("Render allowed URIs with the identity of who asks.")
    allowed_user_ids: CommaList = field("User IDs of the subject; * stands for anything.", default=[])
    basic_constraints_valid_for_non_ca: bool = field("Have certificates say that they are no authority.")
    client_flag: bool = field("Certificates are for clients.", default=True)
    cn_validations: CommaList = field(
        "What a common name has to be: email, hostname, either, or disabled for anything.",
        default=["email", "hostname"],
    )
    code_signing_flag: bool = field("Certificates are for signing code.")
    country: CommaList = field("C of the subject.", default=[])
    email_protection_flag: bool = field("Certificates are for protecting mail.")
    enforce_hostnames: bool = field("Names have to be those of hosts.", default=True)
    ext_key_usage: CommaList = field("Extended usages by name, besides those of the flags.", default=[])
    ext_key_usage_oids: CommaList = field("Extended usages by object identifier.", default=[])
    generate_lease: bool = field("Attach leases; with their end certificates are revoked.")
    issuer_ref: str = field("The issuer that signs, by name or ID.", default="default")
    key_bits: int = field("Size of keys; 0 is the usual one of their kind. Requests may bring larger ones.")
    key_type: str = field("Kind of keys: rsa, ec, ed25519, mldsa, or any.", default="rsa")
    key_usage: CommaList = field("What keys are for, by name.", default=USUAL_USAGE)
    locality: CommaList = field("L of the subject.", default=[])
    max_ttl: Duration = field("Longest time certificates are valid; 0 is the mount's.")
    no_store: bool = field("Keep no certificates: they are not listed, and revoked only when brought.")
    not_after: str = field("When certificates end, as YYYY-MM-ddTHH:MM:SSZ, instead of a TTL.")
    not_after_bound: str = field(
        "What a wanted end may be: permit, ttl-limited, forbid, or the latest as a timestamp.",
        default="permit",
    )
    not_before: str = field("When certificates begin, as YYYY-MM-ddTHH:MM:SSZ.")
    not_before_bound: str = field(
        "What a wanted begin may be: permit, duration (not before not_before_duration), forbid.",
        default="permit",
    )
    not_before_duration: Duration = field("How long before now certificates begin.", default=30)
    organization: CommaList = field("O of the subject.", default=[])
    ou: CommaList = field("OU of the subject.", default=[])
    policy_identifiers: CommaList = field("Policies, as OIDs or as JSON with oid, cps, notice.", default=[])
    postal_code: CommaList = field("Postal code of the subject.", default=[])
    province: CommaList = field("ST of the subject.", default=[])
    require_cn: bool = field("Refuse requests without a common name.", default=True)
    server_flag: bool = field("Certificates are for servers.", default=True)
    signature_bits: int = field(
        "Bits of the hash that is signed: 256, 384, 512; 0 is 256 for RSA, and that of the curve otherwise."
    )
    street_address: CommaList = field("Street of the subject.", default=[])
    ttl: Duration = field("How long certificates are valid where no one says; 0 is the mount's default.")
    use_csr_common_name: bool = field("Take the common name from requests for certificates.", default=True)
    use_csr_sans: bool = field("Take the alternative names from requests for certificates.", default=True)
    use_pss: bool = field("Sign with RSA-PSS, where the issuer's key is RSA.")

    async def read(self, pki: Pki, request: Request) -> Role | None:
        """All parameters of the role."""
        return await pki.roles(request).get(self.name)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Create the role, or replace it as a whole."""
        role = Role(**{name: getattr(self, name) for name in FIELDS if name != "allow_token_displayname"})
        return await self._keep(pki, request, role)

    async def patch(self, pki: Pki, request: Request) -> Response:
        """Change the parameters that are given."""
        role = await pki.roles(request).get(self.name)
        if role is None:
            raise BadRequest("Unable to fetch role entry to patch")
        for name in FIELDS:
            if name in self.given:
                setattr(role, name, getattr(self, name))
        if "key_type" in self.given and "key_bits" not in self.given:
            role.key_bits = 0
        return await self._keep(pki, request, role)

    async def delete(self, pki: Pki, request: Request) -> None:
        """Remove the role; certificates that were issued stay as they are."""
        pki.roles(request).delete(self.name)

    async def _keep(self, pki: Pki, request: Request, role: Role) -> Response:
        noted = checked(role)
        warnings = []
        if await pki.issuer_id(request, role.issuer_ref) is None:
            warnings.append(_NO_DEFAULT if role.issuer_ref == "default" else _missing(role.issuer_ref))
        warnings += noted
        pki.roles(request).put(self.name, role)
        return Response(data=_described(role), warnings=warnings)


def _missing(ref: str) -> str:
    return f"Issuing Certificate was set to {ref} but no issuing certificate currently has that name"


def _described(role: Role) -> dict[str, Any]:
    return {name: getattr(role, name) for name in FIELDS}
