"""The resources of EST: certificates of the authority, enrolling, and what requests should say.

Source of the behaviour: RFC 7030, and RFC 8951 where that is unclear.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate
from strongroom.crypto.signing_request import SigningRequest
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki import issuance, issue
from strongroom.secrets.pki.est import caller, config, message
from strongroom.secrets.pki.est.config import EstConfig
from strongroom.secrets.pki.issuance import Wanted
from strongroom.secrets.pki.role import Role

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki


class _Resource(Path):
    """A resource of EST. Who may use it is decided by the protocol, not by a token."""

    unauthenticated = True
    reads_headers = frozenset({"authorization"})
    sets_headers = frozenset({"content-transfer-encoding"})
    role: str = ""

    async def served(self, request: Request) -> EstConfig:
        """The settings. Raises NotFound where EST is not for this role."""
        settings = await config.read(request)
        if not settings.serves(self.role):
            raise NotFound
        return settings

    async def governing(self, pki: Pki, request: Request) -> Role:
        """The role that requests go by: they say who they are for themselves."""
        if not self.role:
            return issuance.verbatim(None)
        found = await pki.role(request, self.role)
        return replace(found, use_csr_common_name=True, use_csr_sans=True, generate_lease=False)


class CaCerts(_Resource):
    """The certificates of the authority, for everyone."""

    pattern = "est/cacerts"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The issuer's certificate and those above it, as PKCS #7 in base64."""
        await self.served(request)
        role = await self.governing(pki, request)
        issuer = await pki.signing_issuer(request, role.issuer_ref)
        return message.certificates(await pki.chain(request, issuer))


class CsrAttrs(_Resource):
    """What requests for certificates should say, for everyone."""

    pattern = "est/csrattrs"
    statuses = (("read", 204, "Any key will do."),)

    async def read(self, pki: Pki, request: Request) -> Response:
        """The kind of key that the role wants, as CsrAttrs in base64."""
        await self.served(request)
        return message.attributes(await pki.role(request, self.role) if self.role else None)


class SimpleEnroll(_Resource):
    """Certificates for who has a name and a password, or a client's certificate."""

    pattern = "est/simpleenroll"

    async def write(self, pki: Pki, request: Request) -> Response:
        """A certificate for a request (PKCS #10 in base64), as PKCS #7 in base64."""
        settings = await self.served(request)
        await caller.authenticate(pki, request, settings)
        return await self.enroll(pki, request, _request(request))

    async def enroll(self, pki: Pki, request: Request, csr: SigningRequest) -> Response:
        """Sign it."""
        role = await self.governing(pki, request)
        given = await issue.sign_by_role(
            pki, request, role, Wanted(), csr.public_key, csr=csr, as_it_is=not self.role
        )
        return message.certificates([given.certificate], message.ISSUED)


class SimpleReenroll(SimpleEnroll):
    """Another certificate for who has one."""

    pattern = "est/simplereenroll"

    async def write(self, pki: Pki, request: Request) -> Response:
        """A certificate for the same names: a client's certificate that is shown has those of the request."""
        settings = await self.served(request)
        shown = await caller.authenticate(pki, request, settings)
        csr = _request(request)
        if shown and request.certificate is not None:
            _check_same(csr, request.certificate)
        return await self.enroll(pki, request, csr)


def _request(request: Request) -> SigningRequest:
    return message.parsed(request.message.body if request.message is not None else b"")


def _check_same(csr: SigningRequest, shown: bytes) -> None:
    """Raise BadRequest where a request is for another than the certificate that is shown."""
    try:
        before = certificate.load(shown)
        same = before.subject_der == csr.subject_der and before.alternative_names == csr.names
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not same:
        raise BadRequest("the request has another subject or other names than the certificate that is shown")


class _OfRole(Path):
    """By a role."""

    role: str = field("Name of the role that decides.")


def _by_role(path: type[Path]) -> type[Path]:
    about: dict[str, Any] = {"pattern": "roles/{role}/" + path.pattern}
    about |= {"__doc__": path.__doc__, "__module__": path.__module__}
    return type(path.__name__ + "OfRole", (_OfRole, path), about)


_RESOURCES: tuple[type[Path], ...] = (CaCerts, CsrAttrs, SimpleEnroll, SimpleReenroll)
PATHS: tuple[type[Path], ...] = (config.ConfigEst, *_RESOURCES, *map(_by_role, _RESOURCES))
