"""RabbitMQ: a user per request, with the permissions of a role, deleted when its lease ends.

Give the engine a RabbitMQ user with the tag ``administrator`` and the address of the management plugin,
write roles, and read ``creds/<role>``. RabbitMQ closes the connections of a user that is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from dataclasses import field as item
from typing import Any, ClassVar, TypeVar

import msgspec

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.backend import Backend
from strongroom.framework.field import Duration, field
from strongroom.framework.lease import Leased, Terms, issued
from strongroom.framework.name_template import NameTemplate
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request, Response
from strongroom.upstream.http import Answer, Target, basic, segment, send

DEFAULT_TEMPLATE = '{{ printf "%s-%s" (.DisplayName) (uuid) }}'
_PASSWORD_LENGTH = 36
_MAX_NAME = 255
"""Bytes of a name in AMQP."""

T = TypeVar("T")


@dataclass(slots=True)
class Connection:
    """Where RabbitMQ's management API is, and who administers it."""

    uri: str
    username: str
    password: str
    username_template: str = ""
    password_policy: str = ""

    async def call(self, method: str, *path: str, json: Any = None) -> Answer:
        """One call of the management API; ``path`` is the segments after ``/api``."""
        target = Target("RabbitMQ", self.uri)
        where = "/api/" + "/".join(segment(part) for part in path)
        return await send(target, method, where, headers=basic(self.username, self.password), json=json)


@dataclass(slots=True)
class LeaseTimes:
    """How long users live, in seconds; 0 is the mount's own."""

    ttl: int = 0
    max_ttl: int = 0


@dataclass(slots=True)
class Permissions:
    """Regular expressions for the names of what a user may configure, write to and read in a vhost."""

    configure: str = ""
    write: str = ""
    read: str = ""


@dataclass(slots=True)
class TopicPermissions:
    """Regular expressions for the routing keys a user may publish with and consume by, at an exchange."""

    write: str = ""
    read: str = ""


@dataclass(slots=True)
class Role:
    """What the users of a role may do."""

    tags: str = ""
    vhosts: dict[str, Permissions] = item(default_factory=dict)
    vhost_topics: dict[str, dict[str, TopicPermissions]] = item(default_factory=dict)

    def grants(self, username: str) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        """The calls that give a user what the role allows: path and body of each."""
        for vhost, permissions in self.vhosts.items():
            yield ("permissions", vhost, username), asdict(permissions)
        for vhost, exchanges in self.vhost_topics.items():
            for exchange, topics in exchanges.items():
                yield ("topic-permissions", vhost, username), {"exchange": exchange, **asdict(topics)}


@dataclass(slots=True)
class User(Leased):
    """A user in RabbitMQ."""

    kind = "creds"
    username: str

    @property
    def target(self) -> str:
        """There is one broker a mount."""
        return "rabbitmq"

    async def renew(self, engine: RabbitMQ, request: Request, terms: Terms) -> None:
        """Extend it by what the lease settings say now."""
        times = await engine.times(request).get("lease") or LeaseTimes()
        terms.ttl, terms.max_ttl = times.ttl, times.max_ttl

    async def revoke(self, engine: RabbitMQ, request: Request) -> None:
        """Delete the user; one that is gone already is fine."""
        await engine.remove(request, self.username)


class ConnectionPath(Path):
    """How to reach RabbitMQ. It cannot be read back."""

    pattern = "config/connection"
    connection_uri: str = field("Address of the management API, as https://rabbit.example:15671.")
    username: str = field("A RabbitMQ user with the tag administrator.")
    password: str = field("The user's password.", sensitive=True)
    verify_connection: bool = field("Try the credentials before they are stored.", default=True)
    password_policy: str = field("Password policy for new users; without one 36 letters and digits.")
    username_template: str = field(
        "Names of new users, in the template language of names; .DisplayName and .RoleName are known."
    )

    async def write(self, engine: RabbitMQ, request: Request) -> None:
        """Store the connection, once RabbitMQ has let it in."""
        for name in ("connection_uri", "username", "password"):
            if not getattr(self, name):
                raise BadRequest(f"missing {name}")
        connection = Connection(
            self.connection_uri, self.username, self.password, self.username_template, self.password_policy
        )
        Target("RabbitMQ", connection.uri).check()
        NameTemplate(connection.username_template, what="username")
        if self.verify_connection:
            await _verify(connection)
        engine.connections(request).put("connection", connection)


async def _verify(connection: Connection) -> None:
    answer = await connection.call("GET", "whoami")
    if answer.status in {401, 403}:
        raise BadRequest("failed to validate the connection: RabbitMQ refused the credentials")
    if not answer.ok:
        raise answer.failed("validating the connection")
    tags = answer.json().get("tags", [])
    if "administrator" not in (tags.split(",") if isinstance(tags, str) else tags):
        raise BadRequest("failed to validate the connection: the user lacks the tag administrator")


class LeasePath(Path):
    """How long the users of all roles live."""

    pattern = "config/lease"
    ttl: Duration = field("Time to live of a user; 0 is the mount's own.")
    max_ttl: Duration = field("Longest time to live of a user, renewals included; 0 is the mount's own.")

    async def read(self, engine: RabbitMQ, request: Request) -> LeaseTimes | None:
        """The times, in seconds."""
        return await engine.times(request).get("lease")

    async def write(self, engine: RabbitMQ, request: Request) -> None:
        """Set both times. Users that are there keep theirs until they are renewed."""
        engine.times(request).put("lease", LeaseTimes(self.ttl, self.max_ttl))


