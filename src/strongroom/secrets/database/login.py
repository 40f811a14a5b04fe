"""What is issued: a user in a database, with a lease that ends it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.errors import BadRequest
from strongroom.framework.lease import Leased, Terms, effective_ttl, issued
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.database.credential import Recipe, display_name, made
from strongroom.secrets.database.plugin import Extends, Knows, NewUser, Plugin, creating, dropping

if TYPE_CHECKING:
    from strongroom.secrets.database.connection import Config
    from strongroom.secrets.database.engine import Database

GRACE = 5
"""Seconds that a user outlives its lease in the database, so that no clock ends it early."""


@dataclass(slots=True)
class Login(Leased):
    """A user in a database. ``revocation`` ends it when its role is gone."""

    kind: ClassVar[str] = "creds"
    role: str
    db_name: str
    config: str
    username: str
    revocation: list[str] = field(default_factory=list)

    @property
    def target(self) -> str:
        """The connection."""
        return self.config

    async def renew(self, engine: Database, request: Request, terms: Terms) -> None:
        """Move the user's end, by the terms of its role."""
        role = await engine.role_terms(request, self.role)
        if role is None:
            raise BadRequest(f'error during renew: could not find role with name "{self.role}"')
        terms.ttl, terms.max_ttl = role.default_ttl, role.max_ttl
        ttl, _ = terms.grant()
        async with engine.acting(request, self.db_name, self.config) as plugin:
            if isinstance(plugin, Extends):
                await plugin.extend(self.username, request.now + (ttl + GRACE) * SECOND, role.renew)

    async def revoke(self, engine: Database, request: Request) -> None:
        """Remove the user."""
        role = await engine.role_terms(request, self.role)
        statements = role.revocation if role is not None and role.db_name == self.db_name else self.revocation
        async with engine.acting(request, self.db_name, self.config) as plugin:
            await dropping(plugin).drop(self.username, statements)
        request.view.delete(live(self))
        await engine.let_go(request, self.config)


@dataclass(frozen=True, slots=True)
class RoleTerms:
    """What a role says of the users made for it, whatever kind of mount the role is in."""

    db_name: str
    creation: list[str]
    revocation: list[str] = field(default_factory=list)
    rollback: list[str] = field(default_factory=list)
    renew: list[str] = field(default_factory=list)
    default_ttl: int = 0
    max_ttl: int = 0
    recipe: Recipe = field(default_factory=Recipe)
    username_template: str = ""
    """How its users are named, where the connection does not say it."""


def live(login: Login) -> str:
    """The row that says a connection is still needed."""
    return f"live/{login.config}/{hashlib.sha256(login.username.encode()).hexdigest()[:32]}"


async def issue(database: Database, request: Request, name: str, role: RoleTerms, config: Config) -> Response:
    """Make a user for a role, and hand out how it logs in."""
    if config.self_managed:
        raise BadRequest("a self-managed connection makes no users: it has none that could")
    async with database.clients.acting(config) as client:
        return await _issue(database, request, name, role, config, client=client)


async def _issue(
    database: Database, request: Request, name: str, role: RoleTerms, config: Config, *, client: Plugin
) -> Response:
    plugin = creating(client)
    if role.recipe.kind not in client.credential_types:
        raise BadRequest(f'unsupported credential_type: "{role.recipe.kind}"')
    default, longest = database.core.ttls(database.mount)
    ttl, _ = effective_ttl(
        default=default, longest=longest, wanted=role.default_ttl, backend_max=role.max_ttl
    )
    username = config.username_template(role.username_template).render(
        request.now, display_name=display_name(request), role_name=name
    )
    if isinstance(client, Knows) and await client.exists(username):
        # Before anything is announced: what is announced and fails is removed, whoever it belongs to.
        raise BadRequest("a user of that name is there already; the username template has to be more random")
    fresh = await made(database, request, role.recipe, config.password_policy, username, ttl)
    expiration = request.now + (ttl + GRACE) * SECOND
    user = NewUser(username, fresh.credential, expiration, role.creation, role.rollback)
    login = Login(name, role.db_name, config.id, username, role.revocation)
    async with request.undo("create", asdict(login) | {"rollback": role.rollback}):
        await plugin.create(user)
    request.view.mark(live(login))
    data: dict[str, Any] = {"username": username, **fresh.data}
    return issued(data, login, ttl=role.default_ttl, max_ttl=role.max_ttl)


async def undo(database: Database, request: Request, data: dict[str, Any]) -> None:
    """Remove a user whose lease was never stored."""
    config = await database.find_config(request, data["db_name"], data["config"])
    if config is None:
        return
    plugin = dropping(await database.clients.of(config))
    await plugin.drop(data["username"], data["rollback"] or data["revocation"])
    await database.let_go(request, data["config"], undone=1)
