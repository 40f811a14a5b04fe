"""What an entity gives its tokens at this moment, worked out from its row and those of its groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from strongroom.identity.groups import Membership
from strongroom.identity.record import Alias, Entity


@dataclass(slots=True, eq=False)
class Standing:
    """The policies of an entity and its groups, and what its policies' templates are rendered with.

    ``refused``: the entity is disabled, or there is none. ``acls`` holds the ACLs that were made with
    this, by policy names, as long as no policy changes (``acls_of`` is the generation they belong to).
    """

    entity_id: str
    refused: bool = False
    policies: list[str] = field(default_factory=list)
    identity: dict[str, Any] = field(default_factory=dict)
    acls: dict[tuple[str, ...], Any] = field(default_factory=dict)
    acls_of: int = -1


def standing_of(entity: Entity, groups: Membership) -> Standing:
    """What an entity gives, itself and through its groups.

    The root policy never comes from an identity. That it cannot be given to one is checked where it
    is written; that it would do nothing is made sure here.
    """
    names = [*entity.policies, *sorted(name for group in groups.all for name in group.policies)]
    policies = [name for name in dict.fromkeys(name.strip().lower() for name in names) if name != "root"]
    return Standing(entity.id, entity.disabled, policies, _identity(entity, groups))


def _identity(entity: Entity, groups: Membership) -> dict[str, Any]:
    """An entity as :mod:`strongroom.policy.template` wants it."""
    return {
        "entity": {
            "id": entity.id,
            "name": entity.name,
            "metadata": entity.metadata or {},
            "aliases": {alias.mount_accessor: _alias(alias) for alias in entity.aliases},
        },
        "groups": [
            {"id": group.id, "name": group.name, "metadata": group.metadata or {}} for group in groups.all
        ],
    }


def _alias(alias: Alias) -> dict[str, Any]:
    return {
        "id": alias.id,
        "name": alias.name,
        "metadata": alias.metadata or {},
        "custom_metadata": alias.custom_metadata or {},
    }
