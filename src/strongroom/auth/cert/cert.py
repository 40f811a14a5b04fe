"""The method: its login, and the renewal of what a login gave.

Source of the behaviour: the ``auth/cert`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.auth.cert import constraint, crl, responder
from strongroom.auth.cert.role import ROLES, Role, RoleIndex, RolePath, Roles
from strongroom.auth.cert.setting import Settings, SettingsPath
from strongroom.crypto import chain as chains
from strongroom.crypto import client_certificate
from strongroom.crypto.chain import Chain, NoIssuer, Untrusted
from strongroom.crypto.client_certificate import ClientCertificate, fingerprint
from strongroom.errors import BadRequest
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.framework.token_fields import TokenParameters, cleaned
from strongroom.logical import Auth, Request, Response

if TYPE_CHECKING:
    from strongroom.token import TokenEntry

_UNTRUSTED = "invalid certificate or no client certificate supplied"
_UNFIT = "no chain matching all constraints could be found for this login certificate"
_FINGERPRINT = "certificate_sha256"


class Login(Path):
    """Log in with the client certificate of the TLS connection."""

    pattern = "login"
    unauthenticated = True
    name: str = field("Name of the role; without it the first role, by name, that fits.")

    async def write(self, cert: Cert, request: Request) -> Response:
        """Get a token. The certificate is checked against roles, revocation lists and OCSP responders."""
        settings = await cert.settings(request)
        shown = await cert.shown(request)
        try:
            names = [self.name.lower()] if self.name else await RoleIndex(request).candidates(shown)
            name, role = await cert.fitting(request, shown, names, settings)
            _check_alias(shown)
        except BadRequest as error:
            if settings.enable_metadata_on_failures:
                error.extra["data"] = {"metadata": _metadata(shown)}
            raise
        auth = role.tokens.auth(request, alias=shown.common_name)
        auth.display_name = role.display_name
        auth.metadata = {"cert_name": name, **_metadata(shown), **constraint.metadata(role, shown)}
        if settings.enable_identity_alias_metadata:
            auth.alias_metadata = dict(auth.metadata)
        auth.internal = {_FINGERPRINT: fingerprint(shown.leaf)}
        return Response(auth=auth)


class Cert(Backend):
    """TLS client certificates.

    Write a role with the certificate of an authority, or with a client's own, and policies; whoever shows a
    certificate that it trusts when connecting, and logs in, gets a token. A token can be renewed with the
    certificate of its login only.
    """

    type: ClassVar[str] = "cert"
    kind: ClassVar[str] = "auth"
    paths = (Roles, RolePath, crl.Crls, crl.CrlPath, SettingsPath, Login)
    stored_settings = stored(Settings, under="config/")

    def __init__(self, mount: Any) -> None:
        super().__init__(mount)
        self.answers = responder.Answers()

    async def settings(self, request: Request) -> Settings:
        """The method's parameters."""
        return await self.stored_settings(request).get("settings") or Settings()

    async def shown(self, request: Request) -> ClientCertificate:
        """The certificate that came with the request. Raises BadRequest."""
        if request.certificate is None:
            raise BadRequest("no client certificate found")
        try:
            return ClientCertificate.of(request.certificate, request.certificate_chain)
        except Untrusted as error:
            raise BadRequest(f"failed to verify client's certificate: {error}") from None

    async def fitting(
        self, request: Request, shown: ClientCertificate, names: list[str], settings: Settings
    ) -> tuple[str, Role]:
        """The first of these roles that lets the certificate in. Raises BadRequest."""
        reasons: list[str] = []
        for name in names:
            role = await ROLES(request).get(name)
            if role is None:
                continue
            try:
                await self._admit(request, role, shown, settings)
            except NoIssuer:
                continue
            except Untrusted as error:
                reasons.append(str(error))
            else:
                return name, role
        raise BadRequest(reasons[0] if reasons else _UNTRUSTED)

    async def _admit(
        self, request: Request, role: Role, shown: ClientCertificate, settings: Settings
    ) -> None:
        """Raise NoIssuer when the role does not trust the certificate, Untrusted when it does not fit."""
        now = chains.moment(request.now)
        inquiry = responder.Inquiry(request, role, self.answers, now, settings.ocsp_cache_size)
        reason = ""
        for chain in _trusted(role, shown, now):
            if not constraint.fits(role, shown) or await crl.revoked(request, chain):
                continue
            if not role.ocsp_enabled:
                return
            try:
                await inquiry.check(chain)
            except responder.Revoked:
                continue
            except responder.Unclear as error:
                if not role.ocsp_fail_open:
                    reason = reason or str(error)
                    continue
            return
        more = f"; additionally got errors during verification: {reason}" if reason else ""
        raise Untrusted(_UNFIT + more)

    # -- what the core asks ----------------------------------------------------------------------

    def role_of(self, request: Request) -> str:
        """The role that a login names, which quotas go by; empty for any other request."""
        name: Any = request.data.get("name")
        return name.lower() if request.relative == "login" and isinstance(name, str) else ""

    async def wake(self, request: Request, reference: str) -> None:
        """Fetch a revocation list whose next update is due."""
        await crl.refresh(request, reference)

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """A token lives on with its certificate, if that may still log in, and with its role's policies.

        Where binding is disabled the certificate is not asked for.
        """
        name = (entry.meta or {}).get("cert_name", "")
        role = await ROLES(request).get(name)
        if role is None:
            raise BadRequest("the role is no longer there")
        settings = await self.settings(request)
        if not settings.disable_binding:
            shown = await self.shown(request)
            if fingerprint(shown.leaf) != entry.internal.get(_FINGERPRINT):
                raise BadRequest(
                    "client identity during renewal not matching client identity used during login"
                )
            await self.fitting(request, shown, [name], settings)
        _check_policies(role.tokens, entry)
        return role.tokens.terms()


def _trusted(role: Role, shown: ClientCertificate, now: datetime) -> list[Chain]:
    """The chains by which a role trusts the certificate; all bytes of one that is trusted itself count.

    Raises NoIssuer, Untrusted.
    """
    try:
        if shown.leaf in role.trust.leaves:
            chains.check_leaf(shown.leaf, now)
            return [_with_issuer(role, shown)]
        return chains.chains(shown.leaf, shown.sent, role.trust.authorities, now)
    except NoIssuer:
        raise
    except Untrusted as error:
        raise Untrusted(f"failed to verify client's certificate: {error}") from None


def _with_issuer(role: Role, shown: ClientCertificate) -> Chain:
    """A leaf that is trusted itself, with its issuer if that is known: responders are asked by it."""
    known = (*shown.sent, *client_certificate.bundle(role.certificate + role.ocsp_ca_certificates))
    issuers = [one for one in known if one.subject == shown.leaf.issuer and chains.issued(shown.leaf, one)]
    return (shown.leaf, *issuers[:1])


def _check_alias(shown: ClientCertificate) -> None:
    """Raise BadRequest for a certificate without the name by which identity knows who logged in."""
    if not shown.common_name:
        raise BadRequest("missing name in alias")


def _metadata(shown: ClientCertificate) -> dict[str, str]:
    return {
        "common_name": shown.common_name,
        "serial_number": shown.serial_number,
        "subject_key_id": shown.subject_key_id,
        "authority_key_id": shown.authority_key_id,
    }


def _check_policies(tokens: TokenParameters, entry: TokenEntry) -> None:
    if {*cleaned(tokens.token_policies), "default"} != {*entry.policies, "default"}:
        raise BadRequest("policies have changed, not renewing")
