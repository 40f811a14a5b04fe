"""The issuers of a mount: certificates of authorities, and how they sign."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate, signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.certificate_plan import Urls
from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import CommaList, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki import reference
from strongroom.secrets.pki.config import URL_FIELDS, check_urls, untold
from strongroom.secrets.pki.modified import Conditional, second_of, unless_known

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

USAGES = ("crl-signing", "issuing-certificates", "ocsp-signing", "read-only")
BEHAVIORS = ("err", "truncate", "permit")
_ALGORITHMS = {
    "rsa": (
        "SHA256WithRSA",
        "SHA384WithRSA",
        "SHA512WithRSA",
        "SHA256WithRSAPSS",
        "SHA384WithRSAPSS",
        "SHA512WithRSAPSS",
    ),
    "ec": ("ECDSAWithSHA256", "ECDSAWithSHA384", "ECDSAWithSHA512"),
    "ed25519": ("Ed25519", "PureEd25519"),
    "mldsa": ("MLDSA44", "MLDSA65", "MLDSA87"),
}


@dataclass(slots=True)
class Issuer:
    """A stored issuer; ``der`` is its certificate in base64.

    ``group`` is shared by issuers with one key and one name, whose CRL is one. ``key_id`` is empty where the
    mount has no key of it. ``changed`` is when its name or its chain became another, in seconds since the
    epoch.
    """

    id: str
    der: str
    group: str
    key_id: str = ""
    name: str = ""
    chain: list[str] = item(default_factory=list)
    manual_chain: list[str] = item(default_factory=list)
    leaf_not_after_behavior: str = "err"
    usage: list[str] = item(default_factory=lambda: list(USAGES))
    revocation_signature_algorithm: str = ""
    urls: Urls = item(default_factory=Urls)
    enable_aia_url_templating: bool = False
    revoked: bool = False
    revocation_time: int = 0
    changed: int = 0

    @property
    def certificate(self) -> Certificate:
        """The certificate, read once as long as it is in use."""
        return certificate.cached(base64.b64decode(self.der))


def group_of(one: Certificate) -> str:
    """What issuers with the same name and key have in common."""
    return reference.fingerprint(one.subject_der + one.public_der)


def fresh(one: Certificate, key_id: str = "") -> Issuer:
    """An issuer for a certificate. Raises BadRequest where it is not that of an authority."""
    try:
        if not one.is_ca:
            raise BadRequest("unable to import: the certificate is not that of an authority (CA)")
        issuer = Issuer(uuid4_str(), base64.b64encode(one.der).decode(), group_of(one), key_id)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not one.may_sign_crls:
        issuer.usage.remove("crl-signing")
    return issuer


def usual_algorithm(one: Certificate) -> str:
    """How the key of a certificate signs CRLs where nobody says otherwise."""
    kind, bits = signing_key.kind_of(one.public_key), signing_key.bits_of(one.public_key)
    if kind == "ec":
        return f"ECDSAWithSHA{256 if bits <= 256 else 384 if bits <= 384 else 512}"
    return f"MLDSA{bits}" if kind == "mldsa" else _ALGORITHMS[kind][0]


class Issuers(Path):
    """The issuers of this mount, for everyone."""

    pattern = "issuers/?"
    unauthenticated = True
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many IDs.", query=True)

    async def list(self, pki: Pki, request: Request) -> dict[str, Any] | None:
        """IDs of the issuers, with their names, keys and serial numbers."""
        ids = await pki.issuers(request).list("", self.after, self.limit)
        default = (await pki.config(request)).default_issuer
        info = {}
        for one in ids:
            issuer = await pki.issuers(request).get(one)
            if issuer is not None:
                info[one] = {
                    "issuer_name": issuer.name,
                    "is_default": one == default,
                    "key_id": issuer.key_id,
                    "serial_number": issuer.certificate.serial,
                }
        return {"keys": ids, "key_info": info} if ids else None


class IssuerPath(Path):
    """An issuer, and how it signs."""

    pattern = "issuer/{issuer_ref}"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    issuer_name: str = field("New name of the issuer.")
    leaf_not_after_behavior: str = field(
        "What happens to certificates that would outlive the issuer: err refuses, truncate shortens them, "
        "permit lets them.",
        default="err",
    )
    manual_chain: CommaList = field(
        "The chain, by names or IDs, self first, instead of what is found.", default=[]
    )
    usage: CommaList = field(
        "What the issuer may do: issuing-certificates, crl-signing, ocsp-signing, and always read-only.",
        default=["read-only", "issuing-certificates", "crl-signing", "ocsp-signing"],
    )
    revocation_signature_algorithm: str = field("How CRLs are signed, as SHA256WithRSA; empty is as usual.")
    issuing_certificates: CommaList = field("URLs of the certificate, instead of the mount's.", default=[])
    crl_distribution_points: CommaList = field("URLs of the CRL, instead of the mount's.", default=[])
    delta_crl_distribution_points: CommaList = field(
        "URLs of the delta CRL, instead of the mount's.", default=[]
    )
    ocsp_servers: CommaList = field("URLs of OCSP responders, instead of the mount's.", default=[])
    enable_aia_url_templating: bool = field(
        "Put {{issuer_id}}, {{cluster_path}} and {{cluster_aia_path}} into the URLs."
    )

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The certificate, its chain, and how it signs."""
        return await pki.described(request, await addressed(pki, request, self.issuer_ref))

    async def write(self, pki: Pki, request: Request) -> Response:
        """Set everything; what is not given becomes as it was at first."""
        issuer = await addressed(pki, request, self.issuer_ref)
        return await self._change(pki, request, issuer, frozenset(_SETTINGS))

    async def patch(self, pki: Pki, request: Request) -> Response:
        """Change what is given."""
        issuer = await addressed(pki, request, self.issuer_ref)
        return await self._change(pki, request, issuer, self.given)

    async def _change(self, pki: Pki, request: Request, issuer: Issuer, names: frozenset[str]) -> Response:
        self._set(issuer, names)
        if "issuer_name" in names:
            if self.issuer_name != issuer.name:
                issuer.changed = second_of(request)
            await pki.issuer_names.set(request, issuer, self.issuer_name)
        if "manual_chain" in names:
            issuer.manual_chain = await self._chain(pki, request, issuer)
        pki.issuers(request).put(issuer.id, issuer)
        if "manual_chain" in names:
            await pki.rebuild_chains(request)
        warnings = []
        if issuer.enable_aia_url_templating:
            warnings = untold(issuer.urls, await pki.config(request))
        return Response(data=await pki.described(request, issuer), warnings=warnings)

    def _set(self, issuer: Issuer, names: frozenset[str]) -> None:
        if "leaf_not_after_behavior" in names:
            if self.leaf_not_after_behavior not in BEHAVIORS:
                raise BadRequest(
                    "Unknown value for field `leaf_not_after_behavior`. Possible values are `err`, "
                    "`truncate`, and `permit`."
                )
            issuer.leaf_not_after_behavior = self.leaf_not_after_behavior
        if "usage" in names:
            issuer.usage = _usages(self.usage, issuer, wanted="usage" in self.given)
        if "revocation_signature_algorithm" in names:
            issuer.revocation_signature_algorithm = self._algorithm(issuer)
        if "enable_aia_url_templating" in names:
            issuer.enable_aia_url_templating = self.enable_aia_url_templating
        for name in URL_FIELDS:
            if name in names:
                setattr(issuer.urls, name, list(getattr(self, name)))
                check_urls(
                    getattr(issuer.urls, name),
                    name,
                    templated=issuer.enable_aia_url_templating,
                )

    def _algorithm(self, issuer: Issuer) -> str:
        wanted = self.revocation_signature_algorithm.lower()
        if not wanted:
            return ""
        for one in _ALGORITHMS[signing_key.kind_of(issuer.certificate.public_key)]:
            if one.lower() == wanted:
                return one
        raise BadRequest("revocation_signature_algorithm is unknown, or not one of the issuer's kind of key")

    async def _chain(self, pki: Pki, request: Request, issuer: Issuer) -> list[str]:
        chain = []
        for text in self.manual_chain:
            wanted = issuer.id if text == "self" else await pki.issuer_id(request, text)
            if wanted is None:
                raise BadRequest(f"unable to find PKI issuer for reference: {text}")
            chain.append(wanted)
        if chain and (chain[0] != issuer.id or len(set(chain)) != len(chain)):
            raise BadRequest("the manual chain has to begin with the issuer itself, and name no one twice")
        return chain

    async def delete(self, pki: Pki, request: Request) -> Response:
        """Remove the issuer; its key stays, and what it signed stays valid."""
        issuer = await pki.issuer_or_none(request, self.issuer_ref)
        if issuer is None:
            return Response(status=200)
        return Response(status=200, warnings=await pki.forget_issuer(request, issuer))


