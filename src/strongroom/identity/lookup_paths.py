"""Looking entities and groups up by whatever is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.identity.answer import group_body
from strongroom.identity.entity_paths import body_of
from strongroom.identity.rows import T

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.identity.rows import Rows
    from strongroom.logical import Request


class LookupFields(Path):
    """By what something can be looked up: one of these, an alias by its name and its mount."""

    reader_safe = True
    looks_up = True
    id: str = field("ID.")
    name: str = field("Name, in any case.")
    alias_id: str = field("ID of an alias.")
    alias_name: str = field("Name of an alias; together with alias_mount_accessor.")
    alias_mount_accessor: str = field("Accessor of the mount of an alias; together with alias_name.")

    def _check(self) -> None:
        """Raise BadRequest unless exactly one question is asked."""
        by_alias = bool(self.alias_name or self.alias_mount_accessor)
        asked = sum(map(bool, (self.id, self.name, self.alias_id, by_alias)))
        if not asked:
            raise BadRequest("query parameter not supplied")
        if asked > 1:
            raise BadRequest("query parameter conflict; please supply distinct set of query parameters")
        if by_alias and not (self.alias_name and self.alias_mount_accessor):
            raise BadRequest("both 'alias_name' and 'alias_mount_accessor' needs to be set")

    async def find(self, request: Request, rows: Rows[T]) -> T | None:
        """The record that is asked for, or None. Raises BadRequest."""
        self._check()
        if self.id:
            return await rows.get(request, self.id)
        if self.name:
            return await rows.by_name(request, self.name)
        if self.alias_id:
            return await rows.of_alias(request, self.alias_id)
        return await rows.by_alias(request, self.alias_mount_accessor, self.alias_name)


class LookupEntity(LookupFields):
    """Find an entity by its ID, its name, or one of its aliases."""

    pattern = "lookup/entity"

    async def write(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The entity with its aliases and groups; nothing when there is none."""
        return await body_of(request, await self.find(request, request.core.identity.entities))


class LookupGroup(LookupFields):
    """Find a group by its ID, its name, or its alias."""

    pattern = "lookup/group"

    async def write(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The group with its members; nothing when there is none."""
        group = await self.find(request, request.core.identity.groups)
        return None if group is None else await group_body(request, group)
