"""More time for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.auth.token.guard import refuse_foreign
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.logical import Auth, Request, Response
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.auth.token.token import TokenAuth


class Renew(Path):
    """Extend the life of a token."""

    pattern = "renew"
    token: str = field("Token to renew.", sensitive=True)
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Renew a token."""
        if not self.token:
            raise BadRequest("missing token ID")
        entry = await tokens.core.tokens.lookup(request, self.token)
        if entry is None:
            raise BadRequest("token not found")
        await refuse_foreign(request, entry, "renew")
        return await tokens.renew_token(request, entry, self.increment, self.token)


class RenewSelf(Path):
    """Extend the life of the calling token."""

    pattern = "renew-self"
    token: str = field("Ignored; the calling token is renewed.", sensitive=True)
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Renew the calling token."""
        return await tokens.renew_token(request, request.entry, self.increment, request.token)


class RenewAccessor(Path):
    """Extend the life of the token that an accessor belongs to."""

    pattern = "renew-accessor"
    accessor: str = field("Accessor of the token.")
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Renew a token by its accessor."""
        entry = await tokens.find_accessor(request, self.accessor)
        return await tokens.renew_token(request, entry, self.increment, "")


def auth_of(entry: TokenEntry, ttl: int, token: str) -> Auth:
    return Auth(
        client_token=token,
        accessor=entry.accessor,
        policies=sorted({*entry.policies, *entry.identity_policies}),
        token_policies=entry.policies,
        identity_policies=sorted(entry.identity_policies),
        metadata=entry.meta,
        lease_duration=ttl,
        renewable=entry.renewable,
        entity_id=entry.entity_id,
        token_type=entry.type,
        orphan=entry.orphan,
        num_uses=max(entry.num_uses, 0),
    )
