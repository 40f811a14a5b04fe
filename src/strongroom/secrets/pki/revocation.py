"""Revoking: a certificate is noted as revoked for good, and stands in the CRL from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate, signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.errors import BadRequest, PermissionDenied
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import stored, validity
from strongroom.secrets.pki.counts import REVOKED
from strongroom.secrets.pki.issuer import Issuer
from strongroom.secrets.pki.stored import Revoked

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_SHORTEST = 50


def listed(group: str, serial: str, seconds: int) -> str:
    """The row that has a certificate stand in the CRL of a group of issuers."""
    return f"listed/{group}/{serial}/{seconds:x}"


def unpublished(group: str, serial: str, seconds: int) -> str:
    """The row that says that the complete CRL does not have it yet."""
    return f"unpublished/{group}/{serial}/{seconds:x}"


async def revoke(pki: Pki, request: Request, one: Certificate) -> Revoked:
    """Note that a certificate is revoked; one that is already stays as it is."""
    known = await pki.revocations(request).get(one.serial)
    if known is not None:
        return known
    issuer = await issuer_of(pki, request, one)
    seconds = request.now // SECOND
    group = issuer.group if issuer is not None else ""
    record = Revoked(seconds, one.not_after, group, issuer.id if issuer is not None else "", request.now)
    pki.revocations(request).put(one.serial, record)
    pki.counts.changed(request, REVOKED, 1)
    request.view.mark(f"revoked-expiry/{one.not_after:012x}/{one.serial}")
    if group:
        _list(request, one.serial, record)
    else:
        request.view.mark(f"orphans/{one.serial}")
    if await request.view.get(f"certs/{one.serial}") is None:
        stored.keep(pki, request, one)
    return record


def _list(request: Request, serial: str, record: Revoked) -> None:
    request.view.mark(listed(record.group, serial, record.time))
    request.view.mark(unpublished(record.group, serial, record.time))


def assign(pki: Pki, request: Request, serial: str, record: Revoked, issuer: Issuer) -> None:
    """Note the issuer of a revoked certificate that had none here when it was revoked."""
    record.group, record.issuer = issuer.group, issuer.id
    pki.revocations(request).put(serial, record)
    request.view.delete(f"orphans/{serial}")
    _list(request, serial, record)


def forget(pki: Pki, request: Request, serial: str, record: Revoked) -> None:
    """Remove what is noted of a revoked certificate."""
    pki.counts.changed(request, REVOKED, -1)
    request.view.delete(f"revoked/{serial}")
    request.view.delete(f"revoked-expiry/{record.not_after:012x}/{serial}")
    request.view.delete(f"orphans/{serial}")
    if record.group:
        request.view.delete(listed(record.group, serial, record.time))
        request.view.delete(unpublished(record.group, serial, record.time))


async def issuer_of(pki: Pki, request: Request, one: Certificate) -> Issuer | None:
    """The issuer of this mount that signed a certificate."""
    found = [issuer for issuer in await pki.all_issuers(request) if issuer.certificate.issued(one)]
    return next((issuer for issuer in found if issuer.key_id), found[0] if found else None)


async def _wanted(pki: Pki, request: Request, serial: str, text: str) -> Certificate:
    """The certificate that is named or brought. Raises BadRequest."""
    if serial and text:
        raise BadRequest("Must provide either the certificate or the serial to revoke; not both.")
    if not serial and not text:
        raise BadRequest("The serial number or certificate to revoke must be provided.")
    if text:
        return await _brought(pki, request, text)
    found = await stored.find(request, stored.normal_serial(serial))
    if found is None:
        raise BadRequest(f"certificate with serial {serial} not found.")
    return found


async def _brought(pki: Pki, request: Request, text: str) -> Certificate:
    if len(text) < _SHORTEST:
        raise BadRequest(
            "provided certificate data was too short; perhaps a path was passed to the API rather than the "
            "contents of a PEM file"
        )
    try:
        one = certificate.load(text.encode())
    except ValueError as error:
        raise BadRequest(str(error)) from None
    known = await stored.find(request, one.serial)
    if known is not None and known.der != one.der:
        raise BadRequest("the certificate is not the one of its serial number that was issued here")
    if known is None and await issuer_of(pki, request, one) is None:
        raise BadRequest("unable to verify signature on presented cert from any present issuer in this mount")
    return one


async def _revoke(pki: Pki, request: Request, one: Certificate) -> Response:
    config = await pki.crl_config(request)
    if one.not_after * SECOND <= request.now and not config.allow_expired_cert_revocation:
        ended = validity.written(one.not_after)
        note = f"certificate with serial {one.serial} already expired on {ended}"
        return Response(warnings=[note])
    if any(issuer.certificate.der == one.der for issuer in await pki.all_issuers(request)):
        raise BadRequest("adding an issuer to its own CRL is not allowed; revoke it with issuer/.../revoke")
    record = await revoke(pki, request, one)
    return Response(data=_answer(record))


def _answer(record: Revoked) -> dict[str, Any]:
    return {
        "revocation_time": record.time,
        "revocation_time_rfc3339": validity.written(record.time),
        "state": "revoked",
    }


class Revoke(Path):
    """Revoke a certificate of this mount."""

    pattern = "revoke"
    serial_number: str = field("Serial number of the certificate, with colons or hyphens.")
    certificate: str = field("The certificate itself, as PEM: also one that was not stored.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Revoke it. One that has ended is left alone, with a warning."""
        one = await _wanted(pki, request, self.serial_number, self.certificate)
        return await _revoke(pki, request, one)


class RevokeWithKey(Path):
    """Revoke a certificate of this mount, proving to have its key."""

    pattern = "revoke-with-key"
    serial_number: str = field("Serial number of the certificate, with colons or hyphens.")
    certificate: str = field("The certificate itself, as PEM: also one that was not stored.")
    private_key: str = field("The private key of the certificate, as PEM.", sensitive=True)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Revoke it, if the key is that of the certificate."""
        if not self.private_key:
            raise BadRequest("Must have private key to revoke via the /revoke-with-key path.")
        one = await _wanted(pki, request, self.serial_number, self.certificate)
        try:
            proven = signing_key.proves(signing_key.load(self.private_key.encode()), one.public_key)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if not proven:
            raise PermissionDenied("provided private key does not match certificate's public key")
        return await _revoke(pki, request, one)
