"""The database secrets engine: its mount's rows, the plugins in use, and what is called from outside."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest, Internal
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.framework.rotation import Rotating
from strongroom.logical import Request
from strongroom.policy.password import CharsetRule, PasswordPolicy, generate
from strongroom.secrets.database import login, rotation
from strongroom.secrets.database.clients import Clients
from strongroom.secrets.database.connection import Config, ConfigPath, Configs, Reload, Reset, RotateRoot
from strongroom.secrets.database.login import Login, RoleTerms
from strongroom.secrets.database.plugin import Plugin
from strongroom.secrets.database.role import Creds, Role, RolePath, Roles
from strongroom.secrets.database.static_role import (
    RotateRole,
    StaticCreds,
    StaticRole,
    StaticRolePath,
    StaticRoles,
)

if TYPE_CHECKING:
    from strongroom.mount import Mount

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DEFAULT_POLICY = PasswordPolicy(
    20,
    tuple(CharsetRule(charset, 1) for charset in (_LOWER, _LOWER.upper(), "0123456789", "-")),
)

_SETTLES: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {"create": login.undo, **rotation.SETTLES}


class Database(Rotating, Backend):
    """Credentials of databases.

    A *role* makes a user for whoever reads its ``creds``, and removes it when the lease ends. A *static
    role* takes over an account that is there, and changes its password by plan. Which kinds of databases
    there are is a matter of plugins.
    """

    type: ClassVar[str] = "database"
    paths: ClassVar[tuple[builtins.type[Path], ...]] = (
        Configs,
        ConfigPath,
        Reset,
        Reload,
        RotateRoot,
        Roles,
        RolePath,
        Creds,
        StaticRoles,
        StaticRolePath,
        StaticCreds,
        RotateRole,
    )
    leases = (Login,)
    wakes = rotation.WAKE

    configs = stored(Config, under="config/")
    retired = stored(Config, under="retired/")
    roles = stored(Role, under="role/")
    static_roles = stored(StaticRole, under="static-role/")

    def __init__(self, mount: Mount) -> None:
        super().__init__(mount)
        self.clients = Clients()

    # -- connections ---------------------------------------------------------------------------

    async def config(self, request: Request, name: str) -> Config:
        """The connection of that name. Raises BadRequest without one."""
        config = await self.configs(request).get(name)
        if config is None:
            raise BadRequest(f'failed to find entry for connection with name: "{name}"')
        return config

    async def find_config(self, request: Request, name: str, identity: str) -> Config | None:
        """The connection that something was issued over, also when it has been removed since.

        Where the same account at the same place is configured again, that is it: its password is newer.
        """
        config = await self.configs(request).get(name)
        if config is not None and config.id == identity:
            return config
        retired = await self.retired(request).get(identity)
        return config if config is not None and retired is not None and config.replaces(retired) else retired

    @asynccontextmanager
    async def acting(self, request: Request, name: str, identity: str) -> AsyncIterator[Plugin]:
        """The plugin for that connection. Raises BadRequest when it is gone for good."""
        config = await self.find_config(request, name, identity)
        if config is None:
            raise BadRequest(f'failed to find entry for connection with name: "{name}"')
        async with self.clients.acting(config) as plugin:
            yield plugin

    def keep_config(self, request: Request, name: str, config: Config) -> None:
        """Store a connection; what is open as it was before is closed once that is durable."""
        self.configs(request).put(name, config)
        self._close_later(request, config.id, but=config.revision)

    async def retire(self, request: Request, config: Config) -> bool:
        """Keep a connection out of sight if leases, or acts to undo, need it; tells whether they do."""
        needed = await self._needed(request, config.id)
        if needed:
            self.retired(request).put(config.id, config)
        self._close_later(request, config.id)
        return needed

    async def let_go(self, request: Request, identity: str, *, undone: int = 0) -> None:
        """Forget a retired connection after the last that needed it; ``undone`` acts are about to end."""
        if await self.retired(request).get(identity) is None:
            return
        if not await self._needed(request, identity, undone):
            self.retired(request).delete(identity)
            self._close_later(request, identity)

    async def _needed(self, request: Request, identity: str, undone: int = 0) -> bool:
        if await request.view.scan(f"live/{identity}/", "", 1):
            return True
        return bool(await self.core.intents.unsettled(request, "create") > undone)

    def _close_later(self, request: Request, identity: str, but: str = "") -> None:
        async def close() -> None:
            await self.clients.drop(identity, but)

        request.core.after_commit(request, close)

    # -- roles -----------------------------------------------------------------------------------

    async def role_terms(self, request: Request, name: str) -> RoleTerms | None:
        """What a role says of users now."""
        role = await self.roles(request).get(name)
        return None if role is None else role.terms()

    def static_role_of(self, row: dict[str, Any]) -> StaticRole:
        """A static role from the form in which an intent holds it."""
        return msgspec.convert(row, StaticRole)

    async def password(self, request: Request, policy: str) -> str:
        """A fresh password by a password policy; without one 20 letters, digits and dashes."""
        if policy:
            password: str = await self.core.new_password(request, policy)
            return password
        return generate(_DEFAULT_POLICY, random_bytes)

    # -- what is called from outside ---------------------------------------------------------------

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Undo or finish what was begun in a database."""
        if kind not in _SETTLES:
            raise Internal(cause=f"{self.type} announces nothing of kind {kind!r}")
        await _SETTLES[kind](self, request, data)

    async def wake(self, request: Request, reference: str) -> None:
        """Rotate what is due."""
        await rotation.woken(self, request, reference.removeprefix(rotation.WAKE))

    async def rest(self) -> None:
        """Close every connection."""
        await self.clients.close()
