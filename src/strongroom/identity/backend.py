"""Identity: who is behind the tokens, whatever they logged in by, and which policies that gives them."""

from __future__ import annotations

from typing import ClassVar

from strongroom.framework.backend import Backend
from strongroom.identity.alias_paths import ALIAS_PATHS
from strongroom.identity.entity_paths import (
    BatchDelete,
    EntityById,
    EntityByName,
    EntityIds,
    EntityNames,
    EntityPath,
    EntityTokens,
    Merge,
)
from strongroom.identity.group_paths import GROUP_PATHS
from strongroom.identity.lookup_paths import LookupEntity, LookupGroup


class Identity(Backend):
    """Entities, their aliases and groups.

    An entity is somebody or something that logs in. Each auth mount knows it by an alias; the first
    login under a new alias makes an entity for it. Policies of an entity, and of the groups it belongs
    to, hold for all its tokens from the moment they are set, besides those that a token has itself.
    """

    type: ClassVar[str] = "identity"
    paths = (
        EntityPath,
        BatchDelete,
        Merge,
        EntityIds,
        EntityById,
        EntityTokens,
        EntityNames,
        EntityByName,
        *ALIAS_PATHS,
        *GROUP_PATHS,
        LookupEntity,
        LookupGroup,
    )
