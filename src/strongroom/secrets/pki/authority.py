"""What makes an authority: the fields that roots and intermediates have in common, and roots themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate_plan, signing_key
from strongroom.crypto.alternative_names import AlternativeNames
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.certificate_plan import EXTENDED_USAGES, Plan, Urls
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.entropy import uuid4_str
from strongroom.crypto.signing_key import SigningKey, VerifyingKey
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import issuance, issue, issuer, stored, validity
from strongroom.secrets.pki.config import rendered
from strongroom.secrets.pki.issuance import Wanted
from strongroom.secrets.pki.issuer import Issuer
from strongroom.secrets.pki.key import Key, drawn, kept, refuse_outside
from strongroom.secrets.pki.role import USUAL_USAGE, Role, check_oid

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

NO_URLS = (
    "config/urls is empty, so this certificate does not say where its issuer, its CRL or an OCSP responder "
    "are found; clients may not be able to complete its chain or to learn that it is revoked"
)
NO_SUBJECT = "the certificate has no subject: clients may refuse what it issues"
NONE_BELOW = "the path length is zero: this authority cannot sign certificates of other authorities"
_NO_NAME = b"\x30\x00"
BESIDES = "digitalsignature"
"""The one usage that the key of an authority may have besides signing certificates and CRLs."""
_DOMAIN = re.compile(r"\.?(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9_-]+", re.ASCII)
_NEXT = "next"
_WAYS = ("internal", "exported", "existing", "kms")


class NameFields(Path):
    """Whom a certificate is about."""

    common_name: str = field("The common name.")
    alt_names: CommaList = field("Alternative names of hosts and mail.", default=[])
    ip_sans: CommaList = field("IP addresses as alternative names.", default=[])
    uri_sans: CommaList = field("URIs as alternative names.", default=[])
    other_sans: CommaList = field("Other alternative names, as OID;utf8:value.", default=[])
    serial_number: str = field("Serial number of the subject; not that of the certificate.")
    exclude_cn_from_sans: bool = field("Do not make the common name an alternative name.")
    country: CommaList = field("C of the subject.", default=[])
    organization: CommaList = field("O of the subject.", default=[])
    ou: CommaList = field("OU of the subject.", default=[])
    locality: CommaList = field("L of the subject.", default=[])
    province: CommaList = field("ST of the subject.", default=[])
    street_address: CommaList = field("Street of the subject.", default=[])
    postal_code: CommaList = field("Postal code of the subject.", default=[])
    format: str = field("Form of the answer: pem, der (in base64), or pem_bundle.", default="pem")
    private_key_format: str = field("Form of the key: der or pem for the older one, or pkcs8.", default="der")

    def subject(self) -> Subject:
        """The distinguished name."""
        return Subject(
            common_name=self.common_name,
            serial_number=self.serial_number,
            country=self.country,
            organization=self.organization,
            ou=self.ou,
            locality=self.locality,
            province=self.province,
            street_address=self.street_address,
            postal_code=self.postal_code,
        )

    def alternatives(self) -> AlternativeNames:
        """The alternative names. Raises BadRequest."""
        found = AlternativeNames()
        if self.common_name and not self.exclude_cn_from_sans:
            issuance.add_name(found, self.common_name)
        wanted = Wanted(
            alt_names=self.alt_names,
            ip_sans=self.ip_sans,
            uri_sans=self.uri_sans,
            other_sans=self.other_sans,
        )
        issuance.add_wanted(found, None, wanted)
        found.dns = list(dict.fromkeys(found.dns))
        return found


class TimeFields(Path):
    """How long a certificate is valid."""

    ttl: Duration = field("How long it is valid, at most what the mount allows.")
    not_after: str = field("When it ends, as YYYY-MM-ddTHH:MM:SSZ, instead of a TTL.")
    not_before: str = field("When it begins, as YYYY-MM-ddTHH:MM:SSZ.")
    not_before_duration: Duration = field("How long before now it begins.", default=30)

    def validity(self, pki: Pki, request: Request) -> validity.Validity:
        """The two ends. Raises BadRequest."""
        role = Role(not_before_duration=self.not_before_duration)
        default, longest = pki.core.ttls(request.mount)
        return validity.of(
            role,
            request.now // SECOND,
            (default, longest),
            ttl=self.ttl,
            not_after=self.not_after,
            not_before=self.not_before,
        )


class KeyFields(Path):
    """Which key it has."""

    key_type: str = field("Kind of the key: rsa, ec, ed25519 or mldsa.", default="rsa")
    key_bits: int = field("Size of the key; 0 is the usual one of its kind.")
    key_name: str = field("Name for the key.")
    key_ref: str = field("Name or ID of the key, where an existing one is used.", default="default")
    external_key_ref: str = field("A key outside; not supported.")
    signature_bits: int = field("Bits of the hash that RSA signs: 256, 384, 512; 0 is 256.")
    use_pss: bool = field("Sign with RSA-PSS, where the signing key is RSA.")

    async def pair(self, pki: Pki, request: Request, way: str) -> tuple[Key, SigningKey]:
        """The key: a fresh one, or an existing one. Raises BadRequest."""
        if way not in _WAYS:
            raise BadRequest(
                'the "exported" path parameter must be "internal", "existing", exported" or "kms"'
            )
        if way == "kms":
            raise BadRequest('keys of a KMS are not supported; use "internal", "exported" or "existing"')
        refuse_outside(self.external_key_ref)
        if way == "existing":
            if {"key_type", "key_bits"} & self.given:
                raise BadRequest("an existing key has its type: key_type and key_bits cannot be given")
            record = await pki.key_or_none(request, self.key_ref)
            if record is None:
                raise BadRequest(f"unable to find PKI key for reference: {self.key_ref}")
            return record, pki.loaded(record)
        key = await drawn(request, self.key_type, self.key_bits)
        record, _ = await kept(pki, request, key, self.key_name)
        return record, key


class AuthorityFields(NameFields):
    """What the certificate of an authority says."""

    max_path_length: int = field("How many authorities may follow below; -1 does not bound them.", default=-1)
    permitted_dns_domains: CommaList = field("Domains that all certificates below have to be of.", default=[])
    key_usage: CommaList = field(
        "What the key is for besides signing certificates and CRLs: DigitalSignature, or nothing.",
        default=USUAL_USAGE,
    )
    ext_key_usage: CommaList = field("Extended usages by name.", default=[])
    ext_key_usage_oids: CommaList = field("Extended usages by object identifier.", default=[])
    issuer_name: str = field("Name for the issuer.")

    def authority_plan(self, key: VerifyingKey, valid: validity.Validity) -> Plan:
        """The plan for an authority's certificate. Raises BadRequest."""
        for text in self.ext_key_usage_oids:
            check_oid(text, f'"{text}"')
        if self.max_path_length < -1:
            raise BadRequest("max_path_length must be -1 or greater")
        asked = self.key_usage if "key_usage" in self.given else []
        wanted = [usage for usage in asked if usage.lower() == BESIDES]
        _check_domains(self.permitted_dns_domains)
        extended = [
            EXTENDED_USAGES[name.lower()] for name in self.ext_key_usage if name.lower() in EXTENDED_USAGES
        ]
        return Plan(
            public_key=key,
            subject=self.subject(),
            names=self.alternatives(),
            not_before=valid.not_before,
            not_after=valid.not_after,
            is_ca=True,
            path_length=self.max_path_length if self.max_path_length >= 0 else None,
            key_usage=["certsign", "crlsign", *wanted],
            ext_key_usage=extended + self.ext_key_usage_oids,
            permitted_dns_domains=self.permitted_dns_domains,
        )


