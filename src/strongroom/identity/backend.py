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
from strongroom.identity.mfa import waiting
from strongroom.identity.mfa.enforcement_paths import ENFORCEMENT_PATHS
from strongroom.identity.mfa.method_paths import METHOD_PATHS
from strongroom.identity.oidc import grant as oidc_grants
from strongroom.identity.oidc import key as oidc_keys
from strongroom.identity.oidc.key_paths import KEY_PATHS
from strongroom.identity.oidc.login_paths import LOGIN_PATHS
from strongroom.identity.oidc.provider_paths import PROVIDER_PATHS
from strongroom.identity.oidc.token_paths import TOKEN_PATHS
from strongroom.logical import Request


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
        *TOKEN_PATHS,
        *KEY_PATHS,
        *LOGIN_PATHS,
        *PROVIDER_PATHS,
        *METHOD_PATHS,
        *ENFORCEMENT_PATHS,
    )

    async def wake(self, request: Request, reference: str) -> None:
        """Rotate a key whose time has come, end a login or a code that waited too long."""
        if reference.startswith(oidc_keys.WAKE):
            await oidc_keys.woken(request, reference.removeprefix(oidc_keys.WAKE))
        elif reference.startswith(waiting.WAKE):
            waiting.ended(request, reference.removeprefix(waiting.WAKE))
        elif reference.startswith(oidc_grants.WAKE):
            oidc_grants.ended(request, reference.removeprefix(oidc_grants.WAKE))
