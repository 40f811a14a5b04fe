"""Rotation: passwords that the engine changes, of accounts and of its own.

How it goes is what :mod:`strongroom.framework.rotation` says.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import UpstreamFailed
from strongroom.framework.rotation import changed, finished
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


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the password of one entry."""

    config: Config
    dn: str
    fresh: str
    before: str

    async def make(self) -> None:
        """Have the entry log in with the fresh password."""
        await self.config.set_password(self.dn, self.fresh)

    async def accepts(self, password: str) -> bool:
        """Whether the entry is let in."""
        return await self.config.directory().accepts(self.dn, password)


# -- accounts of static roles ------------------------------------------------------------------------


async def rotate(ldap: Ldap, request: Request, name: str, role: StaticRole) -> None:
    """Give the account of a static role another password, and plan the next change."""
    config = await ldap.config(request)
    dn = role.dn or await config.dn_of(role.username)
    fresh = await ldap.password(request, config)
    announced = {"name": name, "dn": dn, "fresh": fresh, "before": role.password}
    async with request.undo(ROLE, announced, on=role.account):
        await changed(Change(config, dn, fresh, role.password))
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
    if await finished(Change(config, data["dn"], data["fresh"], data["before"])):
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
    async with request.undo(ROOT, {"binddn": config.binddn, "fresh": fresh}, on=ROOT):
        await changed(Change(config, config.binddn, fresh, config.bindpass))
    _keep_root(ldap, request, config, fresh)


def _keep_root(ldap: Ldap, request: Request, config: Config, fresh: str) -> None:
    ldap.configs(request).put(CONFIG, replace(config, bindpass=fresh, password_changed=request.now))


async def settle_root(ldap: Ldap, request: Request, data: dict[str, Any]) -> None:
    """Find out which password of the configured account holds, and keep that."""
    config = await ldap.configs(request).get(CONFIG)
    if config is None or config.binddn != data["binddn"]:
        return
    if await finished(Change(config, config.binddn, data["fresh"], config.bindpass)):
        _keep_root(ldap, request, config, data["fresh"])
