"""The LDAP secrets engine: its mount's rows, and what is called from outside.

Source of the behaviour: the LDAP secrets engine in Vault's HTTP API documents.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest, Internal, UpstreamFailed
from strongroom.framework import outliving
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.framework.rotation import Rotating
from strongroom.logical import Request
from strongroom.policy.password import CharsetRule, PasswordPolicy, generate
from strongroom.secrets.ldap import library, role, rotation
from strongroom.secrets.ldap.config import CONFIG, Config, ConfigPath
from strongroom.secrets.ldap.library import (
    CheckIn,
    CheckOut,
    Library,
    LibraryPath,
    Loan,
    ManageCheckIn,
    Shelf,
    Status,
)
from strongroom.secrets.ldap.role import Account, Creds, Role, RolePath
from strongroom.secrets.ldap.static_role import RotateRole, RotateRoot, StaticCred, StaticRole, StaticRolePath

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_LONG = PasswordPolicy(
    64, tuple(CharsetRule(charset, 1) for charset in (_LOWER, _LOWER.upper(), "0123456789"))
)
_SHORT = PasswordPolicy(8, (CharsetRule(_LOWER.upper(), 1), CharsetRule("0123456789", 1)))
"""What RACF takes as a password that is no phrase."""

_SETTLES: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "create": role.undo,
    rotation.ROLE: rotation.settle_role,
    rotation.ROOT: rotation.settle_root,
    rotation.ACCOUNT: library.settle_account,
}


class Ldap(Rotating, Backend):
    """Credentials of an LDAP directory.

    A *role* makes an account for whoever reads its ``creds``, and removes it when the lease ends. A *static
    role* takes over an account that is there, and changes its password by plan. A *library* is a set of
    accounts that are lent, one borrower at a time.
    """

    type: ClassVar[str] = "ldap"
    paths: ClassVar[tuple[builtins.type[Path], ...]] = (
        ConfigPath,
        RotateRoot,
        StaticRolePath,
        StaticCred,
        RotateRole,
        RolePath,
        Creds,
        ManageCheckIn,
        CheckIn,
        CheckOut,
        Status,
        LibraryPath,
    )
    leases = (Account, Loan)
    wakes = rotation.WAKE

    configs = stored(Config, under="")
    roles = stored(Role, under="role/")
    static_roles = stored(StaticRole, under="static-role/")
    libraries = stored(Library, under="library/")
    shelves = stored(Shelf, under="shelf/")

    async def config(self, request: Request) -> Config:
        """The directory of the mount. Raises BadRequest without one."""
        config = await self.configs(request).get(CONFIG)
        if config is None:
            raise BadRequest("the config is currently unset")
        return config

    async def last_config(self, request: Request) -> Config:
        """The directory, to take back what was issued, also when it has been removed since."""
        config = await outliving.still(self.configs(request), CONFIG)
        if config is None:
            raise UpstreamFailed("the config is currently unset")
        return config

    async def password(self, request: Request, config: Config) -> str:
        """A fresh password by the configured policy; without one 64 letters and digits."""
        if config.password_policy:
            password: str = await self.core.new_password(request, config.password_policy)
            return password
        short = config.schema == "racf" and config.credential_type == "password"
        return generate(_SHORT if short else _LONG, random_bytes)

    # -- what is called from outside -------------------------------------------------------------------

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Undo or finish what was begun in the directory."""
        if kind not in _SETTLES:
            raise Internal(cause=f"{self.type} announces nothing of kind {kind!r}")
        await _SETTLES[kind](self, request, data)

    async def wake(self, request: Request, reference: str) -> None:
        """Rotate what is due."""
        await rotation.woken(self, request, reference.removeprefix(rotation.WAKE))
