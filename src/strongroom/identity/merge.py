"""Making one entity of several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, multierror
from strongroom.identity.answer import mount_of
from strongroom.identity.record import Alias, Entity

if TYPE_CHECKING:
    from strongroom.identity.identities import Identities
    from strongroom.logical import Request


@dataclass(slots=True, frozen=True)
class Clash:
    """Two aliases at one mount, of which an entity can have but one."""

    ours: Alias
    theirs: Alias
    theirs_of: Entity


def clashes(to: Entity, sources: list[Entity]) -> list[Clash]:
    """The pairs of aliases that stand in the way of a merge."""
    return [
        Clash(ours, theirs, source)
        for source in sources
        for theirs in source.aliases
        for ours in to.aliases
        if ours.mount_accessor == theirs.mount_accessor
    ]


def merged(to: Entity, sources: list[Entity], keep: set[str]) -> Entity:
    """``to`` with the aliases of the others. Of two at one mount ``keep`` says which one stays.

    Raises BadRequest where it does not.
    """
    by_mount = {alias.mount_accessor: alias for alias in to.aliases}
    for source in sources:
        for alias in source.aliases:
            rival = by_mount.get(alias.mount_accessor)
            if rival is not None and not {alias.id, rival.id} & keep:
                raise BadRequest(
                    "conflicting mount accessors in following alias IDs and neither were present in "
                    f"conflicting_alias_ids_to_keep: {alias.id}, {rival.id}"
                )
            if rival is None or rival.id not in keep:
                by_mount[alias.mount_accessor] = _moved(alias, source, to)
    gone = [one for source in sources for one in (*source.merged_entity_ids, source.id)]
    return replace(to, aliases=list(by_mount.values()), merged_entity_ids=[*to.merged_entity_ids, *gone])


def _moved(alias: Alias, source: Entity, to: Entity) -> Alias:
    origins = [*alias.merged_from_canonical_ids, source.id]
    return replace(alias, canonical_id=to.id, merged_from_canonical_ids=origins)


async def merge(request: Request, to_id: str, from_ids: list[str], *, keep: set[str]) -> None:
    """Merge entities. All of it holds at once, or nothing when anything is wrong. Raises BadRequest."""
    known: Identities = request.core.identity
    to, sources = await _chosen(request, to_id, from_ids)
    found = clashes(to, sources)
    if found and not keep:
        raise BadRequest(_told(to, found), extra={"data": _rivals(request, to, found)})
    after = merged(to, sources, keep)
    for source in sources:
        for group_id in await known.groups.leave_all(request, source.id):
            known.groups.join(request, group_id, to.id)
        known.entities.delete(request, source)
    known.entities.put(request, replace(after, last_update_time=request.now), to)
    known.changed(request)


async def _chosen(request: Request, to_id: str, from_ids: list[str]) -> tuple[Entity, list[Entity]]:
    if not to_id:
        raise BadRequest("missing entity id to merge to")
    if not from_ids:
        raise BadRequest("missing entity ids to merge from")
    if to_id in from_ids:
        raise BadRequest("to_entity_id should not be present in from_entity_ids")
    entities = request.core.identity.entities
    to = await entities.get(request, to_id)
    if to is None:
        raise BadRequest("entity id to merge to is invalid")
    sources: list[Entity] = []
    for one in dict.fromkeys(from_ids):
        source = await entities.get(request, one)
        if source is None:
            raise BadRequest("entity id to merge from is invalid")
        sources.append(source)
    return to, sources


def _told(to: Entity, found: list[Clash]) -> str:
    return multierror(
        "toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge "
        "request specifying exactly one fromEntity, clashes: ",
        *(
            f"mountAccessor: {clash.ours.mount_accessor}, toEntity ID: {to.id}, "
            f"fromEntity ID: {clash.theirs_of.id}, conflicting toEntity alias ID: {clash.ours.id}, "
            f"conflicting fromEntity alias ID: {clash.theirs.id}"
            for clash in found
        ),
    )


def _rivals(request: Request, to: Entity, found: list[Clash]) -> list[dict[str, Any]]:
    return [
        _rival(request, entity, alias)
        for clash in found
        for entity, alias in ((to, clash.ours), (clash.theirs_of, clash.theirs))
    ]


def _rival(request: Request, entity: Entity, alias: Alias) -> dict[str, Any]:
    mount = mount_of(request, alias.mount_accessor)
    return {
        "alias": alias.name,
        "entity": entity.name,
        "entity_id": entity.id,
        "mount": "" if mount is None else mount.type,
        "mount_path": "" if mount is None else mount.prefix,
    }
