"""The end of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.auth.token.guard import InvalidAccessor, refuse_foreign
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.lease import TIDY_NOTE
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.auth.token.token import TokenAuth


class Revoke(Path):
    """Revoke a token and everything it made."""

    pattern = "revoke"
    token: str = field("Token to revoke.", sensitive=True)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Revoke a token, its children and their leases. One that is not there is fine."""
        if not self.token:
            raise BadRequest("missing token ID")
        entry = await tokens.core.tokens.lookup(request, self.token)
        if entry is not None:
            await refuse_foreign(request, entry, "revoke")
            await tokens.revoke_entry(request, entry)


class RevokeSelf(Path):
    """Revoke the calling token and everything it made."""

    pattern = "revoke-self"
    token: str = field("Ignored; the calling token is revoked.", sensitive=True)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Revoke the calling token."""
        await tokens.revoke_entry(request, request.entry)


class RevokeAccessor(Path):
    """Revoke the token that an accessor belongs to, and everything it made."""

    pattern = "revoke-accessor"
    accessor: str = field("Accessor of the token.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Revoke a token by its accessor. One that is not there is fine."""
        try:
            entry = await tokens.find_accessor(request, self.accessor)
        except InvalidAccessor:
            return Response(warnings=["No token found with this accessor"])
        await tokens.revoke_entry(request, entry)
        return Response()


class RevokeOrphan(Path):
    """Revoke a token and let its children live on. Needs sudo."""

    pattern = "revoke-orphan"
    root_protected = True
    token: str = field("Token to revoke.", sensitive=True)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Revoke one token only."""
        if not self.token:
            raise BadRequest("missing token ID")
        entry = await tokens.core.tokens.lookup(request, self.token)
        if entry is None:
            raise BadRequest("token to revoke not found")
        await refuse_foreign(request, entry, "revoke")
        tokens.refuse_batch(entry)
        await tokens.core.tokens.revoke_orphan(request, entry.key)


class Tidy(Path):
    """Remove what a crash of an older version, or a restored backup, may have left of tokens."""

    pattern = "tidy"
    statuses = (("write", 202, "done"),)

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Remove index rows whose token is gone."""
        await tokens.core.tokens.tidy(request)
        return Response(status=202, warnings=[TIDY_NOTE])
