"""Certificates for others than authorities: issued with a fresh key, or signed for a key that is brought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate_plan, signing_key, signing_request
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.signing_key import SigningKey
from strongroom.crypto.signing_request import SigningRequest
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.lease import Leased, issued
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import issuance, revocation, stored, validity
from strongroom.secrets.pki.issuance import Circumstances, Wanted
from strongroom.secrets.pki.issuer import Issuer
from strongroom.secrets.pki.key import drawn
from strongroom.secrets.pki.role import USUAL_USAGE, Role, check_oid, default_bits

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

FORMATS = ("pem", "der", "pem_bundle")


@dataclass(slots=True)
class Issued:
    """A signed certificate, with its issuer, the chain that begins with the issuer's, and warnings."""

    certificate: Certificate
    issuer: Issuer
    chain: list[Certificate]
    warnings: list[str]


@dataclass(slots=True)
class CertificateLease(Leased):
    """A certificate that is revoked when its lease ends."""

    kind = "pki"
    serial: str

    async def revoke(self, engine: Pki, request: Request) -> None:
        """Revoke the certificate; one that is gone or revoked already is fine."""
        found = await stored.find(request, self.serial)
        if found is not None and found.not_after * SECOND > request.now:
            await revocation.revoke(engine, request, found)


async def sign_by_role(
    pki: Pki,
    request: Request,
    role: Role,
    wanted: Wanted,
    key: signing_key.VerifyingKey,
    *,
    issuer_ref: str = "",
    csr: SigningRequest | None = None,
    as_it_is: bool = False,
) -> Issued:
    """Sign a certificate for ``key`` as the role allows, and store it unless the role says no.

    ``csr`` is the request that brought the key; its names count as the role says. ``issuer_ref`` names
    another issuer than the role's. Whatever gives certificates to people goes through here. Raises
    BadRequest where the role is against it.
    """
    issuer = await pki.signing_issuer(request, issuer_ref or role.issuer_ref)
    authority = await pki.authority(request, issuer)
    around = Circumstances(
        request.now // SECOND, pki.core.ttls(request.mount), await pki.identity(request, role)
    )
    plan, warnings = issuance.plan(role, wanted, key, around, csr=csr, as_it_is=as_it_is)
    limit_to_issuer(plan, issuer)
    plan.urls = await pki.urls(request, issuer)
    counts = csr is not None or signing_key.kind_of(authority.key) == "rsa"
    bits = role.signature_bits if counts else 0
    try:
        made = certificate_plan.sign(
            plan, authority.key, authority.certificate, signature_bits=bits, pss=role.use_pss
        )
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not role.no_store:
        stored.keep(pki, request, made)
    return Issued(made, issuer, await pki.chain(request, issuer), warnings)


def limit_to_issuer(plan: certificate_plan.Plan, issuer: Issuer) -> None:
    """Shorten a certificate that would outlive its issuer, or raise BadRequest, as the issuer says."""
    end = issuer.certificate.not_after
    if plan.not_after <= end or issuer.leaf_not_after_behavior == "permit":
        return
    if issuer.leaf_not_after_behavior == "err":
        raise BadRequest(
            f"cannot satisfy request, as TTL would result in notAfter of {validity.written(plan.not_after)} "
            f"that is beyond the expiration of the CA certificate at {validity.written(end)}"
        )
    plan.not_after = end


def parsed_csr(text: str) -> SigningRequest:
    """The request for a certificate in a PEM text. Raises BadRequest."""
    if not text:
        raise BadRequest('"csr" is empty')
    if "-----BEGIN" not in text:
        raise BadRequest("csr contains no data")
    try:
        return signing_request.load(text.encode())
    except ValueError as error:
        raise BadRequest(str(error)) from None


# -- answers ---------------------------------------------------------------------------------------


def check_format(wanted: str) -> None:
    """Raise BadRequest for a form that answers do not have."""
    if wanted not in FORMATS:
        raise BadRequest('the "format" path parameter must be "pem", "der", or "pem_bundle"')


def key_text(key: SigningKey, form: str, key_format: str) -> str:
    """A private key as it is answered."""
    pkcs8 = key_format == "pkcs8"
    if form == "der":
        return signing_key.base64_of(signing_key.der(key, pkcs8=pkcs8))
    return signing_key.pem(key, pkcs8=pkcs8)


def certificate_text(one: Certificate, form: str) -> str:
    """A certificate as it is answered."""
    return signing_key.base64_of(one.der) if form == "der" else one.pem