_SETTINGS = (
    "leaf_not_after_behavior",
    "usage",
    "revocation_signature_algorithm",
    "enable_aia_url_templating",
    "issuer_name",
    "manual_chain",
    *URL_FIELDS,
)


def _usages(usages: list[str], issuer: Issuer, *, wanted: bool) -> list[str]:
    """The usages of an issuer. Raises BadRequest for what it may not have, if it is ``wanted``."""
    impossible = _impossible(issuer)
    if wanted:
        _check_usages(usages, impossible)
    return sorted({"read-only", *usages} - set(impossible))


def _impossible(issuer: Issuer) -> dict[str, str]:
    """The usages that an issuer cannot have, and why."""
    found = {}
    if not issuer.certificate.may_sign_crls:
        found["crl-signing"] = "the certificate's key usage does not let this issuer sign CRLs"
    if issuer.revoked:
        found["issuing-certificates"] = "the issuer is revoked, and issues nothing any more"
    return found


def _check_usages(wanted: list[str], impossible: dict[str, str]) -> None:
    for one in wanted:
        if one not in USAGES:
            given, valid = " ".join(wanted), ",".join(USAGES)
            raise BadRequest(f"Unable to parse specified usages: [{given}] - valid values are {valid}")
    for one, why in impossible.items():
        if one in wanted:
            raise BadRequest(why)


