"""The paths of entity aliases: the names by which auth mounts know an entity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, multierror
from strongroom.framework.field import KVPairs, field
from strongroom.framework.path import Path
from strongroom.identity.answer import alias_body, alias_summary, mount_of
from strongroom.identity.entities import new_alias
from strongroom.identity.entity_paths import EntityFields
from strongroom.identity.identities import with_alias
from strongroom.identity.record import Alias, Entity, flaw

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.identity.identities import Identities
    from strongroom.logical import Request
    from strongroom.mount import Mount

_TAKEN = "Alias cannot be updated as the given entity already has an alias for this mount "


def require_mount(request: Request, accessor: str) -> Mount:
    """The mount of an accessor, held so that it cannot go meanwhile. Raises BadRequest."""
    mount = mount_of(request, accessor)
    if mount is None:
        raise BadRequest(f'invalid mount accessor "{accessor}"')
    request.core.mounts.hold(request.tx, mount)
    return mount


class AliasFields(Path):
    """What an entity alias is made of."""

    id: str = field("ID of the alias to change.")
    name: str = field("Name of the user at the mount, unique there in any case.")
    mount_accessor: str = field("Accessor of the auth mount.")
    canonical_id: str = field("ID of the entity; one is made for an alias without it.")
    entity_id: str = field("Older name of canonical_id.", deprecated=True)
    custom_metadata: KVPairs = field("Pairs of one's own to go with the alias.")

    async def write(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Make an alias, or change what is given of the one with this ID or this name at the mount."""
        if "custom_metadata" in self.given and (sentence := flaw(self.custom_metadata)):
            raise BadRequest(multierror(f"custom_metadata validation failed: {sentence}"))
        owner = await self._owner(request)
        target = await self._target(request)
        if owner is None:
            return await self._create(request, target)
        entity, alias = owner
        return await self._change(request, entity, alias, target)

    async def _owner(self, request: Request) -> tuple[Entity, Alias] | None:
        """The alias to change and the entity that has it; None where a new one is wanted."""
        entities = request.core.identity.entities
        if self.id:
            entity = await entities.of_alias(request, self.id)
            if entity is None:
                raise BadRequest("invalid alias ID provided")
            return entity, next(alias for alias in entity.aliases if alias.id == self.id)
        if not (self.name and self.mount_accessor):
            raise BadRequest("'id' or 'mount_accessor' and 'name' must be provided")
        require_mount(request, self.mount_accessor)
        entity = await entities.by_alias(request, self.mount_accessor, self.name)
        alias = None if entity is None else entity.alias_at(self.mount_accessor)
        return None if entity is None or alias is None else (entity, alias)

    async def _target(self, request: Request) -> Entity | None:
        """The entity that is named as the alias's. Raises BadRequest where there is none."""
        wanted = self.canonical_id or self.entity_id
        if not wanted:
            return None
        entity: Entity | None = await request.core.identity.entities.get(request, wanted)
        if entity is None:
            raise BadRequest("given 'canonical_id' is not associated with an entity")
        return entity

    async def _create(self, request: Request, before: Entity | None) -> dict[str, Any]:
        known: Identities = request.core.identity
        if before is not None and before.alias_at(self.mount_accessor) is not None:
            raise BadRequest("Alias already exists for requested entity and mount accessor")
        entity = known.entities.new(request) if before is None else before
        alias = new_alias(request, self.name, self.mount_accessor, entity.id)
        alias.custom_metadata = self.custom_metadata
        alias.local = require_mount(request, self.mount_accessor).entry.local
        known.entities.put(request, with_alias(entity, alias), before)
        known.changed(request)
        return {"canonical_id": entity.id, "id": alias.id}

    async def _change(
        self, request: Request, entity: Entity, alias: Alias, target: Entity | None
    ) -> dict[str, Any] | None:
        fresh = replace(
            alias,
            name=self.name if self.id and self.name else alias.name,
            mount_accessor=self.mount_accessor or alias.mount_accessor,
            canonical_id=entity.id if target is None else target.id,
            custom_metadata=self.custom_metadata
            if "custom_metadata" in self.given
            else alias.custom_metadata,
        )
        if fresh == alias:
            return None
        await self._refuse_clash(request, entity, alias, fresh, target)
        fresh.last_update_time = request.now
        known: Identities = request.core.identity
        if target is None or target.id == entity.id:
            known.entities.put(request, with_alias(entity, fresh), entity)
        else:
            rest = [one for one in entity.aliases if one.id != alias.id]
            known.entities.put(request, replace(entity, aliases=rest), entity)
            known.entities.put(request, with_alias(target, fresh), target)
        known.changed(request)
        return {"canonical_id": fresh.canonical_id, "id": fresh.id}

    async def _refuse_clash(
        self, request: Request, entity: Entity, alias: Alias, fresh: Alias, target: Entity | None
    ) -> None:
        """Raise BadRequest where name, mount or entity are taken."""
        if fresh.mount_accessor != alias.mount_accessor:
            require_mount(request, fresh.mount_accessor)
            if entity.alias_at(fresh.mount_accessor) is not None:
                raise BadRequest(
                    "Alias cannot be updated as the entity already has an alias "
                    "for the given 'mount_accessor' "
                )
        holder = await request.core.identity.entities.by_alias(request, fresh.mount_accessor, fresh.name)
        if holder is not None and holder.alias_at(fresh.mount_accessor).id != fresh.id:
            raise BadRequest("alias with combination of mount accessor and name already exists")
        if (
            target is not None
            and target.id != entity.id
            and target.alias_at(fresh.mount_accessor) is not None
        ):
            raise BadRequest(_TAKEN)


