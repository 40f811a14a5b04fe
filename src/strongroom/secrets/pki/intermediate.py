"""Intermediates: requests for them, signing them, and taking in what others signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate, certificate_plan, signing_key, signing_request
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import SigningKey
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki import issuance, issue, issuer, reference, stored
from strongroom.secrets.pki.authority import (
    BESIDES,
    AuthorityFields,
    KeyFields,
    NameFields,
    TimeFields,
    signed,
    url_warnings,
    what_to_know,
)
from strongroom.secrets.pki.key import SHORTEST, TOO_SHORT, kept, parsed_bundle

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_SEVERAL = "several of these issuers can sign: see in config/issuers whether the default is the right one"
_OUTLIVES = "the certificate outlives its issuer: chains through the issuer are valid only as long as that is"


class _Generate(NameFields, TimeFields, KeyFields):
    """A request for the certificate of an authority."""

    add_basic_constraints: bool = field("Have the request say that it is for an authority.")

    async def request(self, pki: Pki, request: Request, way: str) -> Response:
        """Make it."""
        issue.check_format(self.format)
        record, key = await self.pair(pki, request, way)
        try:
            made = signing_request.make(
                key,
                self.subject(),
                self.alternatives(),
                signature_bits=self.signature_bits,
                says_authority=self.add_basic_constraints,
                pss=self.use_pss,
            )
        except ValueError as error:
            raise BadRequest(str(error)) from None
        text = signing_key.base64_of(made.der) if self.format == "der" else made.pem
        data: dict[str, Any] = {"csr": text, "key_id": record.id}
        if way == "exported":
            data["private_key"] = issue.key_text(key, self.format, self.private_key_format)
            data["private_key_type"] = signing_key.kind_of(key)
            if self.format == "pem_bundle":
                data["csr"] = f"{data['private_key']}\n{text}"
        return Response(data=data, warnings=await url_warnings(pki, request))


class GenerateIntermediate(_Generate):
    """A request for the certificate of an intermediate, whose key is in this mount."""

    pattern = "intermediate/generate/{exported}"
    exported: str = field(
        "internal keeps the key here, exported answers it too, existing takes one that is here."
    )

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make the request; what another authority makes of it goes to intermediate/set-signed."""
        return await self.request(pki, request, self.exported)


class GenerateIntermediateIssuer(_Generate):
    """A request for the certificate of an intermediate, whose key is in this mount."""

    pattern = "issuers/generate/intermediate/{exported}"
    exported: str = field(
        "internal keeps the key here, exported answers it too, existing takes one that is here."
    )

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make the request; what another authority makes of it goes to intermediate/set-signed."""
        return await self.request(pki, request, self.exported)


class CrossSign(_Generate):
    """A request for another certificate of an authority whose key is in this mount."""

    pattern = "intermediate/cross-sign"
    exported: str = field("Has no effect: the key is an existing one.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make the request with the key of key_ref."""
        return await self.request(pki, request, "existing")


# -- signing ---------------------------------------------------------------------------------------


class _SignIntermediate(AuthorityFields, TimeFields):
    """The certificate of an intermediate."""

    csr: str = field("The request for the certificate, as PEM.")
    use_csr_values: bool = field("Take subject, names and extensions from the request.")
    signature_bits: int = field(
        "Bits of the hash that is signed: 256, 384, 512; 0 is 256 for RSA, and that of the curve otherwise."
    )
    use_pss: bool = field("Sign with RSA-PSS, where the issuer's key is RSA.")
    skid: str = field("Subject key identifier as hex, instead of the usual one.")

    async def sign(self, pki: Pki, request: Request, ref: str) -> Response:
        """Sign the request."""
        issue.check_format(self.format)
        csr = issue.parsed_csr(self.csr)
        above = await pki.signing_issuer(request, ref)
        authority = await pki.authority(request, above)
        valid = self.validity(pki, request)
        if not self.use_csr_values:
            self.common_name = self.common_name or csr.subject.common_name
            self.serial_number = self.serial_number or csr.subject.serial_number
        plan = self.authority_plan(csr.public_key, valid)
        plan.path_length = _path_length(above.certificate, self.max_path_length)
        plan.subject_key_id = _key_identifier(self.skid)
        if self.use_csr_values:
            _take_over(plan, csr)
        plan.urls = await pki.urls(request, above)
        warnings = list(valid.warnings)
        if plan.not_after > above.certificate.not_after:
            if above.leaf_not_after_behavior == "truncate":
                plan.not_after = above.certificate.not_after
            else:
                warnings.append(_OUTLIVES)
        made = signed(plan, authority.key, authority.certificate, bits=self.signature_bits, pss=self.use_pss)
        stored.keep(pki, request, made)
        warnings += what_to_know(made)
        given = issue.Issued(made, above, await pki.chain(request, above), warnings)
        data = issue.answer(given, self.format)
        del data["not_before"]
        data["ca_chain"] = [issue.certificate_text(made, self.format), *data.get("ca_chain", [])]
        return Response(data=data, warnings=warnings + await url_warnings(pki, request))