async def addressed(pki: Pki, request: Request, ref: str) -> Issuer:
    """The issuer that a path names. Raises NotFound."""
    issuer = await pki.issuer_or_none(request, ref)
    if issuer is None:
        raise NotFound(no_issuer(ref))
    return issuer


def no_issuer(ref: str) -> str:
    """What is said where no issuer goes by a reference."""
    if ref in ("", reference.DEFAULT):
        return "no default issuer currently configured"
    return f"unable to find PKI issuer for reference: {ref}"


class IssuerJson(Conditional):
    """The certificate of an issuer, for everyone."""

    pattern = "issuer/{issuer_ref}/json"
    unauthenticated = True
    reader_safe = True
    issuer_ref: str = field("Name or ID of the issuer, or default.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate and its chain, as PEM."""
        issuer = await addressed(pki, request, self.issuer_ref)
        data = {
            "certificate": issuer.certificate.pem + "\n",
            "ca_chain": [one.pem + "\n" for one in await pki.chain(request, issuer)],
            "issuer_id": issuer.id,
            "issuer_name": issuer.name,
        }
        return unless_known(request, issuer.changed, Response(data=data))


class IssuerRaw(Conditional):
    """The certificate of an issuer as a file, for everyone."""

    unauthenticated = True
    reader_safe = True
    issuer_ref: str = field("Name or ID of the issuer, or default.")


class IssuerPem(IssuerRaw):
    """The certificate of an issuer as a PEM file, for everyone."""

    pattern = "issuer/{issuer_ref}/pem"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate."""
        issuer = await addressed(pki, request, self.issuer_ref)
        text = issuer.certificate.pem + "\n"
        response = Response(raw=text.encode(), content_type="application/pem-certificate-chain")
        return unless_known(request, issuer.changed, response)


class IssuerDer(IssuerRaw):
    """The certificate of an issuer as a DER file, for everyone."""

    pattern = "issuer/{issuer_ref}/der"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate."""
        issuer = await addressed(pki, request, self.issuer_ref)
        response = Response(raw=issuer.certificate.der, content_type="application/pkix-cert")
        return unless_known(request, issuer.changed, response)
