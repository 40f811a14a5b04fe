"""Connections: which database, by which plugin, as whom, and which roles may use it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.crypto.entropy import base62
from strongroom.eager import settle
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.field import Anything, CommaList, StringList
from strongroom.framework.field import field as path_field
from strongroom.framework.name_template import NameTemplate
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.database.plugin import Settings
from strongroom.secrets.database.plugins import plugin_class

if TYPE_CHECKING:
    from strongroom.secrets.database.engine import Database

_OWN = frozenset({
    "name", "plugin_name", "plugin_version", "verify_connection", "allowed_roles", "root_rotation_statements",
    "password_policy", "username", "password", "skip_static_role_import_rotation",
})  # fmt: skip
_NEVER_SHOWN = frozenset({
    "private_key", "tls_private_key", "tls_certificate_key", "client_key", "pem_bundle", "pem_json",
})  # fmt: skip
_INLINE_PASSWORD = re.compile(
    r"(://[^:/?#@\s]*:)([^@\s]*)(@)|(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s'&;]+)"
)
_INLINE_IN_DSN = re.compile(r"^([^:/@\s]*:)(?!//)(.+)(@[a-z]*(?:\([^()]*\))?/[^/]*)$", re.DOTALL)
"""As in ``user:password@tcp(host)/``."""
_MASK = "xxxxx"
_INVALID = "error creating database object"
_KEPT = "Leases are left that were issued over this connection; it is kept until they have ended."
_INLINE = (
    "Password found in connection_url, use a templated url to enable root rotation and prevent read access "
    "to password information."
)


@dataclass(slots=True)
class Config:
    """A connection as it is stored.

    ``id`` stays the same for as long as leases can be ended over it; ``revision`` is new after each change.
    """

    id: str = ""
    revision: str = ""
    plugin_name: str = ""
    plugin_version: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    details: dict[str, Any] = field(default_factory=dict, repr=False)
    allowed_roles: list[str] = field(default_factory=list)
    root_rotation_statements: list[str] = field(default_factory=list)
    password_policy: str = ""
    skip_static_role_import_rotation: bool = False

    def settings(self) -> Settings:
        """What the plugin is made from. Raises BadRequest for a user where there can be none."""
        if self.self_managed and (self.username or self.password):
            raise BadRequest("self_managed goes without username and password")
        return Settings(self.username, self.password, self.details)

    @property
    def self_managed(self) -> bool:
        """Whether there is no user of its own: accounts of static roles change their passwords themselves."""
        return Settings(details=self.details).flag("self_managed")

    def revised(self, **changes: Any) -> Config:
        """The connection with changes, under a new revision."""
        return replace(self, revision=base62(12), **changes)

    def replaces(self, other: Config) -> bool:
        """Whether this is the same account of the same database as ``other``."""
        return self._account() == other._account()

    def _account(self) -> list[str]:
        place = (str(self.details.get(name, "")) for name in ("connection_url", "url", "host", "port"))
        return [self.plugin_name, self.username, *place]

    def require_allowed(self, role: str) -> None:
        """Raise BadRequest unless the role may use the connection."""
        for allowed in self.allowed_roles:
            if re.fullmatch(".*".join(map(re.escape, allowed.split("*"))), role, re.DOTALL):
                return
        raise BadRequest(f'"{role}" is not an allowed role')

    def username_template(self, default: str = "") -> NameTemplate:
        """How users are named: as configured, else by ``default``, else the plugin's way."""
        given = Settings(details=self.details).text("username_template") or default
        return NameTemplate(given or plugin_class(self.plugin_name).username_template, what="username")


def described(config: Config) -> dict[str, Any]:
    """A connection as it may be shown: without passwords and private keys."""
    details = {name: value for name, value in config.details.items() if name not in _NEVER_SHOWN}
    if config.username:
        details["username"] = config.username
    if isinstance(details.get("connection_url"), str):
        details["connection_url"] = without_password(details["connection_url"])
    return {
        "allowed_roles": config.allowed_roles,
        "connection_details": details,
        "password_policy": config.password_policy,
        "plugin_name": config.plugin_name,
        "plugin_version": config.plugin_version,
        "root_credentials_rotate_statements": config.root_rotation_statements,
        **({"skip_static_role_import_rotation": True} if config.skip_static_role_import_rotation else {}),
    }


def without_password(url: str) -> str:
    """A connection URL with the password in it masked, unless it is a placeholder."""

    def hidden(found: re.Match[str]) -> str:
        before, secret, after = (found[1], found[2], found[3]) if found[1] else (found[4], found[5], "")
        return found[0] if not secret or "{{" in secret else f"{before}{_MASK}{after}"

    def hidden_in_dsn(found: re.Match[str]) -> str:
        return found[0] if "{{" in found[2] else f"{found[1]}{_MASK}{found[3]}"

    return _INLINE_IN_DSN.sub(hidden_in_dsn, _INLINE_PASSWORD.sub(hidden, url))


async def checked(config: Config, *, verify: bool) -> None:
    """Raise BadRequest where a connection cannot be used as it is configured."""
    await settle()
    try:
        plugin = plugin_class(config.plugin_name)(config.settings())
        config.username_template()
        try:
            if verify and not config.self_managed:
                await plugin.verify()
        finally:
            await plugin.close()
    except UpstreamFailed as error:
        raise BadRequest(f"{_INVALID}: error verifying connection: {error.public}") from None
    except BadRequest as error:
        raise BadRequest(f"{_INVALID}: {error.public}", cause=error.cause) from None


