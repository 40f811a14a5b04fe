"""The rows of groups: who and which groups belong to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from strongroom.crypto.entropy import uuid4_str
from strongroom.identity.record import EXTERNAL, INTERNAL, Group
from strongroom.identity.rows import Rows, new_name

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Request


@dataclass(slots=True, frozen=True)
class Membership:
    """The groups of an entity: those it belongs to, and the groups that these belong to in turn."""

    direct: list[Group]
    inherited: list[Group]

    @property
    def all(self) -> list[Group]:
        """Every one of them, once."""
        return [*self.direct, *self.inherited]


class Groups(Rows[Group]):
    """Finds and keeps groups, and who belongs to them."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, "group", Group)

    def new(self, request: Request, name: str = "", type_: str = INTERNAL) -> Group:
        """A group that is not stored yet."""
        return Group(
            id=uuid4_str(),
            name=name or new_name("group", request.namespace),
            type=type_ or INTERNAL,
            creation_time=request.now,
            last_update_time=request.now,
            namespace_id=request.namespace.id,
        )

    def indexes(self, record: Group) -> dict[str, bytes]:
        """The rows of its name and its alias."""
        key, row = self.name_row(record.id, record.name)
        return {key: row} | ({} if record.alias is None else self.alias_rows(record.id, record.alias))

    # -- entities in groups --------------------------------------------------------------------

    async def members(self, request: Request, group_id: str) -> list[str]:
        """IDs of the entities that belong to a group."""
        return await self._here(request).list(f"member/{group_id}/")

    async def joined(self, request: Request, entity_id: str) -> list[str]:
        """IDs of the groups that an entity belongs to."""
        return await self._here(request).list(f"joined/{entity_id}/")

    def join(self, request: Request, group_id: str, entity_id: str) -> None:
        """Let an entity belong to a group."""
        view = self._here(request)
        view.mark(f"member/{group_id}/{entity_id}")
        view.mark(f"joined/{entity_id}/{group_id}")

    def leave(self, request: Request, group_id: str, entity_id: str) -> None:
        """Let an entity belong to a group no longer."""
        view = self._here(request)
        view.delete(f"member/{group_id}/{entity_id}")
        view.delete(f"joined/{entity_id}/{group_id}")

    async def set_members(self, request: Request, group_id: str, wanted: Iterable[str]) -> None:
        """Have exactly these entities belong to a group."""
        present, future = set(await self.members(request, group_id)), set(wanted)
        for entity_id in present - future:
            self.leave(request, group_id, entity_id)
        for entity_id in future - present:
            self.join(request, group_id, entity_id)

    async def leave_all(self, request: Request, entity_id: str) -> list[str]:
        """Let an entity belong to no group; gives those it left."""
        left = await self.joined(request, entity_id)
        for group_id in left:
            self.leave(request, group_id, entity_id)
        return left

    # -- groups in groups ----------------------------------------------------------------------

    async def children(self, request: Request, group_id: str) -> list[str]:
        """IDs of the groups that belong to a group."""
        return await self._here(request).list(f"child/{group_id}/")

    async def parents(self, request: Request, group_id: str) -> list[str]:
        """IDs of the groups that a group belongs to."""
        return await self._here(request).list(f"parent/{group_id}/")

    async def set_children(self, request: Request, group_id: str, wanted: Iterable[str]) -> None:
        """Have exactly these groups belong to a group. That makes no cycle was checked before."""
        view = self._here(request)
        present, future = set(await self.children(request, group_id)), set(wanted)
        for child in present - future:
            view.delete(f"child/{group_id}/{child}")
            view.delete(f"parent/{child}/{group_id}")
        for child in future - present:
            view.mark(f"child/{group_id}/{child}")
            view.mark(f"parent/{child}/{group_id}")
        for child in present ^ future:
            await self._bump(request, child)

    async def _bump(self, request: Request, group_id: str) -> None:
        group = await self.get(request, group_id)
        if group is not None:
            self.put(request, replace(group, modify_index=group.modify_index + 1), group)

    async def ancestors(self, request: Request, group_ids: Iterable[str]) -> list[str]:
        """IDs of all groups that these belong to, at any distance, nearest first; not these themselves."""
        start = list(group_ids)
        seen, found, waiting = set(start), [], start
        while waiting:
            further: list[str] = []
            for group_id in waiting:
                further += [one for one in await self.parents(request, group_id) if one not in seen]
                seen.update(further)
            found += (waiting := list(dict.fromkeys(further)))
        return found

    async def of_entity(self, request: Request, entity_id: str) -> Membership:
        """The groups of an entity, with their rows."""
        direct = await self.joined(request, entity_id)
        inherited = await self.ancestors(request, direct) if direct else []
        return Membership(await self._load(request, direct), await self._load(request, inherited))

    async def _load(self, request: Request, group_ids: list[str]) -> list[Group]:
        groups = [await self.get(request, one) for one in group_ids]
        return [group for group in groups if group is not None]

    # -- the end ---------------------------------------------------------------------------------

    async def forget_alias(self, request: Request, group: Group) -> None:
        """Take the alias from an external group; nobody belongs to it until it has another one."""
        fresh = replace(group, alias=None, modify_index=group.modify_index + 1)
        self.put(request, fresh, group)
        await self.set_members(request, group.id, ())

    async def remove(self, request: Request, group: Group) -> None:
        """Delete a group; nobody belongs to it, and it belongs to none, any more."""
        view = self._here(request)
        await self.set_members(request, group.id, ())
        await self.set_children(request, group.id, ())
        for parent in await self.parents(request, group.id):
            view.delete(f"child/{parent}/{group.id}")
            view.delete(f"parent/{group.id}/{parent}")
        self.delete(request, group)

    # -- logins ------------------------------------------------------------------------------------

    async def renew(self, request: Request, entity_id: str, mount_accessor: str, names: list[str]) -> bool:
        """Have an entity belong to the external groups that a login at a mount named, of that mount's.

        Gives whether anything changed.
        """
        named = [await self.by_alias(request, mount_accessor, name) for name in names]
        future = {group.id for group in named if group is not None and group.type == EXTERNAL}
        joined = await self._load(request, await self.joined(request, entity_id))
        present = {group.id for group in joined if _is_of(group, mount_accessor)}
        for group_id in present - future:
            self.leave(request, group_id, entity_id)
        for group_id in future - {group.id for group in joined}:
            self.join(request, group_id, entity_id)
        return present != future


def _is_of(group: Group, mount_accessor: str) -> bool:
    """Whether the members of a group are those that a mount names."""
    return group.type == EXTERNAL and group.alias is not None and group.alias.mount_accessor == mount_accessor
