"""Static roles: accounts that are there already, whose passwords change by plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration
from strongroom.framework.field import field as path_field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request
from strongroom.secrets.ldap import rotation

if TYPE_CHECKING:
    from strongroom.secrets.ldap.engine import Ldap

_SHORTEST = 5


@dataclass(slots=True)
class StaticRole:
    """An account as it is stored. Times are nanoseconds since the epoch, the period seconds."""

    username: str = ""
    dn: str = ""
    rotation_period: int = 0
    password: str = field(default="", repr=False)
    last_password: str = field(default="", repr=False)
    last_rotation: int = 0
    next_rotation: int = 0

    @property
    def account(self) -> str:
        """The account, among those of the mount."""
        return self.username.lower()

    def described(self) -> dict[str, Any]:
        """The account as it is shown, without passwords."""
        shown: dict[str, Any] = {
            "dn": self.dn,
            "username": self.username,
            "rotation_period": self.rotation_period,
        }
        if self.last_rotation:
            shown["last_vault_rotation"] = rfc3339(self.last_rotation)
        return shown


class StaticRolePath(Path):
    """An account of the directory, whose password changes after a time. Its name may have slashes."""

    pattern = "static-role/{name*}"
    reader_safe = True
    name: str = path_field("Name of the static role; a listing takes a folder.")
    username: str = path_field("Name of the account; it cannot be changed later.")
    dn: str = path_field("DN of the account; it is searched by its name without.")
    rotation_period: Duration = path_field("Time after which the password changes; 5 seconds or more.")
    skip_import_rotation: bool = path_field("Leave the password as it is until the first planned change.")
    after: str = path_field("List names that come after this one.", query=True)
    limit: int = path_field("List at most this many names.", query=True)

    async def list(self, ldap: Ldap, request: Request) -> list[str]:
        """Names of the static roles below a folder."""
        return await ldap.static_roles(request).list(self.name, self.after, self.limit)

    async def exists(self, ldap: Ldap, request: Request) -> bool:
        """Whether there is a static role of that name."""
        return await ldap.static_roles(request).get(self.name) is not None

    async def read(self, ldap: Ldap, request: Request) -> dict[str, Any] | None:
        """The role and when its password last changed, without the password."""
        role = await ldap.static_roles(request).get(self.name)
        return None if role is None else role.described()

    async def write(self, ldap: Ldap, request: Request) -> None:
        """Take over an account and change its password at once; or change what is given of the role."""
        before = await ldap.static_roles(request).get(self.name)
        role = before or StaticRole()
        self._apply(role, creates=before is None)
        config = await ldap.config(request)
        planned = role.next_rotation
        if before is not None:
            role.next_rotation = (role.last_rotation or request.now) + role.rotation_period * SECOND
            ldap.keep_static_role(request, self.name, role, planned)
            return
        await ldap.claim(request, role.account, f"static-role/{self.name}")
        skip = config.skip_static_role_import_rotation
        if self.skip_import_rotation if "skip_import_rotation" in self.given else skip:
            role.next_rotation = request.now + role.rotation_period * SECOND
            ldap.keep_static_role(request, self.name, role, planned)
            return
        await rotation.rotate(ldap, request, self.name, role)

    async def delete(self, ldap: Ldap, request: Request) -> None:
        """Give the account up. Its password stays as it is in the directory, and is forgotten here."""
        role = await ldap.static_roles(request).get(self.name)
        if role is not None:
            ldap.drop_static_role(request, self.name, role)

    def _apply(self, role: StaticRole, *, creates: bool) -> None:
        if creates and not self.username:
            raise BadRequest("username is a required field to manage a static role")
        if not creates and "username" in self.given and self.username != role.username:
            raise BadRequest("cannot update static role username")
        if creates and not self.rotation_period:
            raise BadRequest("rotation_period is required to create static accounts")
        if "rotation_period" in self.given and self.rotation_period < _SHORTEST:
            raise BadRequest(f"rotation_period must be {_SHORTEST} seconds or more")
        for name in ("username", "dn", "rotation_period"):
            if name in self.given:
                setattr(role, name, getattr(self, name))


class StaticCred(Path):
    """How an account logs in now."""

    pattern = "static-cred/{name*}"
    reader_safe = True
    name: str = path_field("Name of the static role.")

    async def read(self, ldap: Ldap, request: Request) -> dict[str, Any]:
        """The password and the one before; it holds for ``ttl`` seconds from now."""
        role = await ldap.static_roles(request).get(self.name)
        if role is None:
            raise BadRequest("unknown role")
        return {
            **role.described(),
            "last_vault_rotation": rfc3339(role.last_rotation) if role.last_rotation else None,
            "password": role.password,
            "last_password": role.last_password,
            "ttl": max(-((request.now - role.next_rotation) // SECOND), 0),
        }


class RotateRole(Path):
    """A change of an account's password ahead of time."""

    pattern = "rotate-role/{name*}"
    name: str = path_field("Name of the static role.")

    async def write(self, ldap: Ldap, request: Request) -> None:
        """Change the password now, and plan the next change from here."""
        role = await ldap.static_roles(request).get(self.name)
        if role is None:
            raise BadRequest("unknown role")
        await rotation.rotate(ldap, request, self.name, role)


class RotateRoot(Path):
    """Another password for the account that Strongroom itself is in the directory."""

    pattern = "rotate-root"

    async def write(self, ldap: Ldap, request: Request) -> None:
        """Change it to one that nobody but Strongroom knows."""
        await rotation.rotate_root(ldap, request)
