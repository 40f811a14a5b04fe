"""The paths of enforcements: which logins need a second factor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, field
from strongroom.framework.path import Path
from strongroom.identity.mfa import enforcement as enforcements
from strongroom.identity.mfa import method as methods
from strongroom.identity.mfa.enforcement import Enforcement

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.logical import Request

_TARGETS = ("auth_method_accessors", "auth_method_types", "identity_group_ids", "identity_entity_ids")


class Enforcements(Path):
    """The enforcements there are."""

    pattern = "mfa/login-enforcement/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Names, and under each what it asks of whom."""
        rows = enforcements.enforcements(request)
        found = [await rows.get(name) for name in await rows.list("", self.after, self.limit)]
        info = {one.name: enforcements.described(request, one) for one in found if one is not None}
        return {"keys": [*info], "key_info": info} if info else None


class EnforcementPath(Path):
    """Asks for a second factor of every login that one of its lists names."""

    pattern = "mfa/login-enforcement/{name}"
    reader_safe = True
    name: str = field("Name of the enforcement.")
    mfa_method_ids: CommaList = field("IDs of methods, one of which has to be passed.")
    auth_method_accessors: CommaList = field("Accessors of auth mounts: all logins there.")
    auth_method_types: CommaList = field("Types of auth mounts: all logins at any of them.")
    identity_group_ids: CommaList = field("IDs of groups: all logins of who belongs to one, at any distance.")
    identity_entity_ids: CommaList = field("IDs of entities: all their logins.")

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """What is asked of whom."""
        found = await enforcements.enforcements(request).get(self.name)
        return None if found is None else enforcements.described(request, found)

    async def write(self, identity: Identity, request: Request) -> None:
        """Make an enforcement, or change what is given. It holds from the next login on."""
        before = await enforcements.enforcements(request).get(self.name)
        if not self.mfa_method_ids:
            raise BadRequest("missing method ids")
        fresh = replace(before or Enforcement(uuid4_str(), self.name), mfa_method_ids=self.mfa_method_ids)
        for name in _TARGETS:
            if name in self.given:
                setattr(fresh, name, getattr(self, name))
        await self._check(request, fresh)
        await enforcements.put(request, fresh, before)

    async def _check(self, request: Request, fresh: Enforcement) -> None:
        """Raise BadRequest for what is not there, and for an enforcement that is for nobody."""
        known = request.core.identity
        table = request.core.mounts.of(request.namespace).by_prefix.values()
        mounts = [mount for mount in table if mount.entry.table == "auth"]
        for one in fresh.mfa_method_ids:
            if await methods.known(request, one) is None:
                raise BadRequest("one of the provided method ids doesn't exist")
        if not set(fresh.auth_method_accessors) <= {mount.accessor for mount in mounts}:
            raise BadRequest("one of the auth method accessors provided is invalid")
        if not set(fresh.auth_method_types) <= {mount.type for mount in mounts}:
            raise BadRequest("one of the auth method types provided is invalid")
        for one in fresh.identity_group_ids:
            if await known.groups.get(request, one) is None:
                raise BadRequest("one of the provided group ids doesn't exist")
        for one in fresh.identity_entity_ids:
            if await known.entities.get(request, one) is None:
                raise BadRequest("one of the provided entity ids doesn't exist")
        if not any(getattr(fresh, name) for name in _TARGETS):
            raise BadRequest(f"One of {', '.join(_TARGETS)} must be specified")

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the enforcement."""
        found = await enforcements.enforcements(request).get(self.name)
        if found is not None:
            await enforcements.delete(request, found)


ENFORCEMENT_PATHS: tuple[type[Path], ...] = (Enforcements, EnforcementPath)