class Configs(Path):
    """The connections to databases."""

    pattern = "config/?"
    reader_safe = True
    after: str = path_field("List names that come after this one.", query=True)
    limit: int = path_field("List at most this many names.", query=True)

    async def list(self, database: Database, request: Request) -> list[str]:
        """Names of the connections."""
        return await database.configs(request).list("", self.after, self.limit)


class ConfigPath(Path):
    """A connection to a database.

    Besides the fields named here it takes whatever options its plugin has.
    """

    pattern = "config/{name}"
    reader_safe = True
    free_form = True
    name: str = path_field("Name of the connection.")
    plugin_name: str = path_field("The plugin for this kind of database, such as postgresql-database-plugin.")
    plugin_version: str = path_field("Plugins have no versions of their own; leave this out.")
    verify_connection: bool = path_field("Log in before the connection is stored.", default=True)
    allowed_roles: CommaList = path_field("Roles that may use it; * stands for any part of a name.")
    root_rotation_statements: StringList = path_field("What changes the password of the configured user.")
    password_policy: str = path_field("Password policy for the passwords made here.")
    connection_url: Anything = path_field(
        "Where the database is, with {{username}} and {{password}} in the places of the credentials.",
        sensitive=True,
    )
    skip_static_role_import_rotation: bool = path_field(
        "Leave passwords of new static roles as they are until the first planned change."
    )
    username: str = path_field("Who Strongroom is in the database.")
    password: str = path_field("The password of that user; it is never shown.", sensitive=True)
    private_key: Anything = path_field("Key and certificate for TLS, PEM; never shown.", sensitive=True)
    username_template: Anything = path_field("How users made here are named, a template.")
    max_open_connections: Anything = path_field("Connections to the database at most; 4 by default.")
    max_idle_connections: Anything = path_field("Connections kept open when idle; as many as may be open.")
    max_connection_lifetime: Anything = path_field(
        "After this time a connection is opened anew; 0 for never."
    )
    password_authentication: Anything = path_field(
        "PostgreSQL: with scram-sha-256 the server is sent verifiers instead of passwords."
    )
    self_managed: Anything = path_field(
        "There is no user for it: accounts of static roles log in and change their passwords themselves."
    )
    disable_escaping: Anything = path_field("Credentials are encoded for the URL as they are given.")

    async def exists(self, database: Database, request: Request) -> bool:
        """Whether there is a connection of that name."""
        return await database.configs(request).get(self.name) is not None

    async def read(self, database: Database, request: Request) -> dict[str, Any] | None:
        """The connection, without any password."""
        config = await database.configs(request).get(self.name)
        return None if config is None else described(config)

    async def write(self, database: Database, request: Request) -> Response | None:
        """Create a connection, or change what is given of it; it is tried out first.

        Another plugin makes it another connection: what was issued over the old one is still ended there.
        """
        before = await database.configs(request).get(self.name)
        config = self._merged(before, request)
        if not config.plugin_name:
            raise BadRequest("empty plugin name")
        if self.plugin_version:
            raise BadRequest("only the built-in version of a plugin can be used")
        plugin_class(config.plugin_name)
        await checked(config, verify=self.verify_connection)
        if before is not None and before.plugin_name != config.plugin_name:
            await database.retire(request, before)
            config = replace(config, id=base62(12))
        database.keep_config(request, self.name, config)
        return self._answer(config)

    async def delete(self, database: Database, request: Request) -> Response | None:
        """Remove the connection. While leases need it to end it is kept, out of sight."""
        config = await database.configs(request).get(self.name)
        if config is None:
            return None
        needed = await database.retire(request, config)
        database.configs(request).delete(self.name)
        return Response(warnings=[_KEPT]) if needed else None

    def _merged(self, before: Config | None, request: Request) -> Config:
        config = before or Config(id=base62(12))
        given = {
            name: getattr(self, name)
            for name in _OWN & self.given
            if name not in {"name", "verify_connection"}
        }
        details = config.details | {
            name: float(bytes(value)) if isinstance(value, msgspec.Raw) else value
            for name, value in request.data.items()
            if name not in _OWN
        }
        return config.revised(details=details, **given)

    def _answer(self, config: Config) -> Response | None:
        url = config.details.get("connection_url")
        if not isinstance(url, str) or without_password(url) == url:
            return None
        return Response(warnings=[_INLINE])


class Reset(Path):
    """A fresh start of a connection."""

    pattern = "reset/{name}"
    name: str = path_field("Name of the connection.")

    async def write(self, database: Database, request: Request) -> None:
        """Close what is open to the database; the next request opens it again."""
        config = await database.config(request, self.name)
        await database.clients.drop(config.id)


class Reload(Path):
    """A fresh start of every connection of a plugin."""

    pattern = "reload/{plugin_name}"
    plugin_name: str = path_field("Name of the plugin.")

    async def write(self, database: Database, request: Request) -> dict[str, Any]:
        """Close what is open to databases of that kind; gives the names of the connections."""
        plugin_class(self.plugin_name)
        found = []
        for name in await database.configs(request).list():
            config = await database.configs(request).get(name)
            if config is not None and config.plugin_name == self.plugin_name:
                await database.clients.drop(config.id)
                found.append(name)
        return {"connections": found, "count": len(found)}


class RotateRoot(Path):
    """Another password for the user that Strongroom itself is in the database."""

    pattern = "rotate-root/{name}"
    name: str = path_field("Name of the connection.")

    async def write(self, database: Database, request: Request) -> None:
        """Change the password to one that nobody but Strongroom knows.

        It is noted, set in the database, tried out, and then taken over; whatever fails in between, the
        password that holds is known.
        """
        from strongroom.secrets.database.rotation import rotate_root  # noqa: PLC0415  built upon this module

        await rotate_root(database, request, self.name)