def _path_length(above: Certificate, wanted: int) -> int | None:
    """How many may follow below an authority that follows below another. Raises BadRequest for none."""
    bound = above.path_length
    if bound is None:
        return wanted if wanted >= 0 else None
    if bound == 0:
        raise BadRequest("the issuer's path length does not let it sign certificates of other authorities")
    if wanted < 0:
        return bound - 1
    if wanted >= bound:
        raise BadRequest("the path length has to be below that of the issuer")
    return wanted


def _key_identifier(text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(":", "").replace("-", ""))
    except ValueError:
        raise BadRequest("cannot parse requested SKID value as hex") from None


_OURS = frozenset({"2.5.29.19", "2.5.29.14", "2.5.29.35", "2.5.29.15"})
"""Extensions that are not taken over: an authority's constraints, identifiers and key usage."""


def _take_over(plan: certificate_plan.Plan, csr: signing_request.SigningRequest) -> None:
    plan.subject = Subject(encoded=csr.subject_der)
    try:
        plan.names = issuance.csr_names(csr)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    plan.extensions = [one for one in csr.extensions if one[0] not in _OURS]
    plan.key_usage += [name for name in csr.key_usage or () if name == BESIDES]


class SignIntermediate(_SignIntermediate):
    """The certificate of an intermediate, signed by an issuer of this mount."""

    pattern = "root/sign-intermediate"
    issuer_ref: str = field("Name or ID of the issuer.", default="default")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Sign the request."""
        return await self.sign(pki, request, self.issuer_ref)


class IssuerSignIntermediate(_SignIntermediate):
    """The certificate of an intermediate, signed by the issuer that is named."""

    pattern = "issuer/{issuer_ref}/sign-intermediate"
    issuer_ref: str = field("Name or ID of the issuer, or default.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Sign the request."""
        return await self.sign(pki, request, self.issuer_ref)


class _SignSelfIssued(Path):
    """A root's certificate, signed by another."""

    certificate: str = field("The self-issued certificate, as PEM.")
    require_matching_certificate_algorithms: bool = field(
        "Refuse a certificate whose key is of another kind than the issuer's."
    )

    async def sign(self, pki: Pki, request: Request, ref: str) -> dict[str, Any]:
        """Sign it."""
        if not self.certificate:
            raise BadRequest('"certificate" is empty')
        try:
            model = certificate.load(self.certificate.encode())
            kind = signing_key.kind_of(model.public_key)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if not model.is_ca or model.subject_der != model.issuer_der:
            raise BadRequest("given certificate is not a self-issued certificate of an authority (CA)")
        above = await pki.signing_issuer(request, ref)
        authority = await pki.authority(request, above)
        if self.require_matching_certificate_algorithms and kind != signing_key.kind_of(authority.key):
            raise BadRequest("the keys of the certificate and of the issuer are not of one kind")
        made = certificate_plan.reissued(model, authority.key, authority.certificate)
        return {"certificate": made.pem, "issuing_ca": authority.certificate.pem}


