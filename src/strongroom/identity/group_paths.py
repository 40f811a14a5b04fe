"""The paths of groups and their aliases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, multierror
from strongroom.framework.field import CommaList, KVPairs, field
from strongroom.framework.path import Path
from strongroom.identity.alias_paths import require_mount
from strongroom.identity.answer import alias_body, alias_summary, group_body
from strongroom.identity.entities import new_alias
from strongroom.identity.entity_paths import identity_policies, refuse_flawed
from strongroom.identity.record import EXTERNAL, INTERNAL, Alias, Group

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.identity.identities import Identities
    from strongroom.logical import Request


class GroupFields(Path):
    """What a group can be given."""

    id: str = field("ID of the group to change; a new one is made without it.")
    name: str = field("Name, unique in any case; generated when absent.")
    type: str = field("internal, with members set here, or external, with members set by logins.")
    metadata: KVPairs = field("Pairs to go with the group, for templated policies and for people.")
    policies: CommaList = field("Policies that all tokens of all members get. Not root.")
    member_entity_ids: CommaList = field("Entities that belong to the group: all of them.")
    member_group_ids: CommaList = field("Groups that belong to the group: all of them. Their members do too.")

    async def write(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Make a group, or change what is given of the one with this ID or name. Tokens follow at once."""
        known: Identities = request.core.identity
        before = await self._named(request, known)
        if before is None and "name" in self.given and not self.name:
            raise BadRequest("empty group name")
        if before is not None and "type" in self.given and self.type != before.type:
            raise BadRequest("group type cannot be changed")
        group = known.groups.new(request, self.name, self.type) if before is None else replace(before)
        self._check_type(group)
        await self._rename(request, known, group)
        if "metadata" in self.given:
            refuse_flawed("group", self.metadata)
            group.metadata = self.metadata
        if "policies" in self.given:
            group.policies = identity_policies(self.policies)
        group.last_update_time, group.modify_index = request.now, group.modify_index + 1
        known.groups.put(request, group, before)
        await self._set_members(request, known, group)
        if before is None and not self.member_entity_ids and not self.member_group_ids:
            return {"id": group.id, "name": group.name}
        known.changed(request)
        return None if before is not None else {"id": group.id, "name": group.name}

    async def _named(self, request: Request, known: Identities) -> Group | None:
        """The group to change, None for a new one. Raises BadRequest for an ID that is none."""
        if not self.id:
            return await known.groups.by_name(request, self.name) if self.name else None
        group = await known.groups.get(request, self.id)
        if group is None:
            raise BadRequest("invalid group ID")
        return group

    def _check_type(self, group: Group) -> None:
        if self.type and self.type not in {INTERNAL, EXTERNAL}:
            raise BadRequest(f'invalid group type "{self.type}"')
        if group.type != EXTERNAL:
            return
        if "member_entity_ids" in self.given:
            raise BadRequest("member entities can't be set manually for external groups")
        if "member_group_ids" in self.given:
            raise BadRequest("member groups can't be set for external groups")

    async def _rename(self, request: Request, known: Identities, group: Group) -> None:
        if not self.name:
            return
        other = await known.groups.by_name(request, self.name)
        if other is not None and other.id != group.id:
            raise BadRequest("group name is already in use")
        group.name = self.name

    async def _set_members(self, request: Request, known: Identities, group: Group) -> None:
        if "member_entity_ids" in self.given:
            for entity_id in self.member_entity_ids:
                if await known.entities.get(request, entity_id) is None:
                    raise BadRequest(multierror(f'invalid entity ID "{entity_id}"'))
            await known.groups.set_members(request, group.id, self.member_entity_ids)
        if "member_group_ids" in self.given:
            await self._refuse_cycle(request, known, group)
            await known.groups.set_children(request, group.id, self.member_group_ids)

    async def _refuse_cycle(self, request: Request, known: Identities, group: Group) -> None:
        """Raise BadRequest for a member that the group belongs to itself, at whatever distance."""
        ancestors = set(await known.groups.ancestors(request, [group.id]))
        for member in self.member_group_ids:
            if member == group.id:
                raise BadRequest(multierror(f'member group ID "{member}" is same as the ID of the group'))
            if await known.groups.get(request, member) is None:
                raise BadRequest(multierror(f'invalid member group ID "{member}"'))
            if member in ancestors:
                raise BadRequest(f'cyclic relationship detected for member group ID "{member}"')


async def _remove(request: Request, group: Group | None) -> None:
    if group is not None:
        await request.core.identity.groups.remove(request, group)
        request.core.identity.changed(request)


class GroupPath(GroupFields):
    """Make or change a group."""

    pattern = "group"


class GroupById(GroupFields):
    """The group of an ID."""

    pattern = "group/id/{id}"
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The group with its members and the groups it belongs to."""
        group = await request.core.identity.groups.get(request, self.id)
        return None if group is None else await group_body(request, group)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the group. What its members had through it they have no longer."""
        await _remove(request, await request.core.identity.groups.get(request, self.id))


class GroupByName(GroupFields):
    """The group of a name, in any case."""

    pattern = "group/name/{name*}"
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The group with its members and the groups it belongs to."""
        group = await request.core.identity.groups.by_name(request, self.name)
        return None if group is None else await group_body(request, group)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the group. What its members had through it they have no longer."""
        await _remove(request, await request.core.identity.groups.by_name(request, self.name))


