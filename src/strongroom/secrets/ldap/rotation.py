"""Rotation: a password is changed so that at every instant one that works is known.

The new one is stored first, as an intent; then it is set in the directory, tried out by logging in, and
taken over in the transaction that ends the intent. Whatever is interrupted is settled by asking the
directory which of the passwords it accepts; where neither tells, the new one is set once more.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import UpstreamFailed
from strongroom.logical import SECOND, Request
from strongroom.secrets.ldap.config import CONFIG, Config
from strongroom.secrets.ldap.directory import Refused

if TYPE_CHECKING:
    from strongroom.secrets.ldap.engine import Ldap
    from strongroom.secrets.ldap.static_role import StaticRole

ROLE, ROOT, ACCOUNT = "rotate-role", "rotate-root", "rotate-account"
WAKE = "role/"
"""What a static role's call is for; its name follows."""
_AGAIN = 300 * SECOND
_log = logging.getLogger("ldap")


async def change(config: Config, dn: str, password: str, before: str) -> None:
    """Set a password and try it out. Raises Refused when the old one still holds."""
    await config.set_password(dn, password)
    directory = config.directory()
    if not await directory.accepts(dn, password) and await directory.accepts(dn, before):
        raise Refused("the directory took the new password, but the old one still holds")


async def holds(config: Config, dn: str, fresh: str, before: str) -> bool:
    """Whether the fresh password holds after an interruption, being set again where nothing tells.

    False when the one before holds, or the directory refuses the fresh one.
    """
    directory = config.directory()
    if await directory.accepts(dn, fresh):
        return True
    if await directory.accepts(dn, before):
        return False
    try:
        await config.set_password(dn, fresh)
    except Refused as error:
        _log.warning("a rotation was given up: %s", error.public)
        return False
    return True


# -- accounts of static roles ------------------------------------------------------------------------


async def rotate(ldap: Ldap, request: Request, name: str, role: StaticRole) -> None:
    """Give the account of a static role another password, and plan the next change."""
    config = await ldap.config(request)
    dn = role.dn or await config.dn_of(role.username)
    fresh = await ldap.password(request, config)
    async with request.undo(ROLE, {"name": name, "dn": dn, "fresh": fresh, "before": role.password}):
        await change(config, dn, fresh, role.password)
    _take_over(ldap, request, name, role, fresh)


def _take_over(ldap: Ldap, request: Request, name: str, role: StaticRole, fresh: str) -> None:
    planned = role.next_rotation
    role.last_password, role.password, role.last_rotation = role.password, fresh, request.now
    role.next_rotation = request.now + role.rotation_period * SECOND
    ldap.keep_static_role(request, name, role, planned)


async def settle_role(ldap: Ldap, request: Request, data: dict[str, Any]) -> None:
    """Find out which password of an account holds, and keep that."""
    role = await ldap.static_roles(request).get(data["name"])
    config = await ldap.configs(request).get(CONFIG)
    if config is None or role is None:
        return
    if await holds(config, data["dn"], data["fresh"], data["before"]):
        _take_over(ldap, request, data["name"], role, data["fresh"])


async def woken(ldap: Ldap, request: Request, name: str) -> None:
    """Change the password of a static role whose time has come."""
    role = await ldap.static_roles(request).get(name)
    if role is None or role.next_rotation > request.now:
        return
    if await ldap.configs(request).get(CONFIG) is None:
        planned, role.next_rotation = role.next_rotation, request.now + _AGAIN
        ldap.keep_static_role(request, name, role, planned)
        return
    try:
        await rotate(ldap, request, name, role)
    except (Refused, UpstreamFailed) as error:
        _log.warning("static role %s could not rotate, to be tried again: %s", name, error.public)
        raise


# -- the account that Strongroom itself is ------------------------------------------------------------


async def rotate_root(ldap: Ldap, request: Request) -> None:
    """Give the configured account another password."""
    config = await ldap.config(request)
    fresh = await ldap.password(request, config)
    async with request.undo(ROOT, {"binddn": config.binddn, "fresh": fresh}):
        await change(config, config.binddn, fresh, config.bindpass)
    _keep_root(ldap, request, config, fresh)


def _keep_root(ldap: Ldap, request: Request, config: Config, fresh: str) -> None:
    ldap.configs(request).put(CONFIG, replace(config, bindpass=fresh, password_changed=request.now))


async def settle_root(ldap: Ldap, request: Request, data: dict[str, Any]) -> None:
    """Find out which password of the configured account holds, and keep that."""
    config = await ldap.configs(request).get(CONFIG)
    if config is None or config.binddn != data["binddn"]:
        return
    if await config.directory().accepts(config.binddn, data["fresh"]):
        _keep_root(ldap, request, config, data["fresh"])
