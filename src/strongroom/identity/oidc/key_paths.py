"""The paths of keys and roles: what signs identity tokens, and what these say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import base62
from strongroom.crypto.jws import ALGORITHMS
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.identity.oidc import client as clients
from strongroom.identity.oidc import key as keys
from strongroom.identity.oidc import role as roles
from strongroom.identity.oidc import template
from strongroom.identity.oidc.key import CLIENT, DAY, DEFAULT, ROLE, NamedKey
from strongroom.identity.oidc.role import Role
from strongroom.logical import SECOND

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.logical import Request

_MINUTE = 60
_PERIODS = 10
"""How many rotation periods a key stays published at most: so few are published at any time."""


class Keys(Path):
    """The named keys there are."""

    pattern = "oidc/key/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Names of the keys, the one called default included, which is always there."""
        return await keys.names(request, self.after, self.limit)


class KeyPath(Path):
    """A named key. What signs is made by the server and never leaves it."""

    pattern = "oidc/key/{name}"
    reader_safe = True
    name: str = field("Name of the key.")
    algorithm: str = field(
        f"Algorithm of the signatures: {', '.join(ALGORITHMS)}. Another one takes over at once.",
        default="RS256",
    )
    rotation_period: Duration = field("Seconds after which another key signs; at least 60.", default=DAY)
    verification_ttl: Duration = field(
        "Seconds that a key stays published after it signed last; at most ten rotation periods.", default=DAY
    )
    allowed_client_ids: CommaList = field("Client IDs that the key may sign for; * for all, none at first.")

    async def exists(self, identity: Identity, request: Request) -> bool:
        """Whether the key is there."""
        return await keys.find(request, self.name) is not None

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """How the key is set up; never what signs."""
        found = await keys.find(request, self.name)
        if found is None:
            return None
        return {
            "algorithm": found.algorithm,
            "allowed_client_ids": found.allowed_client_ids,
            "rotation_period": found.rotation_period,
            "verification_ttl": found.verification_ttl,
        }

    async def write(self, identity: Identity, request: Request) -> None:
        """Make a key, or change what is given."""
        before = await keys.find(request, self.name)
        names = ("algorithm", "rotation_period", "verification_ttl", "allowed_client_ids")
        given = {name: getattr(self, name) for name in names if name in self.given}
        wanted = replace(before or NamedKey(), **given)
        _check(wanted)
        if before is None:
            keys.put(request, self.name, await keys.with_new_halves(request, wanted), None)
            return
        await self._check_users(request, wanted)
        current = await keys.ready(request, self.name)
        fresh = replace(current, **given)
        if fresh.algorithm != current.algorithm:
            fresh = replace(
                await keys.with_new_halves(request, replace(current, algorithm=fresh.algorithm)), **given
            )
        fresh.rotate_at = _next_rotation(current, fresh, request.now)
        keys.put(request, self.name, fresh, current)

    async def _check_users(self, request: Request, wanted: NamedKey) -> None:
        """Raise BadRequest where tokens would outlive the key that they are verified with."""
        ttl = wanted.verification_ttl
        for name in await keys.users(request, self.name, ROLE):
            role = await roles.roles(request).get(name)
            if role is not None and role.ttl > ttl:
                raise BadRequest(_in_use(self.name, "roles with a token ttl", ttl))
        for name in await keys.users(request, self.name, CLIENT):
            client = await clients.clients(request).get(name)
            if client is not None and client.id_token_ttl > ttl:
                raise BadRequest(_in_use(self.name, "clients with an id_token_ttl", ttl))

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the key, which no role and no client may refer to. What it signed is no longer verified."""
        if self.name == DEFAULT:
            raise BadRequest(f'deletion of key "{DEFAULT}" not allowed')
        for kind in (ROLE, CLIENT):
            users = await keys.users(request, self.name, kind)
            if users:
                raise BadRequest(
                    f'unable to delete key "{self.name}" because it is currently referenced by these '
                    f"{kind}s: {', '.join(users)}"
                )
        found = await keys.find(request, self.name)
        if found is not None:
            keys.delete(request, self.name, found)


def _in_use(name: str, users: str, ttl: int) -> str:
    return (
        f'unable to update key "{name}" because it is currently referenced by one or more {users} '
        f"greater than {ttl} seconds"
    )


def _check(key: NamedKey) -> None:
    """Raise BadRequest for settings that no key can have."""
    if key.algorithm not in ALGORITHMS:
        raise BadRequest(f'unknown signing algorithm "{key.algorithm}"')
    if key.rotation_period < _MINUTE:
        raise BadRequest("rotation_period must be at least one minute")
    if key.verification_ttl > _PERIODS * key.rotation_period:
        raise BadRequest("verification_ttl cannot be longer than 10x rotation_period")


def _next_rotation(before: NamedKey, after: NamedKey, now: int) -> int:
    """When the key is rotated; a change of the period counts from now."""
    if after.rotation_period == before.rotation_period:
        return after.rotate_at
    return now + after.rotation_period * SECOND


class Rotate(Path):
    """Have the next key sign from now on."""

    pattern = "oidc/key/{name}/rotate"
    name: str = field("Name of the key.")
    verification_ttl: Duration = field("Seconds that the key which signed so far stays published, this once.")

    async def write(self, identity: Identity, request: Request) -> None:
        """Rotate the key. With a verification_ttl of 0 nothing that it signed so far is verified any more."""
        current = await keys.ready(request, self.name)
        ttl = self.verification_ttl if "verification_ttl" in self.given else None
        fresh = await keys.make_pair(request, current.algorithm, "rotate")
        keys.put(request, self.name, current.rotated(fresh, request.now, ttl), current)


class Roles(Path):
    """The roles there are."""

    pattern = "oidc/role/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Names of the roles."""
        return await roles.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """What identity tokens of a role are made of."""

    pattern = "oidc/role/{name}"
    reader_safe = True
    name: str = field("Name of the role.")
    key: str = field("Name of the key that signs; it must be there and allow the client ID.")
    template: str = field(
        "Claims to add, a JSON object, in base64 or as it is. {{identity.entity.name}} and its kin are put "
        "in as JSON, quotes included; {{time.now.plus.1h}} is a time in seconds."
    )
    ttl: Duration = field("Seconds a token is valid; at most the verification_ttl of the key.", default=DAY)
    client_id: str = field("Audience of the tokens; made when absent.")

    async def exists(self, identity: Identity, request: Request) -> bool:
        """Whether the role is there."""
        return await roles.roles(request).get(self.name) is not None

    async def read(self, identity: Identity, request: Request) -> Role | None:
        """The role."""
        return await roles.roles(request).get(self.name)

    async def write(self, identity: Identity, request: Request) -> None:
        """Make a role, or change what is given."""
        before = await roles.roles(request).get(self.name)
        role = replace(before or Role(key="", client_id=""))
        for name in ("key", "ttl", "client_id"):
            if name in self.given:
                setattr(role, name, getattr(self, name))
        if "template" in self.given:
            role.template = template.decoded(self.template)
        if not role.key:
            raise BadRequest("the key parameter is required")
        role.client_id = role.client_id or base62(26)
        template.check(role.template)
        found = await keys.find(request, role.key)
        if found is None:
            raise BadRequest(f'cannot find key "{role.key}"')
        if role.ttl > found.verification_ttl:
            raise BadRequest(
                "a role's token ttl cannot be longer than the verification_ttl of the key it references"
            )
        await keys.ready(request, role.key)
        roles.put(request, self.name, role, before)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the role. Its tokens stay valid as long as they say."""
        found = await roles.roles(request).get(self.name)
        if found is not None:
            roles.delete(request, self.name, found)


KEY_PATHS: tuple[type[Path], ...] = (Keys, Rotate, KeyPath, Roles, RolePath)