class AliasById(AliasFields):
    """The alias of an ID."""

    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The alias, and the entity it belongs to."""
        entity = await request.core.identity.entities.of_alias(request, self.id)
        if entity is None:
            return None
        alias = next(alias for alias in entity.aliases if alias.id == self.id)
        return alias_body(request, alias) | {"namespace_id": entity.namespace_id}

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the alias; its entity stays."""
        known: Identities = request.core.identity
        entity = await known.entities.of_alias(request, self.id)
        if entity is not None:
            rest = [alias for alias in entity.aliases if alias.id != self.id]
            known.entities.put(request, replace(entity, aliases=rest), entity)
            known.changed(request)


class AliasIds(Path):
    """All entity aliases, by ID."""

    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each what there is to know of the alias."""
        entities = request.core.identity.entities
        info: dict[str, dict[str, Any]] = {}
        for alias_id in await entities.alias_ids(request, self.after, self.limit):
            entity = await entities.of_alias(request, alias_id)
            aliases = () if entity is None else entity.aliases
            info |= {one.id: alias_summary(request, one) for one in aliases if one.id == alias_id}
        return {"keys": [*info], "key_info": info} if info else None


class EntityAlias(AliasFields):
    """Make or change an alias: the name by which an auth mount knows an entity."""

    pattern = "entity-alias"


class EntityAliasById(AliasById):
    """The entity alias of an ID."""

    pattern = "entity-alias/id/{id}"


class EntityAliasIds(AliasIds):
    """All entity aliases, by ID."""

    pattern = "entity-alias/id/?"


class OldAlias(AliasFields):
    """Make or change an entity alias, by the older name of the path."""

    pattern = "alias"


class OldAliasById(AliasById):
    """The entity alias of an ID, by the older name of the path."""

    pattern = "alias/id/{id}"


class OldAliasIds(AliasIds):
    """All entity aliases, by the older name of the path."""

    pattern = "alias/id/?"


class Persona(EntityFields):
    """Make or change an entity, by the oldest name of the path."""

    pattern = "persona"
    entity_id: str = field("Ignored.", deprecated=True)
    mount_accessor: str = field("Ignored.", deprecated=True)


class PersonaById(AliasById):
    """The entity alias of an ID, by the oldest name of the path."""

    pattern = "persona/id/{id}"


class PersonaIds(AliasIds):
    """All entity aliases, by the oldest name of the path."""

    pattern = "persona/id/?"


ALIAS_PATHS: tuple[type[Path], ...] = (
    EntityAlias,
    EntityAliasIds,
    EntityAliasById,
    OldAlias,
    OldAliasIds,
    OldAliasById,
    Persona,
    PersonaIds,
    PersonaById,
)
