"""Entities, aliases and groups as clients see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.identity.record import Alias, Entity, Group

if TYPE_CHECKING:
    from strongroom.identity.groups import Membership
    from strongroom.logical import Request
    from strongroom.mount import Mount


def mount_of(request: Request, accessor: str) -> Mount | None:
    """The mount of an accessor in the request's namespace, or None."""
    mounts: list[Mount] = list(request.core.mounts.of(request.namespace).by_prefix.values())
    return next((mount for mount in mounts if mount.accessor == accessor), None)


def _mount(request: Request, accessor: str) -> dict[str, str]:
    mount = mount_of(request, accessor)
    return {
        "mount_accessor": accessor,
        "mount_path": "" if mount is None else mount.prefix,
        "mount_type": "" if mount is None else mount.type,
    }


def alias_summary(request: Request, alias: Alias) -> dict[str, Any]:
    """An alias in a listing of aliases."""
    return {
        "canonical_id": alias.canonical_id,
        "custom_metadata": alias.custom_metadata,
        "local": alias.local,
        "metadata": alias.metadata,
        **_mount(request, alias.mount_accessor),
        "name": alias.name,
    }


def alias_body(request: Request, alias: Alias) -> dict[str, Any]:
    """An alias with all that is known of it."""
    return {
        **alias_summary(request, alias),
        "creation_time": rfc3339(alias.creation_time),
        "id": alias.id,
        "last_update_time": rfc3339(alias.last_update_time),
        "merged_from_canonical_ids": alias.merged_from_canonical_ids or None,
    }


def entity_body(request: Request, entity: Entity, groups: Membership) -> dict[str, Any]:
    """An entity with its aliases and groups."""
    direct = [group.id for group in groups.direct]
    inherited = [group.id for group in groups.inherited]
    return {
        "aliases": [alias_body(request, alias) for alias in entity.aliases],
        "creation_time": rfc3339(entity.creation_time),
        "direct_group_ids": direct,
        "disabled": entity.disabled,
        "group_ids": [*direct, *inherited],
        "id": entity.id,
        "inherited_group_ids": inherited,
        "last_update_time": rfc3339(entity.last_update_time),
        "merged_entity_ids": entity.merged_entity_ids or None,
        "metadata": entity.metadata,
        "name": entity.name,
        "namespace_id": entity.namespace_id,
        "policies": entity.policies,
    }


def entity_summary(request: Request, entity: Entity) -> dict[str, Any]:
    """An entity in a listing."""
    aliases = [
        {"id": alias.id, "name": alias.name, **_mount(request, alias.mount_accessor)}
        for alias in entity.aliases
    ]
    return {"name": entity.name} | ({"aliases": aliases} if aliases else {})


async def group_body(request: Request, group: Group) -> dict[str, Any]:
    """A group with its members and the groups it belongs to."""
    groups = request.core.identity.groups
    alias: dict[str, Any] = {}
    if group.alias is not None:
        alias = alias_body(request, group.alias)
        del alias["custom_metadata"], alias["local"]
    return {
        "alias": alias,
        "creation_time": rfc3339(group.creation_time),
        "id": group.id,
        "last_update_time": rfc3339(group.last_update_time),
        "member_entity_ids": await groups.members(request, group.id) or None,
        "member_group_ids": await groups.children(request, group.id) or None,
        "metadata": group.metadata,
        "modify_index": group.modify_index,
        "name": group.name,
        "namespace_id": group.namespace_id,
        "parent_group_ids": await groups.parents(request, group.id) or None,
        "policies": group.policies or None,
        "type": group.type,
    }