def answer(
    given: Issued, form: str, *, key: SigningKey | None = None, key_format: str = "", roots: bool = True
) -> dict[str, Any]:
    """What clients get: the certificate, its issuer's, the chain, and the key if it is a fresh one."""
    chain = [one for one in given.chain if roots or not one.is_self_signed]
    data: dict[str, Any] = {
        "certificate": certificate_text(given.certificate, form),
        "expiration": given.certificate.not_after,
        "issuing_ca": certificate_text(given.chain[0], form),
        "not_before": given.certificate.not_before,
        "serial_number": given.certificate.serial,
    }
    if chain:
        data["ca_chain"] = [certificate_text(one, form) for one in chain]
    if key is not None:
        data["private_key"] = key_text(key, form, key_format)
        data["private_key_type"] = signing_key.kind_of(key)
    if form == "pem_bundle":
        texts = [data.get("private_key", ""), given.certificate.pem, *(one.pem for one in chain)]
        data["certificate"] = "\n".join(filter(None, texts))
    return data


def leased(role: Role, given: Issued, data: dict[str, Any], now: int) -> Response:
    """The answer, with a lease where the role wants one."""
    if not role.generate_lease:
        return Response(data=data, warnings=given.warnings)
    ttl = max(1, given.certificate.not_after - now // SECOND)
    lease = CertificateLease(given.certificate.serial)
    return issued(data, lease, ttl=ttl, max_ttl=ttl, renewable=False, warnings=given.warnings)


# -- paths -----------------------------------------------------------------------------------------


class _Request(Path):
    """What a certificate is to say."""

    common_name: str = field("The common name.")
    alt_names: CommaList = field("Alternative names of hosts and mail.", default=[])
    ip_sans: CommaList = field("IP addresses as alternative names.", default=[])
    uri_sans: CommaList = field("URIs as alternative names.", default=[])
    other_sans: CommaList = field("Other alternative names, as OID;utf8:value.", default=[])
    user_ids: CommaList = field("User IDs of the subject.", default=[])
    serial_number: str = field("Serial number of the subject; not that of the certificate.")
    ttl: Duration = field("How long it is valid, at most what the role allows.")
    not_after: str = field("When it ends, as YYYY-MM-ddTHH:MM:SSZ, instead of a TTL.")
    not_before: str = field("When it begins, as YYYY-MM-ddTHH:MM:SSZ.")
    exclude_cn_from_sans: bool = field("Do not make the common name an alternative name.")
    format: str = field("Form of the answer: pem, der (in base64), or pem_bundle.", default="pem")
    private_key_format: str = field("Form of the key: der or pem for the older one, or pkcs8.", default="der")
    remove_roots_from_chain: bool = field("Leave self-signed certificates out of the chain.")

    def wanted(self) -> Wanted:
        """The fields as one."""
        return Wanted(
            common_name=self.common_name,
            alt_names=self.alt_names,
            ip_sans=self.ip_sans,
            uri_sans=self.uri_sans,
            other_sans=self.other_sans,
            user_ids=self.user_ids,
            serial_number=self.serial_number,
            ttl=self.ttl,
            not_after=self.not_after,
            not_before=self.not_before,
            exclude_cn_from_sans=self.exclude_cn_from_sans,
        )


class _Issue(_Request):
    """A certificate with a fresh key."""

    key_type: str = field("Kind of key, where the role leaves it open.")
    key_bits: int = field("Size of the key, where the role leaves it open; 0 is the usual one.")

    async def issue(self, pki: Pki, request: Request, name: str, issuer_ref: str) -> Response:
        """Draw a key and sign a certificate for it."""
        check_format(self.format)
        role = await pki.role(request, name)
        role, warnings = self._keyed(role)
        key = await drawn(request, role.key_type, role.key_bits)
        given = await sign_by_role(pki, request, role, self.wanted(), key.public_key(), issuer_ref=issuer_ref)
        given.warnings += warnings
        data = answer(
            given,
            self.format,
            key=key,
            key_format=self.private_key_format,
            roots=not self.remove_roots_from_chain,
        )
        return leased(role, given, data, request.now)

    def _keyed(self, role: Role) -> tuple[Role, list[str]]:
        if role.key_type != "any":
            given = {"key_type", "key_bits"} & self.given
            note = "parameters key_type and key_bits ignored as role had specific values"
            return role, [note] if given else []
        if not self.key_type:
            raise BadRequest(
                'role key type "any" not allowed for issuing certificates without providing key_type '
                "and/or key_bits request parameters"
            )
        return replace(role, key_type=self.key_type, key_bits=default_bits(self.key_type, self.key_bits)), []


class IssuePath(_Issue):
    """A certificate with a fresh key, as a role allows, signed by the role's issuer."""

    pattern = "issue/{role}"
    role: str = field("Name of the role.")
    issuer_ref: str = field("Has no effect here; the role names the issuer.", default="default")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Issue the certificate; the key is answered this once and not stored."""
        return await self.issue(pki, request, self.role, "")


class IssuerIssue(_Issue):
    """A certificate with a fresh key, as a role allows, signed by the issuer that is named."""

    pattern = "issuer/{issuer_ref}/issue/{role}"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    role: str = field("Name of the role.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Issue the certificate; the key is answered this once and not stored."""
        return await self.issue(pki, request, self.role, self.issuer_ref)


class _Sign(_Request):
    """A certificate for a key that is brought."""

    csr: str = field("The request for the certificate, as PEM.")

    async def sign(
        self, pki: Pki, request: Request, role: Role, issuer_ref: str, *, as_it_is: bool = False
    ) -> Response:
        """Sign a certificate for the key of the request."""
        check_format(self.format)
        csr = parsed_csr(self.csr)
        given = await sign_by_role(
            pki,
            request,
            role,
            self.wanted(),
            csr.public_key,
            issuer_ref=issuer_ref,
            csr=csr,
            as_it_is=as_it_is,
        )
        data = answer(given, self.format, roots=not self.remove_roots_from_chain)
        return leased(role, given, data, request.now)


class SignPath(_Sign):
    """A certificate for a key that is brought, as a role allows, signed by the role's issuer."""

    pattern = "sign/{role}"
    role: str = field("Name of the role.")
    issuer_ref: str = field("Has no effect here; the role names the issuer.", default="default")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Sign the request."""
        return await self.sign(pki, request, await pki.role(request, self.role), "")


class IssuerSign(_Sign):
    """A certificate for a key that is brought, as a role allows, signed by the issuer that is named."""

    pattern = "issuer/{issuer_ref}/sign/{role}"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    role: str = field("Name of the role.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Sign the request."""
        return await self.sign(pki, request, await pki.role(request, self.role), self.issuer_ref)


class _Verbatim(_Sign):
    """A certificate that says what the request says."""

    key_usage: CommaList = field("What the key is for, where the request does not say.", default=USUAL_USAGE)
    ext_key_usage: CommaList = field("Extended usages by name, where the request does not say.", default=[])
    ext_key_usage_oids: CommaList = field("Extended usages by object identifier, likewise.", default=[])
    basic_constraints_valid_for_non_ca: bool = field("Have the certificate say that it is no authority.")
    signature_bits: int = field("Bits of the hash that RSA signs: 256, 384, 512; 0 is 256.")
    use_pss: bool = field("Sign with RSA-PSS, where the issuer's key is RSA.")

    async def verbatim(self, pki: Pki, request: Request, name: str, issuer_ref: str) -> Response:
        """Sign the request as it is, but for making an authority."""
        role = issuance.verbatim(await pki.role(request, name) if name else None)
        for text in self.ext_key_usage_oids:
            check_oid(text, f'"{text}"')
        role.key_usage, role.ext_key_usage = self.key_usage, self.ext_key_usage
        role.ext_key_usage_oids = self.ext_key_usage_oids
        role.basic_constraints_valid_for_non_ca = self.basic_constraints_valid_for_non_ca
        if "signature_bits" in self.given:
            role.signature_bits = self.signature_bits
        if "use_pss" in self.given:
            role.use_pss = self.use_pss
        return await self.sign(pki, request, role, issuer_ref, as_it_is=True)


class SignVerbatim(_Verbatim):
    """A certificate that says what the request says; only for those who may say anything."""

    pattern = "sign-verbatim/{role?}"
    role: str = field("Name of a role whose TTLs, issuer and storing count; optional.")
    issuer_ref: str = field("Name or ID of the issuer, where no role says it.", default="default")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Sign the request."""
        return await self.verbatim(pki, request, self.role, "" if self.role else self.issuer_ref)


class IssuerSignVerbatim(_Verbatim):
    """A certificate that says what the request says, signed by the issuer that is named."""

    pattern = "issuer/{issuer_ref}/sign-verbatim/{role?}"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    role: str = field("Name of a role whose TTLs and storing count; optional.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Sign the request."""
        return await self.verbatim(pki, request, self.role, self.issuer_ref)