class Roles(Path):
    """The roles there are."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, engine: RabbitMQ, request: Request) -> list[str]:
        """Names of the roles."""
        return await engine.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """A role: what its users may do in RabbitMQ."""

    pattern = "roles/{name}"
    reader_safe = True
    name: str = field("Name of the role.")
    tags: str = field("Tags of the users, separated by commas: management, monitoring, administrator ...")
    vhosts: str = field(
        'Permissions by vhost, a JSON text: {"/": {"configure": "", "write": ".*", "read": ".*"}}.'
    )
    vhost_topics: str = field(
        "Permissions by vhost and topic exchange, a JSON text: "
        '{"/": {"amq.topic": {"write": ".*", "read": ".*"}}}.'
    )

    async def read(self, engine: RabbitMQ, request: Request) -> Role | None:
        """The role; its permissions as objects."""
        return await engine.roles(request).get(self.name)

    async def write(self, engine: RabbitMQ, request: Request) -> None:
        """Create or replace the role. Users that are there keep what they have."""
        if not (self.tags or self.vhosts):
            raise BadRequest("both tags and vhosts not specified")
        vhosts = _decoded("vhosts", self.vhosts, dict[str, Permissions | None])
        topics = _decoded("vhost_topics", self.vhost_topics, dict[str, dict[str, TopicPermissions | None]])
        role = Role(
            self.tags,
            {vhost: permissions or Permissions() for vhost, permissions in vhosts.items()},
            {
                vhost: {exchange: topic or TopicPermissions() for exchange, topic in exchanges.items()}
                for vhost, exchanges in topics.items()
            },
        )
        engine.roles(request).put(self.name, role)

    async def delete(self, engine: RabbitMQ, request: Request) -> None:
        """Remove the role. Users that are there stay until their leases end."""
        engine.roles(request).delete(self.name)


def _decoded(name: str, text: str, kind: type[dict[str, T]]) -> dict[str, T]:
    """An object from a text; no text and null are empty ones."""
    if text.strip() in {"", "null"}:
        return {}
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:  # says what was expected and where, and quotes nothing
        raise BadRequest(f"failed to unmarshal {name}: {error}") from None


class Creds(Path):
    """Credentials of a role."""

    pattern = "creds/{name}"
    reads_write = True
    name: str = field("Name of the role.")

    async def read(self, engine: RabbitMQ, request: Request) -> Response:
        """Make a user. Answers ``username`` and ``password``, with a lease that deletes the user."""
        role = await engine.roles(request).get(self.name)
        if role is None:
            raise BadRequest(f"unknown role: {self.name}")
        connection = await engine.connection(request)
        username = await _free_name(connection, self.name, request)
        password = await _password(engine, connection, request)
        async with request.undo("user", {"username": username}):
            await _create(connection, role, username, password)
        times = await engine.times(request).get("lease") or LeaseTimes()
        credentials = {"username": username, "password": password}
        return issued(credentials, User(username), ttl=times.ttl, max_ttl=times.max_ttl)


async def _free_name(connection: Connection, role: str, request: Request) -> str:
    """A name that no user has: whoever is there must be neither changed nor, later on, deleted."""
    template = NameTemplate(connection.username_template or DEFAULT_TEMPLATE, what="username")
    display_name = request.entry.display_name if request.entry is not None else ""
    name = template.render(request.now, display_name=display_name, role_name=role)
    if not 0 < len(name.encode()) <= _MAX_NAME:
        raise BadRequest(f"the username template makes a name that has not 1 to {_MAX_NAME} bytes")
    answer = await connection.call("GET", "users", name)
    if answer.status == 404:
        return name
    if answer.ok:
        raise BadRequest("the username template makes the name of a user that is there already")
    raise answer.failed("looking for the user")


async def _password(engine: RabbitMQ, connection: Connection, request: Request) -> str:
    if not connection.password_policy:
        return base62(_PASSWORD_LENGTH)
    made: str = await engine.core.new_password(request, connection.password_policy)
    return made


async def _create(connection: Connection, role: Role, username: str, password: str) -> None:
    answer = await connection.call("PUT", "users", username, json={"password": password, "tags": role.tags})
    if not answer.ok:
        raise answer.failed("creating the user")
    for path, body in role.grants(username):
        answer = await connection.call("PUT", *path, json=body)
        if answer.status in {400, 404}:
            raise BadRequest("RabbitMQ refused the permissions: a vhost is not there, or a pattern is wrong")
        if not answer.ok:
            raise answer.failed("granting permissions")


class RabbitMQ(Backend):
    """Users of RabbitMQ, made on demand and deleted when their lease ends."""

    type: ClassVar[str] = "rabbitmq"
    paths = (ConnectionPath, LeasePath, Roles, RolePath, Creds)
    leases = (User,)
    connections = stored(Connection, under="config/")
    times = stored(LeaseTimes, under="config/")
    roles = stored(Role, under="role/")

    async def connection(self, request: Request) -> Connection:
        """The configured connection. Raises BadRequest without one."""
        connection = await self.connections(request).get("connection")
        if connection is None:
            raise BadRequest("no connection is configured: write config/connection first")
        return connection

    async def remove(self, request: Request, username: str) -> None:
        """Delete a user, if it is there. Raises UpstreamFailed when RabbitMQ does not do it."""
        connection = await self.connections(request).get("connection")
        if connection is None:
            raise UpstreamFailed("no connection to RabbitMQ is configured")
        answer = await connection.call("DELETE", "users", username)
        if not answer.ok and answer.status != 404:
            raise answer.failed("deleting the user")

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Delete a user whose credentials nobody got."""
        await self.remove(request, data["username"])
