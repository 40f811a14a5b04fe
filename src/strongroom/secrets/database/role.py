"""Roles: how users are made in a database, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, KVPairs, StringList
from strongroom.framework.field import field as path_field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.database.credential import Recipe, recipe
from strongroom.secrets.database.login import RoleTerms, issue
from strongroom.secrets.database.statement import decoded

if TYPE_CHECKING:
    from strongroom.secrets.database.engine import Database

_STATEMENTS = ("creation_statements", "revocation_statements", "rollback_statements", "renew_statements")


@dataclass(slots=True)
class Role:
    """A role as it is stored; times are seconds."""

    db_name: str = ""
    creation_statements: list[str] = field(default_factory=list)
    revocation_statements: list[str] = field(default_factory=list)
    rollback_statements: list[str] = field(default_factory=list)
    renew_statements: list[str] = field(default_factory=list)
    default_ttl: int = 0
    max_ttl: int = 0
    recipe: Recipe = field(default_factory=Recipe)
    username_template: str = ""

    def terms(self) -> RoleTerms:
        """What the role says of users."""
        return RoleTerms(
            self.db_name,
            decoded(self.creation_statements),
            decoded(self.revocation_statements),
            decoded(self.rollback_statements),
            decoded(self.renew_statements),
            self.default_ttl,
            self.max_ttl,
            self.recipe,
            self.username_template,
        )


class Roles(Path):
    """The roles that users are made for."""

    pattern = "roles/?"
    reader_safe = True
    after: str = path_field("List names that come after this one.", query=True)
    limit: int = path_field("List at most this many names.", query=True)

    async def list(self, database: Database, request: Request) -> list[str]:
        """Names of the roles."""
        return await database.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """A role: reading its ``creds`` makes a user.

    Statements hold ``{{name}}``, ``{{password}}`` and ``{{expiration}}``, each in the quotes that its place
    needs; what is put there is quoted for them. A list of statements runs in one transaction where the
    database has those. A list may also be a text in JSON, and any text may be in base64.
    """

    pattern = "roles/{name}"
    reader_safe = True
    name: str = path_field("Name of the role.")
    db_name: str = path_field("The connection to use.")
    creation_statements: StringList = path_field("What makes a user.")
    revocation_statements: StringList = path_field("What removes it; the plugin's own way without.")
    rollback_statements: StringList = path_field("What removes what a failed creation left.")
    renew_statements: StringList = path_field("What moves its end; the plugin's own way without.")
    default_ttl: Duration = path_field("Time that a user lives; 0 is what the mount says.")
    max_ttl: Duration = path_field("Time that it can be renewed up to; 0 is what the mount says.")
    credential_type: str = path_field(
        "password, rsa_private_key or client_certificate, as the plugin can.", default="password"
    )
    credential_config: KVPairs = path_field(
        "How the credential is made: password_policy; key_bits; key_type, ca_cert, ca_private_key and "
        "common_name_template.",
        sensitive=True,
    )

    async def exists(self, database: Database, request: Request) -> bool:
        """Whether there is a role of that name."""
        return await database.roles(request).get(self.name) is not None

    async def read(self, database: Database, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await database.roles(request).get(self.name)
        return None if role is None else _described(role)

    async def write(self, database: Database, request: Request) -> None:
        """Create a role, or change what is given of it. What was issued keeps its time until renewed."""
        if await database.static_roles(request).get(self.name) is not None:
            raise BadRequest("Role and Static Role names must be unique")
        role = await database.roles(request).get(self.name) or Role()
        self._apply(role)
        if not role.db_name:
            raise BadRequest("database name is required")
        database.roles(request).put(self.name, role)

    async def delete(self, database: Database, request: Request) -> None:
        """Remove the role. What was issued lives on until its lease ends, and cannot be renewed."""
        database.roles(request).delete(self.name)

    def _apply(self, role: Role) -> None:
        for name in (*_STATEMENTS, "db_name", "default_ttl", "max_ttl"):
            if name in self.given:
                setattr(role, name, getattr(self, name))
        if {"credential_type", "credential_config"} & self.given:
            kind = self.credential_type if "credential_type" in self.given else role.recipe.kind
            settings = self.credential_config
            if "credential_config" not in self.given and kind == role.recipe.kind:
                settings = role.recipe.settings
            role.recipe = recipe(kind, settings)


def _described(role: Role) -> dict[str, Any]:
    shown: dict[str, Any] = {
        name: getattr(role, name) for name in (*_STATEMENTS, "db_name", "default_ttl", "max_ttl")
    }
    shown["credential_type"] = role.recipe.kind
    if settings := role.recipe.described():
        shown["credential_config"] = settings
    return shown


class Creds(Path):
    """A user made on demand."""

    pattern = "creds/{name}"
    reads_write = True
    name: str = path_field("Name of the role.")

    async def read(self, database: Database, request: Request) -> Response:
        """Make a user; it is removed when its lease ends."""
        role = await database.roles(request).get(self.name)
        if role is None:
            raise BadRequest(f"unknown role: {self.name}")
        config = await database.config(request, role.db_name)
        config.require_allowed(self.name)
        return await issue(database, request, self.name, role.terms(), config)
