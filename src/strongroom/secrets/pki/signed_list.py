"""CRLs whose contents others decide: signed as they are, and merged from several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import pem, revocation_list
from strongroom.crypto.signing_key import base64_of
from strongroom.errors import BadRequest
from strongroom.framework.field import Anything, StringList, field
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import SECOND, Request
from strongroom.secrets.pki import stored, validity
from strongroom.secrets.pki.crl import signing_allowed
from strongroom.secrets.pki.issuer import addressed

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_MOST = 100_000


class _Signed(Path):
    """A CRL signed by an issuer."""

    crl_number: int = field("Number of the CRL.")
    delta_crl_base_number: int = field(
        "Number of the CRL that this is the delta of; -1 for none.", default=-1
    )
    format: str = field("Form of the answer: pem, or der in base64.", default="pem")
    next_update: str = field("How long the CRL is valid.", default="72h")

    async def signed(self, pki: Pki, request: Request, ref: str, revoked: dict[str, int]) -> dict[str, Any]:
        """Sign it."""
        if self.format not in ("pem", "der"):
            raise BadRequest('the "format" parameter must be "pem" or "der"')
        if self.crl_number < 0:
            raise BadRequest("crl_number must be 0 or greater")
        try:
            lifetime = duration.parse(self.next_update)
        except duration.InvalidDuration as error:
            raise BadRequest(f"invalid value for next_update: {error.reason}") from None
        if lifetime <= 0:
            raise BadRequest("next_update must be greater than 0")
        issuer = await addressed(pki, request, ref)
        signing_allowed(issuer)
        authority = await pki.authority(request, issuer)
        now = request.now // SECOND
        der = revocation_list.sign(
            revocation_list.entries(revoked.items()),
            authority.key,
            authority.certificate,
            number=self.crl_number,
            this_update=now,
            next_update=now + lifetime,
            base=self.delta_crl_base_number if self.delta_crl_base_number >= 0 else None,
            algorithm=issuer.revocation_signature_algorithm,
        )
        text = base64_of(der) if self.format == "der" else pem.encode("X509 CRL", der) + "\n"
        return {"crl": text}


class ResignCrls(_Signed):
    """CRLs that the issuer signed elsewhere, made one."""

    pattern = "issuer/{issuer_ref}/resign-crls"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    crls: StringList = field("The CRLs, as PEM, all signed by the issuer's key.", default=[])

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Sign a CRL that lists what any of them lists."""
        issuer = await addressed(pki, request, self.issuer_ref)
        revoked: dict[str, int] = {}
        for text in self.crls:
            try:
                one = revocation_list.load(text.encode())
            except ValueError as error:
                raise BadRequest(str(error)) from None
            if not one.is_of(issuer.certificate):
                raise BadRequest("a CRL is not signed by the issuer")
            for serial, when in one.revoked:
                revoked[serial] = min(when, revoked.get(serial, when))
        return await self.signed(pki, request, self.issuer_ref, revoked)


class SignRevocationList(_Signed):
    """A CRL with the contents that are given."""

    pattern = "issuer/{issuer_ref}/sign-revocation-list"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    revoked_certs: Anything = field("Objects with serial_number and, as RFC 3339 has it, revocation_time.")
    extensions: Anything = field("Further extensions; not supported.")

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Sign it."""
        if self.extensions:
            raise BadRequest("further extensions of CRLs are not supported")
        given = self.revoked_certs or []
        if not isinstance(given, list) or len(given) > _MOST:
            raise BadRequest("revoked_certs has to be a list of objects")
        revoked = dict(_entry(position, one) for position, one in enumerate(given))
        return await self.signed(pki, request, self.issuer_ref, revoked)


def _entry(position: int, one: Any) -> tuple[str, int]:
    serial = _text(position, one, "serial_number")
    when = _text(position, one, "revocation_time")
    return stored.normal_serial(serial), validity.timestamp(when)


def _text(position: int, one: Any, name: str) -> str:
    value = one.get(name) if isinstance(one, dict) else None
    if not isinstance(value, str):
        raise BadRequest(f"failed parsing {name} from entry {position}: missing '{name}' field")
    return value