def _check_domains(domains: list[str]) -> None:
    for domain in domains:
        if _DOMAIN.fullmatch(domain) is None:
            raise BadRequest(f'permitted_dns_domains: "{domain}" is no domain')


def signed(
    plan: Plan, key: SigningKey, above: Certificate | None, *, bits: int = 0, pss: bool = False
) -> Certificate:
    """The certificate of a plan. Raises BadRequest where no certificate can say that."""
    try:
        return certificate_plan.sign(plan, key, above, signature_bits=bits, pss=pss)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def what_to_know(made: Certificate) -> list[str]:
    """Warnings of what an authority cannot do, or clients may not like."""
    warnings = [] if made.subject_der != _NO_NAME else [NO_SUBJECT]
    return warnings + ([NONE_BELOW] if made.path_length == 0 else [])


async def url_warnings(pki: Pki, request: Request) -> list[str]:
    """A warning where certificates point nowhere."""
    return [] if (await pki.config(request)).urls != Urls() else [NO_URLS]


class _Root(AuthorityFields, TimeFields, KeyFields):
    """A root: an authority that signs itself."""

    async def root(self, pki: Pki, request: Request, way: str, name: str) -> Response:
        """Make it."""
        issue.check_format(self.format)
        record, key = await self.pair(pki, request, way)
        valid = self.validity(pki, request)
        plan = self.authority_plan(key.public_key(), valid)
        settings = await pki.config(request)
        own_id = uuid4_str()
        plan.urls = rendered(settings.urls, settings, own_id) if settings.enable_templating else settings.urls
        bits = self.signature_bits if signing_key.kind_of(key) == "rsa" else 0
        made = signed(plan, key, None, bits=bits, pss=self.use_pss)
        fresh = issuer.fresh(made, record.id)
        fresh.id = own_id
        fresh.revocation_signature_algorithm = issuer.usual_algorithm(made)
        await pki.add_issuer(request, fresh, name)
        stored.keep(pki, request, made)
        warnings = valid.warnings + what_to_know(made) + await url_warnings(pki, request)
        return Response(data=self._answer(fresh, record, key, way), warnings=warnings)

    def _answer(self, fresh: Issuer, record: Key, key: SigningKey, way: str) -> dict[str, Any]:
        made = fresh.certificate
        text = issue.certificate_text(made, self.format)
        data: dict[str, Any] = {
            "certificate": text,
            "expiration": made.not_after,
            "issuer_id": fresh.id,
            "issuer_name": fresh.name,
            "issuing_ca": text,
            "key_id": record.id,
            "key_name": record.name,
            "serial_number": made.serial,
        }
        if way == "exported":
            data["private_key"] = issue.key_text(key, self.format, self.private_key_format)
            data["private_key_type"] = signing_key.kind_of(key)
        if self.format == "pem_bundle":
            data["certificate"] = "\n".join([*([data["private_key"]] if way == "exported" else []), made.pem])
        return data


