"""Rotation: passwords that the engine changes, of the accounts of static roles and of its own.

How it goes is what :mod:`strongroom.framework.rotation` says.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.rotation import changed, finished
from strongroom.logical import SECOND, Request
from strongroom.secrets.database.credential import made
from strongroom.secrets.database.plugin import PASSWORD, ChecksLogins, Credential, Plugin, Settings, setting
from strongroom.secrets.database.plugins import plugin_class
from strongroom.secrets.database.statement import decoded

if TYPE_CHECKING:
    from strongroom.secrets.database.connection import Config
    from strongroom.secrets.database.engine import Database
    from strongroom.secrets.database.static_role import StaticRole

WAKE = "rotate/"
"""What a static role's call is for; its name follows."""
_AGAIN = 600 * SECOND
"""When a role is looked at again whose connection is gone."""
_YEAR = 365 * 86_400

_log = logging.getLogger("database")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the credential of one user. ``before`` is the password that it takes the place of."""

    client: Plugin
    username: str
    credential: Credential
    statements: list[str]
    before: str

    @property
    def fresh(self) -> str:
        """The password to be."""
        return self.credential.password

    async def make(self) -> None:
        """Have the user log in with the credential."""
        await setting(self.client).set_credential(self.username, self.credential, decoded(self.statements))

    async def accepts(self, password: str) -> bool:
        """Whether the user is let in."""
        return isinstance(self.client, ChecksLogins) and await self.client.accepts(self.username, password)


# -- the account of a static role ------------------------------------------------------------------


async def rotate(  # noqa: PLR0917  all of it is announced
    database: Database, request: Request, name: str, role: StaticRole, config: Config, held: str
) -> None:
    """Give the account of a static role another credential.

    ``held`` is the connection by which the role has had it so far; empty for an account that it takes over.
    """
    config.require_allowed(name)
    async with _acting(database, config, role, role.data) as client:
        setting(client)
        if role.recipe.kind not in client.credential_types:
            raise BadRequest(f'unsupported credential_type: "{role.recipe.kind}"')
        fresh = await made(database, request, role.recipe, config.password_policy, role.username, _YEAR)
        before, planned = role.data, role.next_rotation
        role.data, role.last_rotation = fresh.data, request.now
        role.next_rotation = role.due_after(request.now)
        announced = {
            "name": name,
            "held": held,
            "row": msgspec.to_builtins(role),
            "credential": asdict(fresh.credential),
            "before": before,
        }
        async with request.undo("rotate", announced, on=role.account):
            await changed(_change(client, role, fresh.credential, before))
    database.keep_static_role(request, name, role, planned)


@asynccontextmanager
async def _acting(
    database: Database, config: Config, role: StaticRole, data: dict[str, Any]
) -> AsyncIterator[Plugin]:
    """The plugin that changes an account: as the connection's user, or where it has none as the account."""
    if not config.self_managed:
        async with database.clients.acting(config) as shared:
            yield shared
        return
    password = data.get("password", "")
    if not password:
        raise BadRequest("password is required, for the connection is self-managed")
    own = plugin_class(config.plugin_name)(Settings(role.username, password, config.details))
    try:
        yield own
    finally:
        await own.close()


def _change(client: Plugin, role: StaticRole, credential: Credential, before: dict[str, Any]) -> Change:
    return Change(client, role.username, credential, role.rotation_statements, before.get("password", ""))


async def settle(database: Database, request: Request, data: dict[str, Any]) -> None:
    """Find out which credential of an account holds, and keep that."""
    announced = database.static_role_of(data["row"])
    role = await database.static_roles(request).get(data["name"])
    config = await database.configs(request).get(announced.db_name)
    at = "" if role is None else role.db_name
    if config is None or at not in {announced.db_name, data["held"]}:
        return  # nothing is left that the credential would be for
    if role is not None and role.username != announced.username:
        return
    kept = data["before"] if role is None else role.data
    async with _acting(database, config, announced, kept) as client:
        if not await finished(_change(client, announced, Credential(**data["credential"]), kept)):
            return
    planned = 0 if role is None else role.next_rotation
    if role is None or at != announced.db_name:
        await take_over(database, request, data["name"], announced, role)
        role = announced
    role.data, role.last_rotation = announced.data, announced.last_rotation
    role.next_rotation = announced.next_rotation
    database.keep_static_role(request, data["name"], role, planned)


async def take_over(
    database: Database, request: Request, name: str, role: StaticRole, before: StaticRole | None
) -> None:
    """Note that a role has another account than it had ``before``. Raises BadRequest where others have it."""
    if before is not None:
        database.unclaim(request, before.account)
    await database.claim(request, role.account, name)


async def woken(database: Database, request: Request, name: str) -> None:
    """Change the password of a static role whose time has come."""
    role = await database.static_roles(request).get(name)
    if role is None or role.next_rotation > request.now:
        return
    if role.missed(request.now):
        _log.warning("the window for the rotation of static role %s closed before it could happen", name)
        planned, role.next_rotation = role.next_rotation, role.due_after(request.now)
        database.keep_static_role(request, name, role, planned)
        return
    config = await database.configs(request).get(role.db_name)
    if config is None:
        _log.warning("static role %s cannot rotate: its connection is gone", name)
        request.wake_at(request.now + _AGAIN, WAKE + name)
        return
    try:
        await rotate(database, request, name, role, config, role.db_name)
    except (BadRequest, UpstreamFailed) as error:
        _log.warning("static role %s could not rotate, to be tried again: %s", name, error.public)
        raise


# -- the user that Strongroom itself is ------------------------------------------------------------


async def rotate_root(database: Database, request: Request, name: str) -> None:
    """Give the configured user of a connection another password."""
    config = await database.config(request, name)
    if not config.username:
        raise BadRequest("unable to rotate root credentials: no username in configuration")
    password = await database.password(request, config.password_policy)
    announced = {"name": name, "config": config.id, "password": password}
    async with database.clients.changing(config) as client:
        setting(client)
        async with request.undo("rotate-root", announced):
            await changed(_root_change(client, config, password))
        _take_over_root(database, request, name, config, password)


def _root_change(client: Plugin, config: Config, password: str) -> Change:
    credential, statements = Credential(PASSWORD, password), config.root_rotation_statements
    return Change(client, config.username, credential, statements, config.password)


def _take_over_root(database: Database, request: Request, name: str, config: Config, password: str) -> None:
    database.clients.overtake(config)
    database.keep_config(request, name, config.revised(password=password))


async def settle_root(database: Database, request: Request, data: dict[str, Any]) -> None:
    """Find out which password of the configured user holds, and keep that."""
    config = await database.configs(request).get(data["name"])
    if config is None or config.id != data["config"]:
        return
    client = await database.clients.of(config)
    if await finished(_root_change(client, config, data["password"])):
        _take_over_root(database, request, data["name"], config, data["password"])


SETTLES: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "rotate": settle,
    "rotate-root": settle_root,
}
"""What ends each kind of announcement made here."""
