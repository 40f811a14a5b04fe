"""Static roles: accounts that are there already, whose passwords change by plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, KVPairs, StringList
from strongroom.framework.field import field as path_field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request
from strongroom.secrets.database.credential import Recipe, recipe
from strongroom.secrets.database.rotation import rotate, take_over
from strongroom.secrets.database.schedule import parse

if TYPE_CHECKING:
    from strongroom.secrets.database.connection import Config
    from strongroom.secrets.database.engine import Database

_SHORTEST_PERIOD = 5
_SHORTEST_WINDOW = 3600


@dataclass(slots=True)
class StaticRole:
    """An account as it is stored. ``data`` is what clients get; times are nanoseconds since the epoch."""

    username: str = ""
    db_name: str = ""
    rotation_period: int = 0
    rotation_schedule: str = ""
    rotation_window: int = 0
    rotation_statements: list[str] = field(default_factory=list)
    recipe: Recipe = field(default_factory=Recipe)
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    last_rotation: int = 0
    next_rotation: int = 0

    @property
    def account(self) -> str:
        """The account, among those of the mount."""
        return f"{self.db_name}\0{self.username}"

    def due_after(self, moment: int) -> int:
        """When the credential is to change, after it changed, or could not change, at ``moment``."""
        if self.rotation_schedule:
            return parse(self.rotation_schedule).next(moment)
        return moment + self.rotation_period * SECOND

    def missed(self, now: int) -> bool:
        """Whether the window for the rotation that is due has closed."""
        return bool(self.rotation_window) and now > self.next_rotation + self.rotation_window * SECOND

    def plan(self) -> dict[str, Any]:
        """When it changes, as it is shown."""
        if not self.rotation_schedule:
            return {"rotation_period": self.rotation_period}
        shown: dict[str, Any] = {"rotation_schedule": self.rotation_schedule}
        if self.rotation_window:
            shown["rotation_window"] = self.rotation_window
        return shown


class StaticRoles(Path):
    """The accounts whose passwords are changed here."""

    pattern = "static-roles/?"
    reader_safe = True
    after: str = path_field("List names that come after this one.", query=True)
    limit: int = path_field("List at most this many names.", query=True)

    async def list(self, database: Database, request: Request) -> list[str]:
        """Names of the static roles."""
        return await database.static_roles(request).list("", self.after, self.limit)


class StaticRolePath(Path):
    """An account of a database, whose password changes after a time or by a schedule."""

    pattern = "static-roles/{name}"
    reader_safe = True
    name: str = path_field("Name of the static role.")
    username: str = path_field("The account; it cannot be changed later.")
    db_name: str = path_field(
        "The connection to use. By another one the account of that name there is taken over instead."
    )
    rotation_period: Duration = path_field("Time after which the password changes; 5 seconds or more.")
    rotation_schedule: str = path_field("Instead: five fields as of cron, in UTC, such as 0 3 * * SAT.")
    rotation_window: Duration = path_field(
        "Time after a scheduled moment in which the change may happen, an hour or more; later it waits for "
        "the next. Without, it happens however late."
    )
    rotation_statements: StringList = path_field("What changes the password; the plugin's own way without.")
    credential_type: str = path_field(
        "password, as long as the plugin can set nothing else.", default="password"
    )
    credential_config: KVPairs = path_field("How the credential is made: password_policy.", sensitive=True)
    skip_import_rotation: bool = path_field(
        "Leave the password as it is until the first planned change; without, as the connection says."
    )
    password: str = path_field(
        "The password of now: where it is left as it is, or the connection is self-managed.", sensitive=True
    )
    self_managed_password: str = path_field(
        "Older name of password, for self-managed connections.", sensitive=True, deprecated=True
    )

    async def exists(self, database: Database, request: Request) -> bool:
        """Whether there is a static role of that name."""
        return await database.static_roles(request).get(self.name) is not None

    async def read(self, database: Database, request: Request) -> dict[str, Any] | None:
        """The role and when its password last changed, without the password."""
        role = await database.static_roles(request).get(self.name)
        if role is None:
            return None
        shown: dict[str, Any] = {
            "username": role.username,
            "db_name": role.db_name,
            "rotation_statements": role.rotation_statements,
            "credential_type": role.recipe.kind,
            **role.plan(),
        }
        if settings := role.recipe.described():
            shown["credential_config"] = settings
        if role.last_rotation:
            shown["last_vault_rotation"] = rfc3339(role.last_rotation)
        return shown

    async def write(self, database: Database, request: Request) -> None:
        """Take over an account and change its password at once; or change what is given of the role."""
        before = await database.static_roles(request).get(self.name)
        role = StaticRole() if before is None else replace(before)
        self._check(role, creates=before is None)
        if await database.roles(request).get(self.name) is not None:
            raise BadRequest("Role and Static Role names must be unique")
        self._apply(role)
        config = await database.config(request, role.db_name)
        config.require_allowed(self.name)
        if before is None or before.db_name != role.db_name:
            await take_over(database, request, self.name, role, before)
            if before is None:
                role.data = {"password": self.password or self.self_managed_password}
            if not self._skips(config):
                await rotate(database, request, self.name, role, config, before.db_name if before else "")
                return
        role.next_rotation = role.due_after(role.last_rotation or request.now)
        database.keep_static_role(request, self.name, role, before.next_rotation if before else 0)

    async def delete(self, database: Database, request: Request) -> None:
        """Give the account up. Its password stays as it is in the database, and is forgotten here."""
        role = await database.static_roles(request).get(self.name)
        if role is not None:
            database.drop_static_role(request, self.name, role)

    def _skips(self, config: Config) -> bool:
        given = "skip_import_rotation" in self.given
        return self.skip_import_rotation if given else config.skip_static_role_import_rotation

    def _check(self, role: StaticRole, *, creates: bool) -> None:
        if not self.db_name and (creates or "db_name" in self.given):
            raise BadRequest("database name is a required field")
        if creates and not self.username:
            raise BadRequest("username is a required field to create a static account")
        if not creates and "username" in self.given and self.username != role.username:
            raise BadRequest("cannot update static account username")
        if {"rotation_period", "rotation_schedule"} <= self.given:
            raise BadRequest("rotation_period and rotation_schedule cannot be given together")
        if creates and not {"rotation_period", "rotation_schedule"} & self.given:
            raise BadRequest("rotation_period is required to create static accounts")
        if "rotation_period" in self.given and self.rotation_period < _SHORTEST_PERIOD:
            raise BadRequest(f"rotation_period must be {_SHORTEST_PERIOD} seconds or more")
        if self.rotation_window and self.rotation_window < _SHORTEST_WINDOW:
            raise BadRequest(f"rotation_window must be {_SHORTEST_WINDOW} seconds or more")
        if self.rotation_window and not (
            self.rotation_schedule or (role.rotation_schedule and "rotation_period" not in self.given)
        ):
            raise BadRequest("rotation_window belongs to a rotation_schedule")

    def _apply(self, role: StaticRole) -> None:
        for name in ("username", "db_name", "rotation_window", "rotation_statements"):
            if name in self.given:
                setattr(role, name, getattr(self, name))
        if "rotation_schedule" in self.given:
            parse(self.rotation_schedule)
            role.rotation_schedule, role.rotation_period = self.rotation_schedule, 0
        if "rotation_period" in self.given:
            role.rotation_period, role.rotation_schedule, role.rotation_window = self.rotation_period, "", 0
        if {"credential_type", "credential_config"} & self.given:
            kind = self.credential_type if "credential_type" in self.given else role.recipe.kind
            if role.data and kind != role.recipe.kind:
                raise BadRequest("cannot update static account credential_type")
            role.recipe = recipe(kind, self.credential_config)


class StaticCreds(Path):
    """How an account logs in now."""

    pattern = "static-creds/{name}"
    reader_safe = True
    name: str = path_field("Name of the static role.")

    async def read(self, database: Database, request: Request) -> dict[str, Any]:
        """The credential; it holds for ``ttl`` seconds from now."""
        role = await database.static_roles(request).get(self.name)
        if role is None:
            raise BadRequest(f"unknown role: {self.name}")
        (await database.config(request, role.db_name)).require_allowed(self.name)
        shown: dict[str, Any] = {"username": role.username, **role.data, **role.plan()}
        shown["ttl"] = max(-((request.now - role.next_rotation) // SECOND), 0)
        if role.last_rotation:
            shown["last_vault_rotation"] = rfc3339(role.last_rotation)
        return shown


class RotateRole(Path):
    """A change of an account's password ahead of time."""

    pattern = "rotate-role/{name}"
    name: str = path_field("Name of the static role.")

    async def write(self, database: Database, request: Request) -> None:
        """Change the password now, and plan the next change from here."""
        role = await database.static_roles(request).get(self.name)
        if role is None:
            raise BadRequest("no static role found for role name")
        config = await database.config(request, role.db_name)
        await rotate(database, request, self.name, role, config, role.db_name)