class GenerateRoot(_Root):
    """A root: a fresh authority that signs itself."""

    pattern = "root/generate/{exported}"
    exported: str = field(
        "internal keeps the key here, exported answers it too, existing takes one that is here."
    )

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make the root; the first issuer of a mount becomes its default."""
        return await self.root(pki, request, self.exported, self.issuer_name)


class GenerateRootIssuer(_Root):
    """A root: a fresh authority that signs itself."""

    pattern = "issuers/generate/root/{exported}"
    exported: str = field(
        "internal keeps the key here, exported answers it too, existing takes one that is here."
    )

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make the root; the first issuer of a mount becomes its default."""
        return await self.root(pki, request, self.exported, self.issuer_name)


class RotateRoot(_Root):
    """A root that is to follow the present one."""

    pattern = "root/rotate/{exported}"
    exported: str = field(
        "internal keeps the key here, exported answers it too, existing takes one that is here."
    )

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make the root, named next if no other is; root/replace makes it the default."""
        name = self.issuer_name
        if not name and await pki.issuer_or_none(request, _NEXT) is None:
            name = _NEXT
        return await self.root(pki, request, self.exported, name)


class Root(Path):
    """All issuers and keys of the mount."""

    pattern = "root"
    root_protected = True

    async def delete(self, pki: Pki, request: Request) -> Response:
        """Remove all issuers and all keys, for good; certificates that were issued stay."""
        for one in await pki.all_issuers(request):
            pki.issuer_names.unset(request, one)
            pki.issuers(request).delete(one.id)
        for name in await pki.keys(request).list():
            record = await pki.keys(request).get(name)
            if record is not None:
                pki.forget_key(request, record)
        settings = await pki.config(request)
        settings.make_default(request, "")
        settings.default_key = ""
        pki.keep_config(request, settings)
        return Response(warnings=["all issuers and all keys of the mount are removed"])
