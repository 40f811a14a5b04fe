"""The auth method that every request is authenticated by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.auth.token.creation import Create, CreateOrphan, CreateWithRole
from strongroom.auth.token.guard import BadToken, InvalidAccessor, within_reach
from strongroom.auth.token.lookup import Accessors, Lookup, LookupAccessor, LookupSelf, describe
from strongroom.auth.token.renewal import Renew, RenewAccessor, RenewSelf, auth_of
from strongroom.auth.token.revocation import Revoke, RevokeAccessor, RevokeOrphan, RevokeSelf, Tidy
from strongroom.auth.token.role import Role, RolePath, Roles, lower
from strongroom.errors import BadRequest, multierror
from strongroom.framework.backend import Backend
from strongroom.framework.lease import effective_ttl
from strongroom.framework.record import stored
from strongroom.logical import ROOT, SECOND, Auth, Request, Response
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.core import Core


class TokenAuth(Backend):
    """Tokens: the credential that every request carries.

    A token has policies, a time to live, perhaps a count of uses, and a parent that takes it
    along when it is revoked. Create one for each thing that talks to the server.
    """

    type: ClassVar[str] = "token"
    kind: ClassVar[str] = "auth"
    paths = (
        Create,
        CreateOrphan,
        CreateWithRole,
        Lookup,
        LookupSelf,
        LookupAccessor,
        Accessors,
        Renew,
        RenewSelf,
        RenewAccessor,
        Revoke,
        RevokeSelf,
        RevokeAccessor,
        RevokeOrphan,
        Tidy,
        Roles,
        RolePath,
    )
    roles = stored(Role, under="roles/")
    core: Core

    async def find(self, request: Request, token: str) -> TokenEntry:
        """The live entry of a token. Raises :class:`BadToken`."""
        if token == request.token:
            own: TokenEntry = request.entry
            return own
        entry = await self.core.tokens.lookup(request, token)
        if entry is None or not await within_reach(request, entry):
            raise BadToken
        return entry

    async def find_accessor(self, request: Request, accessor: str) -> TokenEntry:
        """The live entry of an accessor. Raises BadRequest."""
        if not accessor:
            raise BadRequest(multierror("missing accessor"))
        entry = await self.core.tokens.by_accessor(request, accessor)
        if entry is None:
            raise InvalidAccessor
        return entry

    async def describe(self, request: Request, entry: TokenEntry, token: str) -> dict[str, Any]:
        """The answer of a lookup, with what the token's entity gives it at this moment."""
        await self.core.identity.stand(request, entry)
        body = describe(entry, request.now, token)
        if entry.namespace_id != ROOT.id:
            home = await self.core.namespaces.by_id(request.tx, entry.namespace_id)
            body["namespace_path"] = "" if home is None else home.path
        return body

    async def revoke_entry(self, request: Request, entry: TokenEntry) -> None:
        """Revoke a token and its tree."""
        self.refuse_batch(entry)
        await self.core.tokens.revoke_tree(request, entry.key)

    def refuse_batch(self, entry: TokenEntry) -> None:
        """Raise BadRequest for a batch token, which cannot be revoked: it only ends."""
        if entry.type == "batch":
            raise BadRequest("batch tokens cannot be revoked")

    async def renew_token(self, request: Request, entry: TokenEntry, increment: int, token: str) -> Response:
        """Give a token more time, as far as its limits allow."""
        if entry.type == "batch":
            raise BadRequest("batch tokens cannot be renewed")
        if not entry.renewable or not entry.expire_time:
            raise BadRequest("lease is not renewable")
        home = await self.core.namespaces.by_id(request.tx, entry.namespace_id) or request.namespace
        mount = (await self.core.mounts.ready(home)).find(entry.path) or request.mount
        default, longest = self.core.ttls(mount)
        inner = self.core.inner_request(request, mount, entry.path)
        terms = await mount.backend.renew_login(inner, entry) or Auth(
            ttl=entry.granted, max_ttl=entry.max_ttl, period=entry.period
        )
        ttl, warnings = effective_ttl(
            default=terms.ttl or default,
            longest=longest,
            wanted=increment,
            backend_max=terms.max_ttl,
            explicit_max=terms.explicit_max_ttl or entry.explicit_max_ttl,
            period=terms.period,
            age=(request.now - entry.creation_time) // SECOND,
        )
        entry = self.core.tokens.renewed(request, entry, ttl)
        await self.core.identity.stand(request, entry)
        return Response(auth=auth_of(entry, ttl, token), warnings=warnings)

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """A token that was made through a role follows the role as it is today.

        Its period is the role's, and it outlives neither bound. Raises BadRequest when the role is gone.
        """
        if not entry.role:
            return None
        role = await self.roles(request).get(entry.role)
        if role is None:
            raise BadRequest(f'original token role "{entry.role}" could not be found, not renewing')
        return Auth(
            ttl=entry.granted,
            max_ttl=entry.max_ttl,
            explicit_max_ttl=lower(entry.explicit_max_ttl, role.token_explicit_max_ttl),
            period=role.token_period or entry.period,
        )
