"""Who enrolls: a name and a password, or the certificate that the connection shows."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote

from strongroom.errors import BadRequest, InvalidCredentials
from strongroom.secrets.pki.est.config import CERT, USERPASS, EstConfig

if TYPE_CHECKING:
    from strongroom.logical import Request
    from strongroom.secrets.pki.engine import Pki

_ASKING = {"WWW-Authenticate": 'Basic realm="EST", charset="UTF-8"'}


class Unknown(InvalidCredentials):
    """Who asks is not known. Counts as a failed login where a name was tried."""

    status = 401

    def __init__(self, public: str) -> None:
        super().__init__(public, headers=_ASKING)


async def authenticate(pki: Pki, request: Request, config: EstConfig) -> bool:
    """Find out who asks, and that he may; gives whether his certificate showed it.

    Raises Unknown, and PermissionDenied for who is known and may not.
    """
    named = _named(request.headers.get("authorization", ""))
    kind = USERPASS if named is not None else CERT
    authenticator = config.authenticators.get(kind)
    if authenticator is None or (named is None and request.certificate is None):
        raise Unknown("a name with its password, or the certificate of a client, is needed")
    if named is not None:
        path, data = f"login/{quote(named[0], safe='@')}", {"password": named[1]}
    else:
        path, data = "login", {"name": authenticator.get("cert_role", "")}
    try:
        await pki.core.vouch(request, authenticator["accessor"], path, data)
    except BadRequest as error:
        raise Unknown(error.public) from None
    return named is None


def _named(header: str) -> tuple[str, str] | None:
    """Name and password of HTTP's basic authentication; None where there is none. Raises Unknown."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name, colon, password = "", "", ""
    if not colon or not name:
        raise Unknown("the header Authorization is not that of a name and a password")
    return name, password
