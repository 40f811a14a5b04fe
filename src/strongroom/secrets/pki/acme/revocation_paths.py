"""The path by which certificates are revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import base64url, certificate, signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import revocation, stored
from strongroom.secrets.pki.acme import records
from strongroom.secrets.pki.acme.endpoint import Caller, Signed, everywhere
from strongroom.secrets.pki.acme.identifier import DNS, IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem, malformed

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

REASONS = frozenset({0, 1, 3, 4, 5, 9})
"""Reasons of RFC 5280, section 5.3.1 that a client may give."""
_LOOKED_AT = 2_000
"""Authorizations of an account that are looked at."""


class RevokeCert(Signed):
    """Certificates that are not to be trusted any more."""

    pattern = "acme/revoke-cert"
    signer = "either"

    async def write(self, pki: Pki, request: Request) -> Response:
        """Revoke a certificate.

        The account that ordered it may, an account that has shown to hold all its names, and who has the key
        of the certificate.
        """
        return await self.serve(pki, request, _revoke)


async def _revoke(caller: Caller) -> Response:
    request, content = caller.request, caller.message.content()
    one = await _certificate(caller, content)
    reason = content.get("reason", 0)
    if isinstance(reason, bool) or not isinstance(reason, int) or reason not in REASONS:
        raise Problem("badRevocationReason", "the reason is none that a client may give")
    if not await _may(caller, one):
        raise Problem("unauthorized", "the certificate is not one that the signer may revoke", status=403)
    if await caller.pki.revocations(request).get(one.serial) is not None:
        raise Problem("alreadyRevoked", "the certificate is revoked already")
    if one.not_after * SECOND <= request.now:
        raise malformed("the certificate has ended already")
    await revocation.revoke(caller.pki, request, one)
    return Response(raw=b"")


async def _certificate(caller: Caller, content: dict[str, Any]) -> Certificate:
    """The certificate that is brought, which was issued here. Raises Problem."""
    text = content.get("certificate")
    try:
        one = certificate.load(base64url.decode(text)) if isinstance(text, str) else None
    except ValueError:
        one = None
    if one is None:
        raise malformed("failed to parse certificate: the field wants base64url of DER")
    known = await stored.find(caller.request, one.serial)
    if known is None or known.der != one.der:
        raise malformed("the certificate was not issued here")
    return one


async def _may(caller: Caller, one: Certificate) -> bool:
    if caller.account is None:
        return signing_key.public_der(one.public_key) == caller.key.der
    issued = await records.issued(caller.request).get(one.serial)
    if issued is not None and issued.account == caller.account.id:
        return True
    names = one.alternative_names
    wanted = {Identifier(DNS, name.lower()) for name in names.dns}
    wanted |= {Identifier(IP, str(address)) for address in names.addresses}
    if not wanted or names.emails or names.uris or names.others:
        return False
    return wanted <= await _held(caller, caller.account.id)


async def _held(caller: Caller, account: str) -> set[Identifier]:
    """What an account has shown to hold, as far as it still counts."""
    rows, held = records.authorizations(caller.request), set()
    for name in await rows.list(f"{account}/", limit=_LOOKED_AT):
        one = await rows.get(f"{account}/{name}")
        if one is not None and one.status(caller.request.now) == records.VALID:
            held.add(Identifier(one.identifier.type, "*." * one.wildcard + one.identifier.value))
    return held


PATHS = everywhere(RevokeCert)
