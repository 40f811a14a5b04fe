"""What is known of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.errors import NotFound
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.auth.token.token import TokenAuth


class Lookup(Path):
    """What is known of a token."""

    pattern = "lookup"
    reader_safe = True
    looks_up = True
    token: str = field("Token to look up; the calling one when absent.", sensitive=True)

    async def read(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of the calling token, or of the one given."""
        return await self.write(tokens, request)

    async def write(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of a token."""
        token = self.token or request.token
        return await tokens.describe(request, await tokens.find(request, token), token)


class LookupSelf(Path):
    """What is known of the calling token."""

    pattern = "lookup-self"
    reader_safe = True
    looks_up = True

    async def read(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of the calling token."""
        return await tokens.describe(request, request.entry, request.token)

    async def write(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of the calling token."""
        return await tokens.describe(request, request.entry, request.token)


class LookupAccessor(Path):
    """What is known of the token that an accessor belongs to; never the token itself."""

    pattern = "lookup-accessor"
    reader_safe = True
    looks_up = True
    accessor: str = field("Accessor of the token.")

    async def write(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of a token by its accessor."""
        return await tokens.describe(request, await tokens.find_accessor(request, self.accessor), "")


class Accessors(Path):
    """The accessors of all tokens. Needs sudo."""

    pattern = "accessors/?"
    reader_safe = True
    root_protected = True

    async def list(self, tokens: TokenAuth, request: Request) -> list[str]:
        """Every accessor of the namespace."""
        return await tokens.core.tokens.accessors(request)


def describe(entry: TokenEntry | None, now: int, token: str) -> dict[str, Any]:
    """The answer of a lookup. Raises NotFound without an entry."""
    if entry is None:
        raise NotFound
    body: dict[str, Any] = {
        "accessor": entry.accessor,
        "creation_time": entry.creation_time // SECOND,
        "creation_ttl": entry.ttl,
        "display_name": entry.display_name,
        "entity_id": entry.entity_id,
        "expire_time": rfc3339(entry.expire_time) if entry.expire_time else None,
        "explicit_max_ttl": entry.explicit_max_ttl,
        "id": token,
        "issue_time": rfc3339(entry.creation_time),
        "meta": entry.meta,
        "num_uses": max(entry.num_uses, 0),
        "orphan": entry.orphan,
        "path": entry.path,
        "policies": entry.policies,
        "renewable": entry.renewable,
        "ttl": max((entry.expire_time - now) // SECOND, 0) if entry.expire_time else 0,
        "type": entry.type,
    }
    _add_optional(body, entry)
    return body


def _add_optional(body: dict[str, Any], entry: TokenEntry) -> None:
    if entry.period:
        body["period"] = entry.period
    if entry.role:
        body["role"] = entry.role
    if entry.bound_cidrs:
        body["bound_cidrs"] = entry.bound_cidrs
    if entry.identity_policies:
        body["identity_policies"] = entry.identity_policies
        body["external_namespace_policies"] = {}
    if entry.last_renewal:
        body["last_renewal"] = rfc3339(entry.last_renewal)
        body["last_renewal_time"] = entry.last_renewal // SECOND
    if entry.type == "batch":
        body["expire_time"] = rfc3339(entry.expire_time // SECOND * SECOND) if entry.expire_time else None
        body["issue_time"] = rfc3339(entry.creation_time // SECOND * SECOND)
