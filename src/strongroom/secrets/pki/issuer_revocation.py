"""Revoking an issuer: it signs nothing more, and stands in the CRL of the one above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import revocation
from strongroom.secrets.pki.issuer import Issuer, addressed

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_SELF_SIGNED = "the issuer is self-signed: clients that trust it do not learn from any CRL that it is revoked"
_NO_PARENT = (
    "no issuer of this mount signed it, so it stands in no CRL here; have the one that did revoke it too"
)
_IS_DEFAULT = "it is the default issuer: name another one in config/issuers to go on issuing"


class RevokeIssuer(Path):
    """Revoke an issuer for good."""

    pattern = "issuer/{issuer_ref}/revoke"
    issuer_ref: str = field("Name or ID of the issuer, or default.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Revoke it: it issues nothing more, but goes on signing its CRL."""
        issuer = await addressed(pki, request, self.issuer_ref)
        if issuer.revoked:
            return Response(data=await pki.described(request, issuer))
        issuer.revoked = True
        issuer.revocation_time = request.now // SECOND
        issuer.usage = [usage for usage in issuer.usage if usage != "issuing-certificates"]
        pki.issuers(request).put(issuer.id, issuer)
        warnings = await self._note(pki, request, issuer)
        return Response(data=await pki.described(request, issuer), warnings=warnings)

    async def _note(self, pki: Pki, request: Request, issuer: Issuer) -> list[str]:
        certificate = issuer.certificate
        parents = [
            one
            for one in await pki.all_issuers(request)
            if one.group != issuer.group and one.certificate.issued(certificate)
        ]
        if parents:
            await revocation.revoke(pki, request, certificate)
        warnings = [_SELF_SIGNED] if certificate.is_self_signed else []
        warnings += [] if parents else [_NO_PARENT]
        is_default = (await pki.config(request)).default_issuer == issuer.id
        return warnings + ([_IS_DEFAULT] if is_default else [])
