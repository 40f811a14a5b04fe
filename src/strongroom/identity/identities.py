"""The identities of a server: who is behind its tokens, and what that gives them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from strongroom.errors import PermissionDenied
from strongroom.identity.entities import Entities, new_alias
from strongroom.identity.groups import Groups
from strongroom.identity.mfa import lineage, secret
from strongroom.identity.record import Alias, Entity
from strongroom.identity.standing import Standing, standing_of
from strongroom.logical import Namespace

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Auth, Request
    from strongroom.token import TokenEntry

DOMAIN = "identity"
"""The cache domain that a change of what an existing entity gives its tokens touches.

A login that makes a new entity does not: no token of it can have been judged before.
"""

_CACHE_SIZE = 10_000
_NOBODY = Standing("", refused=True)


class Identities:
    """Entities and groups, and the standing that they give tokens. One instance serves one process."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.entities = Entities(core)
        self.groups = Groups(core)
        self._generation = -1
        self._standings: dict[tuple[str, str], Standing] = {}

    def forget(self) -> None:
        """Drop all that is cached."""
        self._standings.clear()
        self._generation = -1

    def changed(self, request: Request) -> None:
        """Note that what this request writes may change what existing tokens are allowed."""
        request.tx.touch(DOMAIN)
        request.scratch[DOMAIN] = True  # what is cached does not hold for the rest of this request

    # -- what tokens get -----------------------------------------------------------------------

    def _current(self) -> bool:
        generation = self._core.store.generation(DOMAIN)
        if generation != self._generation:
            self._standings.clear()
            self._generation = generation
            return False
        return True

    async def standing(self, request: Request, entity_id: str) -> Standing:
        """What the entity of an ID gives its tokens now; a refused one when there is none.

        A request that writes watches the entity's row in any case: then its commit fails when the
        entity was disabled, deleted or merged meanwhile.
        """
        tx, key = request.tx, (request.namespace.id, entity_id)
        kept = self._standings.get(key) if self._current() else None
        if kept is not None and DOMAIN not in request.scratch:
            if not tx.writable:
                return kept
            if not self._core.store.pending(DOMAIN):
                tx.watch(self.entities.place(request, kept.entity_id))
                return kept
        entity = await self.entities.resolve(request, entity_id)
        if entity is None:
            return _NOBODY
        standing = standing_of(entity, await self.groups.of_entity(request, entity.id))
        if self._durable(request):
            if len(self._standings) >= _CACHE_SIZE:
                self._standings.clear()
            self._standings[key] = standing
        return standing

    def _durable(self, request: Request) -> bool:
        """Whether what a request read is what every later one will read."""
        tx = request.tx
        return (
            tx.clean and not tx.dirty and tx.index >= self._core.store.generation(DOMAIN) == self._generation
        )

    async def stand(self, request: Request, entry: TokenEntry) -> Standing | None:
        """What a token gets from its entity, noted with the token; None for one without an entity."""
        if not entry.entity_id:
            return None
        if entry.namespace_id != request.namespace.id:  # entities are those of the token's namespace
            request = replace(request, namespace=Namespace(entry.namespace_id))
        standing = await self.standing(request, entry.entity_id)
        entry.identity_policies = [] if entry.no_identity_policies else standing.policies
        return standing

    # -- logins ----------------------------------------------------------------------------------

    async def arrive(self, request: Request, auth: Auth) -> Entity:
        """The entity that logs in, made if its alias is new; fills in whose the token will be.

        Raises PermissionDenied when it is disabled.
        """
        accessor = auth.alias_mount_accessor or request.mount_accessor
        entity = await self.entities.by_alias(request, accessor, auth.alias_name)
        known = entity is not None
        if entity is None:
            entity = self._welcome(request, auth, accessor)
        elif entity.disabled:
            creating = request.mount_type in {"token", "ns_token"}
            raise PermissionDenied(
                "entity from given entity alias is disabled" if creating else "permission denied"
            )
        else:
            entity = self._refresh(request, auth, accessor, entity)
        names = auth.group_aliases
        if names is not None and await self.groups.renew(request, entity.id, accessor, names) and known:
            self.changed(request)
        auth.entity_id = entity.id
        return entity

    def _welcome(self, request: Request, auth: Auth, accessor: str) -> Entity:
        entity = self.entities.new(request)
        alias = new_alias(request, auth.alias_name, accessor, entity.id)
        alias.metadata = auth.alias_metadata or None
        alias.local = request.mount is not None and request.mount.entry.local
        entity.aliases.append(alias)
        self.entities.put(request, entity)
        return entity

    def _refresh(self, request: Request, auth: Auth, accessor: str, entity: Entity) -> Entity:
        """Take over what the auth method says of its user, if that is new."""
        alias = entity.alias_at(accessor)
        if alias is None or (alias.metadata or {}) == (auth.alias_metadata or {}):
            return entity
        fresh = replace(alias, metadata=auth.alias_metadata or None, last_update_time=request.now)
        renewed = with_alias(entity, fresh)
        self.entities.put(request, renewed, entity)
        self.changed(request)
        return renewed

    # -- the end -----------------------------------------------------------------------------------

    async def remove(self, request: Request, entity: Entity) -> None:
        """Delete an entity with its aliases and its secrets; its tokens are refused from then on."""
        await self.groups.leave_all(request, entity.id)
        await secret.forget_all(await lineage.at_identity(self._core, request, request.namespace), entity)
        self.entities.delete(request, entity)
        self.changed(request)

    async def forget_mount(self, request: Request, mount_accessor: str, limit: int) -> bool:
        """Remove aliases at a mount that is gone, some at a time; gives whether any may be left."""
        entities = await self.entities.of_mount(request, mount_accessor, limit)
        for entity in entities:
            kept = [alias for alias in entity.aliases if alias.mount_accessor != mount_accessor]
            self.entities.put(request, replace(entity, aliases=kept), entity)
        groups = await self.groups.of_mount(request, mount_accessor, limit)
        for group in groups:
            await self.groups.forget_alias(request, group)
        if entities or groups:
            self.changed(request)
        return max(len(entities), len(groups)) >= limit


def with_alias(entity: Entity, alias: Alias) -> Entity:
    """An entity with an alias added, or put in place of the one of the same ID."""
    aliases = {one.id: one for one in entity.aliases}
    return replace(entity, aliases=list((aliases | {alias.id: alias}).values()))
