"""The paths of entities: make, read, change, list, merge, delete them, and look them up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, multierror
from strongroom.framework.field import CommaList, KVPairs, field
from strongroom.framework.path import Path
from strongroom.identity.answer import entity_body, entity_summary
from strongroom.identity.merge import merge
from strongroom.identity.record import Entity, flaw
from strongroom.login import clean_policies

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.identity.identities import Identities
    from strongroom.logical import Request


def identity_policies(names: list[str]) -> list[str]:
    """Policy names for an identity, in lower case, once each, sorted. Raises BadRequest for root."""
    cleaned = clean_policies(names, default=False)
    if "root" in cleaned:
        raise BadRequest("policies cannot contain root")
    return cleaned


def refuse_flawed(kind: str, metadata: dict[str, str]) -> None:
    """Raise BadRequest for metadata of too many or too long pairs."""
    if sentence := flaw(metadata):
        raise BadRequest(multierror(f"invalid {kind} metadata: {sentence}"))


async def body_of(request: Request, entity: Entity | None) -> dict[str, Any] | None:
    """The answer of a read."""
    if entity is None:
        return None
    return entity_body(request, entity, await request.core.identity.groups.of_entity(request, entity.id))


class EntityFields(Path):
    """What an entity can be given."""

    id: str = field("ID of the entity to change; a new one is made without it.")
    name: str = field("Name, unique in any case; generated when absent.")
    metadata: KVPairs = field("Pairs to go with the entity, for templated policies and for people.")
    policies: CommaList = field("Policies that all tokens of the entity get. Not root.")
    disabled: bool = field("Refuse all tokens and logins of the entity.")

    async def write(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Make an entity, or change what is given of the one with this ID or name. Tokens follow at once."""
        known: Identities = request.core.identity
        before = await self._named(request, known)
        entity = known.entities.new(request, self.name) if before is None else replace(before)
        await self._rename(request, known, entity)
        if "metadata" in self.given:
            refuse_flawed("entity", self.metadata)
            entity.metadata = self.metadata or None
        if "policies" in self.given:
            entity.policies = identity_policies(self.policies)
        if "disabled" in self.given:
            entity.disabled = self.disabled
        entity.last_update_time = request.now
        known.entities.put(request, entity, before)
        if before is None:
            return {"aliases": None, "id": entity.id, "name": entity.name}
        known.changed(request)
        return None

    async def _named(self, request: Request, known: Identities) -> Entity | None:
        """The entity to change, None for a new one. Raises BadRequest for an ID that is none."""
        if not self.id:
            return await known.entities.by_name(request, self.name) if self.name else None
        entity = await known.entities.get(request, self.id)
        if entity is None:
            raise BadRequest("entity not found from id")
        return entity

    async def _rename(self, request: Request, known: Identities, entity: Entity) -> None:
        if not self.name:
            return
        other = await known.entities.by_name(request, self.name)
        if other is not None and other.id != entity.id:
            raise BadRequest("entity name is already in use")
        entity.name = self.name


class EntityPath(EntityFields):
    """Make or change an entity."""

    pattern = "entity"


class EntityById(EntityFields):
    """The entity of an ID."""

    pattern = "entity/id/{id}"
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The entity with its aliases and groups."""
        return await body_of(request, await request.core.identity.entities.get(request, self.id))

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the entity with its aliases. Its tokens are refused from then on."""
        entity = await request.core.identity.entities.get(request, self.id)
        if entity is not None:
            await request.core.identity.remove(request, entity)


class EntityByName(EntityFields):
    """The entity of a name, in any case."""

    pattern = "entity/name/{name*}"
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The entity with its aliases and groups."""
        return await body_of(request, await request.core.identity.entities.by_name(request, self.name))

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the entity with its aliases. Its tokens are refused from then on."""
        entity = await request.core.identity.entities.by_name(request, self.name)
        if entity is not None:
            await request.core.identity.remove(request, entity)


class EntityIds(Path):
    """All entities, by ID."""

    pattern = "entity/id/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each the entity's name and aliases."""
        entities = await request.core.identity.entities.page(request, self.after, self.limit)
        if not entities:
            return None
        info = {entity.id: entity_summary(request, entity) for entity in entities}
        return {"keys": [*info], "key_info": info}


class EntityNames(Path):
    """All entities, by name."""

    pattern = "entity/name/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Names of the entities."""
        names: list[str] = await request.core.identity.entities.names(request, self.after, self.limit)
        return names


class BatchDelete(Path):
    """Delete many entities at once."""

    pattern = "entity/batch-delete"
    entity_ids: CommaList = field("IDs of the entities; one that is not there is fine.")

    async def write(self, identity: Identity, request: Request) -> None:
        """Delete all of them, or none when anything fails."""
        if not self.entity_ids:
            raise BadRequest("missing entity ids to delete")
        known: Identities = request.core.identity
        for entity_id in dict.fromkeys(self.entity_ids):
            entity = await known.entities.get(request, entity_id)
            if entity is not None:
                await known.remove(request, entity)


class Merge(Path):
    """Make one entity of several, so that whoever logs in by different methods is one."""

    pattern = "entity/merge"
    to_entity_id: str = field("The entity that stays.")
    from_entity_ids: CommaList = field("The entities that go into it.")
    conflicting_alias_ids_to_keep: CommaList = field(
        "Where two of them have an alias at the same mount: which of the two stays. The other is deleted."
    )
    force: bool = field("Accepted for clients that send it.")

    async def write(self, identity: Identity, request: Request) -> None:
        """Move aliases and group memberships, keep the tokens. Policies and metadata stay as they are."""
        await merge(
            request, self.to_entity_id, self.from_entity_ids, keep=set(self.conflicting_alias_ids_to_keep)
        )


class EntityTokens(Path):
    """The service tokens that an entity has been given, by whatever login."""

    pattern = "entity/id/{id}/tokens/?"
    id: str = field("ID of the entity.")

    async def delete(self, identity: Identity, request: Request) -> None:
        """Revoke all of them, with everything they made. The entity may log in again unless it is disabled.

        Batch tokens are not stored: disable the entity to refuse those as well.
        """
        await request.core.tokens.revoke_tree(request, *await tokens_of(request, self.id))

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Accessors of the tokens that are still there."""
        tokens, found = request.core.tokens, []
        for key in await tokens_of(request, self.id):
            entry = await tokens.row(request.tx, key)
            if entry is not None:
                found.append(entry.accessor)
        return found


async def tokens_of(request: Request, entity_id: str) -> list[str]:
    """Keys of the tokens of an entity and of those that went into it."""
    known: Identities = request.core.identity
    entity = await known.entities.get(request, entity_id)
    ids = [entity_id] if entity is None else [entity_id, *entity.merged_entity_ids]
    return [key for one in ids for key in await request.core.tokens.of_entity(request, one)]