class SignSelfIssued(_SignSelfIssued):
    """A root's certificate, signed by an issuer of this mount, for the time of a change of roots."""

    pattern = "root/sign-self-issued"
    root_protected = True
    issuer_ref: str = field("Name or ID of the issuer.", default="default")

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Sign the certificate with all that it says."""
        return await self.sign(pki, request, self.issuer_ref)


class IssuerSignSelfIssued(_SignSelfIssued):
    """A root's certificate, signed by the issuer that is named."""

    pattern = "issuer/{issuer_ref}/sign-self-issued"
    issuer_ref: str = field("Name or ID of the issuer, or default.")

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Sign the certificate with all that it says."""
        return await self.sign(pki, request, self.issuer_ref)


# -- taking in -------------------------------------------------------------------------------------


async def take_in(
    pki: Pki, request: Request, text: str, *, with_keys: bool, name_of_key: str = ""
) -> Response:
    """Store the issuers and keys of a PEM text that are not here yet, and match them."""
    if not text:
        raise BadRequest("'pem_bundle' and 'certificate' parameters were empty")
    if len(text) < SHORTEST:
        raise BadRequest(TOO_SHORT)
    certificates, keys = parsed_bundle(text)
    if keys and not with_keys:
        raise BadRequest(
            "private keys found in the PEM bundle but not allowed by the path; use /issuers/import/bundle"
        )
    answer: dict[str, Any] = {"existing_issuers": None, "existing_keys": None, "mapping": {}}
    answer |= {"imported_issuers": None, "imported_keys": None}
    for key in keys:
        await _take_key(pki, request, key, answer, name_of_key)
    for one in certificates:
        await _take_issuer(pki, request, one, answer)
    able = [one for one in answer["imported_issuers"] or () if answer["mapping"][one]]
    warnings = [_SEVERAL] if len(able) > 1 else []
    return Response(data=answer, warnings=warnings + await url_warnings(pki, request))


async def _take_key(pki: Pki, request: Request, key: SigningKey, answer: dict[str, Any], name: str) -> None:
    record, is_fresh = await kept(pki, request, key, name)
    _note(answer, "imported_keys" if is_fresh else "existing_keys", record.id)


async def _take_issuer(pki: Pki, request: Request, one: Certificate, answer: dict[str, Any]) -> None:
    for known in await pki.all_issuers(request):
        if known.certificate.der == one.der:
            _note(answer, "existing_issuers", known.id)
            answer["mapping"][known.id] = known.key_id
            return
    fresh = issuer.fresh(one)
    found = await request.view.get(f"key-of/{_key_of(one)}")
    fresh.key_id = found.decode() if found is not None else ""
    await pki.add_issuer(request, fresh)
    _note(answer, "imported_issuers", fresh.id)
    answer["mapping"][fresh.id] = fresh.key_id


def _note(answer: dict[str, Any], where: str, what: str) -> None:
    answer[where] = [*(answer[where] or []), what]


def _key_of(one: Certificate) -> str:
    try:
        return reference.fingerprint(one.public_der)
    except ValueError as error:
        raise BadRequest(str(error)) from None


class SetSigned(Path):
    """What another authority made of a request of this mount."""

    pattern = "intermediate/set-signed"
    certificate: str = field("The certificate, and those above it, as PEM.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Store the certificates as issuers; the one whose key is here can sign."""
        return await take_in(pki, request, self.certificate, with_keys=False)


class _Bundle(Path):
    """Issuers from elsewhere."""

    pem_bundle: str = field("Certificates and private keys, as PEM, in any order.", sensitive=True)


class ImportBundle(_Bundle):
    """Issuers from elsewhere, with their keys."""

    pattern = "issuers/import/bundle"

    async def write(self, pki: Pki, request: Request) -> Response:
        """Store the certificates as issuers, and the keys; what is here already is not stored again."""
        return await take_in(pki, request, self.pem_bundle, with_keys=True)


class ImportCert(_Bundle):
    """Issuers from elsewhere, without keys."""

    pattern = "issuers/import/cert"

    async def write(self, pki: Pki, request: Request) -> Response:
        """Store the certificates as issuers; private keys among them are refused."""
        return await take_in(pki, request, self.pem_bundle, with_keys=False)


class ConfigCa(_Bundle):
    """Issuers from elsewhere, with their keys: the older path."""

    pattern = "config/ca"

    async def write(self, pki: Pki, request: Request) -> Response:
        """Store the certificates as issuers, and the keys."""
        return await take_in(pki, request, self.pem_bundle, with_keys=True)