class GroupIds(Path):
    """All groups, by ID."""

    pattern = "group/id/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each the group's name and how many belong to it."""
        groups = request.core.identity.groups
        info = {}
        for group in await groups.page(request, self.after, self.limit):
            info[group.id] = {
                "name": group.name,
                "num_member_entities": len(await groups.members(request, group.id)),
                "num_parent_groups": len(await groups.parents(request, group.id)),
            }
        return {"keys": [*info], "key_info": info} if info else None


class GroupNames(Path):
    """All groups, by name."""

    pattern = "group/name/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Names of the groups."""
        names: list[str] = await request.core.identity.groups.names(request, self.after, self.limit)
        return names


# -- aliases -----------------------------------------------------------------------------------


class GroupAliasFields(Path):
    """What a group alias is made of."""

    id: str = field("ID of the alias to change.")
    name: str = field("Name of the group at the mount, unique there in any case.")
    mount_accessor: str = field("Accessor of the auth mount.")
    canonical_id: str = field("ID of the external group; one is made for an alias without it.")

    async def write(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Make an alias, or change the one of this ID. A group has one alias: a new one takes its place."""
        known: Identities = request.core.identity
        owner = await known.groups.of_alias(request, self.id) if self.id else None
        if self.id and owner is None:
            raise BadRequest("invalid group alias ID")
        if not self.name:
            raise BadRequest("missing alias name")
        if not self.mount_accessor:
            raise BadRequest("missing mount_accessor")
        require_mount(request, self.mount_accessor)
        holder = await known.groups.by_alias(request, self.mount_accessor, self.name)
        if holder is not None and (owner is None or holder.id != owner.id):
            raise BadRequest("combination of mount and group alias name is already in use")
        target = await self._target(request, known, owner)
        if owner is not None and owner.alias is not None:
            return await self._move(request, known, owner, target or owner)
        before, group = target, target or known.groups.new(request, type_=EXTERNAL)
        alias = new_alias(request, self.name, self.mount_accessor, group.id)
        return await self._attach(request, known, before, group, alias)

    async def _target(self, request: Request, known: Identities, owner: Group | None) -> Group | None:
        if not self.canonical_id:
            return owner
        group = await known.groups.get(request, self.canonical_id)
        if group is None:
            raise BadRequest("invalid group ID given in 'canonical_id'")
        if group.type != EXTERNAL:
            raise BadRequest("alias can't be set on an internal group")
        return group

    async def _move(
        self, request: Request, known: Identities, owner: Group, target: Group
    ) -> dict[str, Any] | None:
        """Change an alias that is there: its name, its mount, its group."""
        old: Alias = owner.alias  # type: ignore[assignment]  # the caller looked
        fresh = replace(old, name=self.name, mount_accessor=self.mount_accessor, canonical_id=target.id)
        if fresh == old:
            return None
        fresh.last_update_time = request.now
        if target.id != owner.id:
            await known.groups.forget_alias(request, owner)
        return await self._attach(request, known, target, target, fresh)

    async def _attach(
        self, request: Request, known: Identities, before: Group | None, group: Group, alias: Alias
    ) -> dict[str, Any]:
        """Give a group its alias. Whoever belonged to it by another one does so no longer."""
        old = group.alias
        if old is not None and (old.mount_accessor, old.name) != (alias.mount_accessor, alias.name):
            await known.groups.set_members(request, group.id, ())
        fresh = replace(group, alias=alias, last_update_time=request.now, modify_index=group.modify_index + 1)
        known.groups.put(request, fresh, before)
        known.changed(request)
        return {"canonical_id": group.id, "id": alias.id}


class GroupAlias(GroupAliasFields):
    """Make or change the name by which an auth mount knows an external group."""

    pattern = "group-alias"


class GroupAliasById(GroupAliasFields):
    """The group alias of an ID."""

    pattern = "group-alias/id/{id}"
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The alias, and the group it belongs to."""
        group = await request.core.identity.groups.of_alias(request, self.id)
        if group is None or group.alias is None:
            return None
        return alias_body(request, group.alias) | {"namespace_id": group.namespace_id}

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the alias. Nobody belongs to its group until it has another one."""
        known: Identities = request.core.identity
        group = await known.groups.of_alias(request, self.id)
        if group is not None:
            await known.groups.forget_alias(request, group)
            known.changed(request)


class GroupAliasIds(Path):
    """All group aliases, by ID."""

    pattern = "group-alias/id/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each what there is to know of the alias."""
        groups = request.core.identity.groups
        info = {}
        for alias_id in await groups.alias_ids(request, self.after, self.limit):
            group = await groups.of_alias(request, alias_id)
            if group is not None and group.alias is not None:
                info[alias_id] = alias_summary(request, group.alias)
        return {"keys": [*info], "key_info": info} if info else None


GROUP_PATHS: tuple[type[Path], ...] = (
    GroupPath,
    GroupIds,
    GroupById,
    GroupNames,
    GroupByName,
    GroupAlias,
    GroupAliasIds,
    GroupAliasById,
)
