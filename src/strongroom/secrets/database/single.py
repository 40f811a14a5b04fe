"""The old mounts for one database each, ``postgresql`` and ``mysql``: today's engine behind their old paths.

New set-ups use ``database``, which knows more than one connection and changes passwords as well.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any, ClassVar

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.hcl.duration import format_short
from strongroom.logical import Request, Response
from strongroom.secrets.database.connection import Config, checked, without_password
from strongroom.secrets.database.engine import Database
from strongroom.secrets.database.login import RoleTerms, issue
from strongroom.secrets.database.role import Role

_NAME = "connection"
"""The one connection, among the rows of those of ``database``."""


@dataclass(slots=True)
class LeaseTimes:
    """How long users live, in seconds; 0 is what the mount says."""

    lease: int = 0
    lease_max: int = 0


class ConnectionPath(Path):
    """Where the database is."""

    pattern = "config/connection"
    reader_safe = True
    connection_url: str = field("Where the database is, and as whom to log in.", sensitive=True)
    value: str = field("Older name of connection_url.", sensitive=True, deprecated=True)
    verify_connection: bool = field("Log in before it is stored.", default=True)
    max_open_connections: int = field("Connections to the database at most; 4 by default.")
    max_idle_connections: int = field("Connections kept open when idle; as many as may be open.")

    async def read(self, single: Single, request: Request) -> dict[str, Any] | None:
        """Where the database is, without the password."""
        config = await single.configs(request).get(_NAME)
        if config is None:
            return None
        return config.details | {"connection_url": without_password(config.details["connection_url"])}

    async def write(self, single: Single, request: Request) -> None:
        """Store where the database is, once a login has succeeded."""
        url = self.connection_url or self.value
        if not url:
            raise BadRequest("connection_url parameter must be supplied")
        before = await single.configs(request).get(_NAME) or Config(id=base62(12))
        details = {"connection_url": url, "max_open_connections": self.max_open_connections}
        if self.max_idle_connections:
            details["max_idle_connections"] = self.max_idle_connections
        config = before.revised(plugin_name=single.plugin_name, details=details, allowed_roles=["*"])
        await checked(config, verify=self.verify_connection)
        single.keep_config(request, _NAME, config)


class LeasePath(Path):
    """How long users live."""

    pattern = "config/lease"
    reader_safe = True
    lease: Duration = field("Time that a user lives.", required=True)
    lease_max: Duration = field("Time that it can be renewed up to.", required=True)

    async def read(self, single: Single, request: Request) -> dict[str, Any] | None:
        """The times, as durations."""
        times = await single.times(request).get("lease")
        if times is None:
            return None
        return {"lease": format_short(times.lease), "lease_max": format_short(times.lease_max)}

    async def write(self, single: Single, request: Request) -> None:
        """Set the times of what is issued or renewed from now on."""
        single.times(request).put("lease", LeaseTimes(self.lease, self.lease_max))


class SingleRoles(Path):
    """The roles that users are made for."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, single: Single, request: Request) -> list[str]:
        """Names of the roles."""
        return await single.roles(request).list("", self.after, self.limit)


class SingleRole(Path):
    """A role: reading its ``creds`` makes a user."""

    pattern = "roles/{name}"
    reader_safe = True
    name: str = field("Name of the role.")
    sql: str = field(
        "What makes a user, with {{name}}, {{password}} and {{expiration}} in quotes.", required=True
    )
    revocation_sql: str = field("What removes it; the plugin's own way without.")
    rolename_length: int = field("MySQL: characters of the role's name in a user's.", default=4)
    displayname_length: int = field("MySQL: characters of the caller's display name in it.", default=4)
    username_length: int = field("MySQL: length of a user's name.", default=32)

    async def read(self, single: Single, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await single.roles(request).get(self.name)
        if role is None:
            return None
        return {
            "sql": "".join(role.creation_statements),
            "revocation_sql": "".join(role.revocation_statements),
        }

    async def write(self, single: Single, request: Request) -> None:
        """Create or replace the role."""
        if min(self.rolename_length, self.displayname_length, self.username_length) < 1:
            raise BadRequest("lengths of names have to be 1 or more")
        revocation = [self.revocation_sql] if self.revocation_sql else []
        template = single.names(self.rolename_length, self.displayname_length, self.username_length)
        role = Role(_NAME, [self.sql], revocation, username_template=template)
        single.roles(request).put(self.name, role)

    async def delete(self, single: Single, request: Request) -> None:
        """Remove the role. What was issued lives on until its lease ends, and cannot be renewed."""
        single.roles(request).delete(self.name)


class SingleCreds(Path):
    """A user made on demand."""

    pattern = "creds/{name}"
    reads_write = True
    name: str = field("Name of the role.")

    async def read(self, single: Single, request: Request) -> Response:
        """Make a user; it is removed when its lease ends."""
        role = await single.role_terms(request, self.name)
        if role is None:
            raise BadRequest(f"unknown role: {self.name}")
        config = await single.configs(request).get(_NAME)
        if config is None:
            raise BadRequest("configure the DB connection with config/connection first")
        return await issue(single, request, self.name, role, config)


class Single(Database):
    """Users of one database, made on demand. The older form of the database engine."""

    plugin_name: ClassVar[str] = ""
    paths: ClassVar[tuple[builtins.type[Path], ...]] = (
        ConnectionPath,
        LeasePath,
        SingleRoles,
        SingleRole,
        SingleCreds,
    )
    times = stored(LeaseTimes, under="times/")

    def names(self, role: int, display: int, length: int) -> str:
        """The template for the names of users."""
        return '{{ printf "%s-%s" (.DisplayName | truncate 26) (uuid) }}'

    async def role_terms(self, request: Request, name: str) -> RoleTerms | None:
        """What role and mount say of users now."""
        role = await self.roles(request).get(name)
        if role is None:
            return None
        times = await self.times(request).get("lease") or LeaseTimes()
        role.default_ttl, role.max_ttl = times.lease, times.lease_max
        return role.terms()


class PostgreSQL(Single):
    """Users of one PostgreSQL, made on demand. The older form of the database engine."""

    type: ClassVar[str] = "postgresql"
    plugin_name: ClassVar[str] = "postgresql-database-plugin"


class MySQL(Single):
    """Users of one MySQL or MariaDB, made on demand. The older form of the database engine."""

    type: ClassVar[str] = "mysql"
    plugin_name: ClassVar[str] = "mysql-database-plugin"

    def names(self, role: int, display: int, length: int) -> str:
        """The template for the names of users."""
        parts = f"(.RoleName | truncate {role}) (.DisplayName | truncate {display}) (uuid)"
        return f'{{{{ printf "%s-%s-%s" {parts} | truncate {length} }}}}'
