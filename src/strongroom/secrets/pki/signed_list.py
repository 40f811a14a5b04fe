"""CRLs whose contents others decide: signed as they are, and merged from several."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from strongroom.crypto import pem, revocation_list
from strongroom.crypto.revocation_list import RESERVED, Extensions
from strongroom.crypto.signing_key import base64_of
from strongroom.errors import BadRequest
from strongroom.framework.field import Anything, StringList, field
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import SECOND, Request
from strongroom.secrets.pki import stored, validity
from strongroom.secrets.pki.crl import signing_allowed
from strongroom.secrets.pki.issuer import addressed
from strongroom.secrets.pki.role import check_oid

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_MOST = 100_000
_MOST_EXTENSIONS = 100
_HIGHEST = 2**159 - 1

Entry = tuple[int, Extensions]
"""When a certificate was revoked, in seconds since the epoch, and what else is said of it."""


class _Signed(Path):
    """A CRL signed by an issuer."""

    crl_number: int = field("Number of the CRL.")
    delta_crl_base_number: int = field(
        "Number of the CRL that this is the delta of; -1 for none.", default=-1
    )
    format: str = field("Form of the answer: pem, or der in base64.", default="pem")
    next_update: str = field("How long the CRL is valid.", default="72h")

    async def signed(
        self, pki: Pki, request: Request, ref: str, revoked: dict[str, Entry], more: Extensions = ()
    ) -> dict[str, Any]:
        """Sign it."""
        lifetime = self._checked()
        issuer = await addressed(pki, request, ref)
        signing_allowed(issuer)
        authority = await pki.authority(request, issuer)
        now = request.now // SECOND
        try:
            listed = [revocation_list.entry(serial, when, said) for serial, (when, said) in revoked.items()]
            der = revocation_list.sign(
                b"".join(listed),
                authority.key,
                authority.certificate,
                number=self.crl_number,
                this_update=now,
                next_update=now + lifetime,
                base=self.delta_crl_base_number if self.delta_crl_base_number >= 0 else None,
                algorithm=issuer.revocation_signature_algorithm,
                more=more,
            )
        except (ValueError, OverflowError):
            raise BadRequest("no CRL can say that") from None
        text = base64_of(der) if self.format == "der" else pem.encode("X509 CRL", der) + "\n"
        return {"crl": text}

    def _checked(self) -> int:
        """Seconds that the CRL is valid. Raises BadRequest where anything is none that a CRL has."""
        if self.format not in ("pem", "der"):
            raise BadRequest('the "format" parameter must be "pem" or "der"')
        if self.crl_number < 0:
            raise BadRequest("crl_number must be 0 or greater")
        if max(self.crl_number, self.delta_crl_base_number) > _HIGHEST:
            raise BadRequest("numbers of CRLs have at most 20 octets")
        try:
            lifetime = duration.parse(self.next_update)
        except duration.InvalidDuration as error:
            raise BadRequest(f"invalid value for next_update: {error.reason}") from None
        if lifetime <= 0:
            raise BadRequest("next_update must be greater than 0")
        return lifetime


class ResignCrls(_Signed):
    """CRLs that the issuer signed elsewhere, made one."""

    pattern = "issuer/{issuer_ref}/resign-crls"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    crls: StringList = field("The CRLs, as PEM, all signed by the issuer's key.", default=[])

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Sign a CRL that lists what any of them lists, since the first time that one says."""
        issuer = await addressed(pki, request, self.issuer_ref)
        revoked: dict[str, Entry] = {}
        for text in self.crls:
            try:
                one = revocation_list.load(text.encode())
                entries = one.entries
            except ValueError as error:
                raise BadRequest(str(error)) from None
            if not one.is_of(issuer.certificate):
                raise BadRequest("a CRL is not signed by the issuer")
            for serial, when, said in entries:
                known = revoked.get(serial)
                if known is None or when < known[0]:
                    revoked[serial] = (when, said)
        return await self.signed(pki, request, self.issuer_ref, revoked)


class SignRevocationList(_Signed):
    """A CRL with the contents that are given."""

    pattern = "issuer/{issuer_ref}/sign-revocation-list"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    revoked_certs: Anything = field(
        "Objects with serial_number, revocation_time as RFC 3339 has it, and, if wished, extensions."
    )
    extensions: Anything = field(
        "Further extensions of the CRL: objects with id (an object identifier), critical, and value (DER in "
        "base64)."
    )

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Sign it."""
        given = _listed(self.revoked_certs)
        if given is None or len(given) > _MOST:
            raise BadRequest("revoked_certs has to be a list of objects")
        revoked = dict(_entry(position, one) for position, one in enumerate(given))
        more = _extensions(self.extensions)
        return await self.signed(pki, request, self.issuer_ref, revoked, more)


def _listed(value: Any) -> list[Any] | None:
    """The members of a list; one object is a list of one, and what is no list is None."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else None if value else []


def _entry(position: int, one: Any) -> tuple[str, Entry]:
    place = f"from entry {position}"
    serial = stored.normal_serial(_text(f"serial_number {place}", one, "serial_number"))
    when = validity.timestamp(_text(f"revocation_time {place}", one, "revocation_time"))
    return serial, (when, _extensions(one.get("extensions")))


def _text(what: str, one: Any, name: str) -> str:
    value = one.get(name) if isinstance(one, dict) else None
    if not isinstance(value, str):
        raise BadRequest(f"failed parsing {what}: missing '{name}' field")
    return value


def _extensions(value: Any) -> Extensions:
    """Extensions as they are given. Raises BadRequest for what may not be given."""
    given = _listed(value)
    if given is None or len(given) > _MOST_EXTENSIONS:
        raise BadRequest("extensions has to be a list of objects")
    found = tuple(_extension(f"extension entry {position}", one) for position, one in enumerate(given))
    if len({dotted for dotted, _, _ in found}) < len(found):
        raise BadRequest("an extension is given twice")
    return found


def _extension(what: str, one: Any) -> tuple[str, bool, bytes]:
    dotted = _text(what, one, "id")
    check_oid(dotted, f"failed parsing {what}: id", "an extension")
    if dotted in RESERVED:
        raise BadRequest(f"failed parsing {what}: object identifier ({dotted}) is reserved")
    try:
        value = base64.b64decode(_text(what, one, "value"), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"failed parsing {what}: failed base64 decoding 'value' field") from None
    return dotted, str(one.get("critical", False)).lower() in ("true", "1"), value
