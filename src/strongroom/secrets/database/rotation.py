"""Rotation: a password is changed so that at every instant one that works is known.

The new one is stored first, as an intent. Then it is set in the database, tried out by logging in, and
taken over in the transaction that ends the intent. Whatever is interrupted is settled by asking the
database which of the passwords it accepts: the new one is taken over, or the old one stays. Where neither
tells, because the account may not log in from here or any password would do, the new one is set once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import SECOND, Request
from strongroom.secrets.database.credential import made
from strongroom.secrets.database.plugin import (
    PASSWORD,
    ChecksLogins,
    Credential,
    Plugin,
    Refused,
    setting,
)
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


# -- the account of a static role ------------------------------------------------------------------


async def rotate(
    database: Database,
    request: Request,
    name: str,
    role: StaticRole,
    config: Config,
    *,
    creates: bool = False,
) -> None:
    """Give the account of a static role another credential."""
    async with database.clients.acting(config) as client:
        setting(client)
        if role.recipe.kind not in client.credential_types:
            raise BadRequest(f'unsupported credential_type: "{role.recipe.kind}"')
        fresh = await made(database, request, role.recipe, config.password_policy, role.username, _YEAR)
        before, planned = role.data, role.next_rotation
        role.data, role.last_rotation = fresh.data, request.now
        role.next_rotation = role.due_after(request.now)
        announced = {
            "name": name,
            "creates": creates,
            "row": msgspec.to_builtins(role),
            "credential": asdict(fresh.credential),
            "before": before,
        }
        async with request.undo("rotate", announced):
            await _set(client, role.username, fresh.credential, role.rotation_statements)
            await _verify(client, role.username, fresh.credential, before.get("password", ""))
    database.keep_static_role(request, name, role, planned)


async def _set(client: Plugin, username: str, credential: Credential, statements: list[str]) -> None:
    await setting(client).set_credential(username, credential, decoded(statements))


async def _verify(client: Plugin, username: str, credential: Credential, before: str) -> None:
    """Raise Refused when the database took the new password and still wants the old one."""
    if credential.kind != PASSWORD or not isinstance(client, ChecksLogins):
        return
    if await client.accepts(username, credential.password):
        return
    if before and await client.accepts(username, before):
        raise Refused("the database took the new password, but the old one still holds; see the statements")


async def _accepted(client: Plugin, username: str, passwords: list[str]) -> str:
    """Which of the passwords holds; empty when that cannot be told."""
    if not isinstance(client, ChecksLogins):
        return ""
    for password in passwords:
        if password and await client.accepts(username, password):
            # Where any password would do, one that works tells nothing.
            return "" if await client.accepts(username, base62(20)) else password
    return ""


async def settle(database: Database, request: Request, data: dict[str, Any]) -> None:
    """Find out which credential of an account holds, and keep that."""
    announced = database.static_role_of(data["row"])
    role = await database.static_roles(request).get(data["name"])
    config = await database.configs(request).get(announced.db_name)
    if config is None or (role is None and not data["creates"]):
        return  # nothing is left that the credential would be for
    if role is not None and (role.username, role.db_name) != (announced.username, announced.db_name):
        return
    client = await database.clients.of(config)
    credential = Credential(**data["credential"])
    kept = role.data if role is not None else data["before"]
    holds = await _accepted(client, announced.username, [credential.password, kept.get("password", "")])
    if holds and holds != credential.password:
        return
    if not holds and not await _set_again(client, announced, credential):
        return
    planned = 0
    if role is not None:
        planned = role.next_rotation
        role.data, role.last_rotation = announced.data, announced.last_rotation
        role.next_rotation = announced.next_rotation
    else:
        await database.claim(request, data["name"], announced)
    database.keep_static_role(request, data["name"], role or announced, planned)


async def _set_again(client: Plugin, role: StaticRole, credential: Credential) -> bool:
    """Set what may not have been set; False when the database refuses it, as it did before."""
    try:
        await _set(client, role.username, credential, role.rotation_statements)
    except Refused as error:
        _log.warning("a rotation was given up: %s", error.public)
        return False
    return True


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
        await rotate(database, request, name, role, config)
    except (Refused, UpstreamFailed) as error:
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
            credential = Credential(PASSWORD, password)
            await _set(client, config.username, credential, config.root_rotation_statements)
            await _verify(client, config.username, credential, config.password)
        _take_over_root(database, request, name, config, password)


def _take_over_root(database: Database, request: Request, name: str, config: Config, password: str) -> None:
    database.clients.overtake(config)
    database.keep_config(request, name, config.revised(password=password))


async def settle_root(database: Database, request: Request, data: dict[str, Any]) -> None:
    """Find out which password of the configured user holds, and keep that."""
    config = await database.configs(request).get(data["name"])
    if config is None or config.id != data["config"]:
        return
    client = await database.clients.of(config)
    holds = await _accepted(client, config.username, [data["password"], config.password])
    if holds and holds == config.password:
        return
    if not holds:
        credential = Credential(PASSWORD, data["password"])
        try:
            await _set(client, config.username, credential, config.root_rotation_statements)
        except Refused as error:
            _log.warning("a rotation of a connection's own password was given up: %s", error.public)
            return
    _take_over_root(database, request, data["name"], config, data["password"])


SETTLES: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "rotate": settle,
    "rotate-root": settle_root,
}
"""What ends each kind of announcement made here."""
