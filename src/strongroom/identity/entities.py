"""The rows of entities and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.crypto.entropy import uuid4_str
from strongroom.identity.record import Alias, Entity
from strongroom.identity.rows import Rows, new_name

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Request


class Entities(Rows[Entity]):
    """Finds and keeps entities: by ID, by name, by alias."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, "entity", Entity)

    async def resolve(self, request: Request, entity_id: str) -> Entity | None:
        """The entity of an ID, or the one that it was merged into."""
        found = await self.get(request, entity_id)
        return found if found is not None else await self._led_to(request, f"merged/{entity_id}")

    def new(self, request: Request, name: str = "") -> Entity:
        """An entity that is not stored yet."""
        return Entity(
            id=uuid4_str(),
            name=name or new_name("entity", request.namespace),
            creation_time=request.now,
            last_update_time=request.now,
            namespace_id=request.namespace.id,
        )

    def indexes(self, record: Entity) -> dict[str, bytes]:
        """The rows of its name, its aliases, and the entities that went into it."""
        key, row = self.name_row(record.id, record.name)
        rows = {key: row}
        for alias in record.aliases:
            rows |= self.alias_rows(record.id, alias)
        return rows | {f"merged/{one}": record.id.encode() for one in record.merged_entity_ids}


def new_alias(request: Request, name: str, mount_accessor: str, canonical_id: str) -> Alias:
    """An alias that is not stored yet."""
    return Alias(
        id=uuid4_str(),
        name=name,
        mount_accessor=mount_accessor,
        canonical_id=canonical_id,
        creation_time=request.now,
        last_update_time=request.now,
    )
