"""OCSP: whether a certificate is revoked, answered one at a time."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote

from strongroom.crypto import ocsp
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki.issuer import Issuer

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_TYPE = "application/ocsp-response"


async def answered(pki: Pki, request: Request, der: bytes) -> Response:
    """The answer to a question: good, revoked, or none, for issuers that are not of this mount."""
    config = await pki.crl_config(request)
    if config.ocsp_disable:
        return _refused()
    try:
        question = ocsp.load(der)
    except ValueError:
        return Response(raw=ocsp.MALFORMED, content_type=_TYPE, status=400)
    issuer = await _asked_about(pki, request, question)
    if issuer is None:
        return _refused()
    try:
        authority = await pki.authority(request, issuer)
    except BadRequest:
        return _refused()
    revoked = await pki.revocations(request).get(question.serial)
    of_issuer = revoked is not None and revoked.group == issuer.group
    raw = ocsp.answer(
        question,
        authority,
        revoked=revoked.time if revoked is not None and of_issuer else None,
        now=request.now // SECOND,
        lifetime=duration.parse(config.ocsp_expiry),
    )
    return Response(raw=raw, content_type=_TYPE)


def _refused() -> Response:
    return Response(raw=ocsp.UNAUTHORIZED, content_type=_TYPE, status=401)


async def _asked_about(pki: Pki, request: Request, question: ocsp.Question) -> Issuer | None:
    for issuer in await pki.all_issuers(request):
        if "ocsp-signing" in issuer.usage and issuer.key_id and question.is_about(issuer.certificate):
            return issuer
    return None


class OcspPost(Path):
    """Questions about certificates of this mount's issuers, as RFC 6960 has them, for everyone."""

    pattern = "ocsp"
    unauthenticated = True
    looks_up = True

    async def write(self, pki: Pki, request: Request) -> Response:
        """Answer a question that comes as application/ocsp-request."""
        return await answered(pki, request, request.message.body if request.message is not None else b"")


class OcspGet(Path):
    """Questions about certificates of this mount's issuers, as RFC 6960 has them, for everyone."""

    pattern = "ocsp/{req*}"
    unauthenticated = True
    reader_safe = True
    req: str = field("The question in DER, as base64, percent-encoded.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """Answer a question that comes within the path."""
        try:
            der = base64.b64decode(unquote(self.req), validate=True)
        except (binascii.Error, ValueError):
            der = b""
        return await answered(pki, request, der)
