"""What is stored of identities: one row an entity with its aliases, one row a group with its alias."""

from __future__ import annotations

from dataclasses import dataclass, field

INTERNAL, EXTERNAL = "internal", "external"


@dataclass(slots=True)
class Alias:
    """The name by which one mount knows an entity, or a group. Times are nanoseconds since the epoch.

    ``metadata`` is what the auth method said at the last login, ``custom_metadata`` what people set.
    """

    id: str
    name: str
    mount_accessor: str
    canonical_id: str
    metadata: dict[str, str] | None = None
    custom_metadata: dict[str, str] | None = None
    creation_time: int = 0
    last_update_time: int = 0
    merged_from_canonical_ids: list[str] = field(default_factory=list)
    local: bool = False


@dataclass(slots=True)
class Entity:
    """Somebody or something that logs in, by whatever method.

    ``merged_entity_ids`` are the IDs of entities that went into this one; their tokens are now its own.
    """

    id: str
    name: str
    metadata: dict[str, str] | None = None
    policies: list[str] = field(default_factory=list)
    disabled: bool = False
    creation_time: int = 0
    last_update_time: int = 0
    merged_entity_ids: list[str] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    namespace_id: str = "root"

    def alias_at(self, mount_accessor: str) -> Alias | None:
        """The alias that a mount knows the entity by: there is one at most."""
        return next((alias for alias in self.aliases if alias.mount_accessor == mount_accessor), None)


@dataclass(slots=True)
class Group:
    """Entities and groups that share policies.

    Who belongs to it stands in rows of its own, so that a group of any size is one small row. The
    members of an external group are those whose last login named its alias.
    """

    id: str
    name: str
    type: str = INTERNAL
    metadata: dict[str, str] | None = None
    policies: list[str] = field(default_factory=list)
    alias: Alias | None = None
    creation_time: int = 0
    last_update_time: int = 0
    modify_index: int = 0
    namespace_id: str = "root"


MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 64, 128, 512
"""How many pairs of metadata one thing has, and how long each may be, in characters."""


def flaw(metadata: dict[str, str]) -> str:
    """What is wrong with metadata; empty for nothing."""
    if len(metadata) > MOST_PAIRS:
        return f"metadata cannot contain more than {MOST_PAIRS} key/value pairs"
    for key, value in metadata.items():
        if not key:
            return "key cannot be blank"
        if len(key) > LONGEST_KEY:
            return f"key is too long (limit: {LONGEST_KEY} characters)"
        if len(value) > LONGEST_VALUE:
            return f"value is too long (limit: {LONGEST_VALUE} characters)"
    return ""
