"""MongoDB: users of its databases.

Needs ``pip install strongroom[mongodb]``. The statement of a role is a JSON object: the database that has the
user, and its roles, ``{"db": "admin", "roles": [{"role": "read", "db": "shop"}]}``.
"""

from __future__ import annotations

import asyncio
import os
import re
import warnings
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

import msgspec
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from strongroom.errors import BadRequest, Internal, UpstreamFailed
from strongroom.secrets.database.plugin import (
    LONGEST,
    PASSWORD,
    PATIENCE,
    Credential,
    NewUser,
    Refused,
    Settings,
    masked,
)
from strongroom.secrets.database.pool import Bounds

_URL = re.compile(r"(?P<before>mongodb(?:\+srv)?://)(?:(?P<who>[^/]*)@)?(?P<after>[^@]*)", re.DOTALL)
_FILES = ("tlscafile", "tlscertificatekeyfile", "tlscrlfile", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_MECHANISMS = frozenset({"SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN", "MONGODB-X509", "DEFAULT"})
"""Ways to log in that use nothing of the machine that the server runs on."""

_NOT_AUTHENTICATED, _USER_NOT_FOUND = 18, 11
_UNREACHED = frozenset(
    {6, 7, 43, 50, 64, 79, 89, 91, 100, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
)
"""Codes that tell of the server or its replicas, not of the command."""

Client = AsyncMongoClient[dict[str, Any]]


class MongoDB:
    """One server or replica set, and what can be done there."""

    credential_types: ClassVar[frozenset[str]] = frozenset({PASSWORD})
    username_template: ClassVar[str] = (
        '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) '
        '(unix_time) | replace "." "-" | truncate 100 }}'
    )

    def __init__(self, settings: Settings) -> None:
        self._place = _place(settings)
        self._concern = _concern(settings.text("write_concern"))
        self._most = Bounds.of(settings).most
        self._ca, self._certificate = settings.text("tls_ca"), settings.text("tls_certificate_key")
        for name, pem in (("tls_ca", self._ca), ("tls_certificate_key", self._certificate)):
            if pem and "-----BEGIN" not in pem:
                raise BadRequest(f"{name} is not valid PEM")
        self._client: Client | None = self._configured()
        self._used, self._closed = 0, False

    # -- what the engine asks for --------------------------------------------------------------

    async def verify(self) -> None:
        """Log in as configured."""
        await self._run("admin", {"ping": 1})

    async def close(self) -> None:
        """Close every connection; those in use when they are used no more."""
        self._closed = True
        await self._end()

    async def exists(self, username: str) -> bool:
        """Whether any database has a user of that name."""
        return bool(await self._databases(username))

    async def create(self, user: NewUser) -> None:
        """Make a user in the database that the role names, with its roles."""
        wanted = _wanted(user.statements)
        command = {"createUser": user.username, "pwd": user.credential.password, "roles": wanted.granted()}
        await self._run(wanted.db, command | self._concern, user.credential.password)

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Give a user that is there another password, in the database that logins are checked by."""
        command = {"updateUser": username, "pwd": credential.password}
        await self._run(self._place.source, command | self._concern, credential.password)

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove a user from the database that the role names, else from all; one that is gone is fine."""
        databases = [_wanted(statements, roles=False).db] if statements else await self._databases(username)
        for database in databases:
            try:
                await self._run(database, {"dropUser": username} | self._concern)
            except _Gone:
                continue

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the server lets a user in with a password."""
        client = self._connected(username, password, 1)
        try:
            await self._run("admin", {"ping": 1}, password, client)
        except _Shut:
            return False
        finally:
            await client.close()
        return True

    # -- commands ------------------------------------------------------------------------------

    async def _databases(self, username: str) -> list[str]:
        """The databases that have a user of that name."""
        found = await self._run("admin", {"usersInfo": {"forAllDBs": True}, "filter": {"user": username}})
        return [user["db"] for user in found["users"]]

    async def _run(
        self, database: str, command: dict[str, Any], secret: str = "", client: Client | None = None
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(LONGEST):
                if client is not None:
                    return await client[database].command(command)
                async with self._using() as own:
                    return await own[database].command(command)
        except TimeoutError:
            raise UpstreamFailed("the database did not answer in time") from None
        except OperationFailure as error:
            raise _judged(error, secret) from None
        except (PyMongoError, ValueError) as error:
            said = masked(str(error).partition(", Timeout:")[0], self._place.password, sent=secret)
            raise UpstreamFailed(f"the database cannot be reached: {said}") from None

    # -- connections ---------------------------------------------------------------------------

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[Client]:
        """The client, also after it was closed: it is closed again when nobody uses it."""
        if self._client is None:
            self._client = self._configured()
        self._used += 1
        try:
            yield self._client
        finally:
            self._used -= 1
            await self._end()

    async def _end(self) -> None:
        if self._closed and not self._used and self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _configured(self) -> Client:
        return self._connected(self._place.username, self._place.password, self._most)

    def _connected(self, username: str, password: str, most: int) -> Client:
        """A client that connects when it is first used. Raises BadRequest for options that cannot be."""
        who: dict[str, Any] = {}
        if username:
            who = {"username": username, "password": password, "authSource": self._place.source}
        try:
            with (
                _files(self._ca, self._certificate) as files,
                warnings.catch_warnings(action="error", category=UserWarning),
            ):
                return AsyncMongoClient(
                    self._place.url,
                    **who,
                    **files,
                    appname="strongroom",
                    maxPoolSize=most,
                    retryWrites=False,
                    serverSelectionTimeoutMS=int(PATIENCE * 1000),
                    connectTimeoutMS=int(PATIENCE * 1000),
                    socketTimeoutMS=int(LONGEST * 1000),
                )
        except (InvalidURI, ConfigurationError, ValueError, OSError, UserWarning) as error:
            raise BadRequest(f"invalid connection_url: {masked(str(error), password)}") from None


class _Shut(UpstreamFailed):
    """The server does not let the user in."""


class _Gone(Refused):
    """There is no such user."""


def _judged(error: OperationFailure, secret: str) -> Exception:
    """What an answer of the server's means to the engine."""
    said = masked(str((error.details or {}).get("errmsg", "")), sent=secret)
    if error.code == _NOT_AUTHENTICATED:
        return _Shut("the database does not let the user in")
    if error.code in _UNREACHED or error.code is None:
        return UpstreamFailed(f"the database failed: {said}")
    return (_Gone if error.code == _USER_NOT_FOUND else Refused)(f"the database refused it: {said}")


# -- options ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the servers are; ``source`` is the database that logins are checked by."""

    url: str
    username: str
    password: str = field(repr=False)
    source: str = "admin"


def _place(settings: Settings) -> _Place:
    """The place in ``connection_url``. Raises BadRequest.

    It is taken apart before the credentials are put in, so nothing in them can add to it.
    """
    url = settings.text("connection_url")
    if not url:
        raise BadRequest("connection_url cannot be empty")
    if any("{{" in value for value in (settings.username, settings.password)):
        raise BadRequest("username and/or password cannot contain the template variables")
    found = _URL.fullmatch(url)
    if found is None:
        raise BadRequest("invalid connection_url: mongodb://host/ is expected")
    user, _, password = (found["who"] or "").partition(":")
    hosts, _, query = found["after"].partition("?")
    database = unquote(hosts.partition("/")[2])
    options = {name.lower(): value for name, value in parse_qsl(query)}
    if any(name in options for name in _FILES):
        raise BadRequest("invalid connection_url: certificates are given as tls_ca and tls_certificate_key")
    if options.get("authmechanism", "DEFAULT") not in _MECHANISMS:
        raise BadRequest("invalid connection_url: that authMechanism is not used here")
    return _Place(
        found["before"] + found["after"],
        _filled(user, settings),
        _filled(password, settings),
        options.get("authsource") or database or "admin",
    )


def _filled(text: str, settings: Settings) -> str:
    values = {"{{username}}": settings.username, "{{password}}": settings.password}
    return values.get(text, unquote(text))


def _concern(text: str) -> dict[str, Any]:
    """What ``write_concern`` adds to a command: JSON, or the same in base64. Raises BadRequest."""
    if not text:
        return {}
    try:
        plain = text if text.lstrip().startswith("{") else b64decode(text, validate=True).decode()
        given = msgspec.json.decode(plain, type=_Concern)
    except (msgspec.DecodeError, ValueError):
        raise BadRequest("invalid write_concern: a JSON object is expected") from None
    named: dict[str, Any] = {"w": given.wmode or given.w, "wtimeout": given.wtimeout, "j": given.j}
    return {"writeConcern": {name: value for name, value in named.items() if value}}


class _Concern(msgspec.Struct):
    w: int | str = 0
    wmode: str = ""
    wtimeout: int = 0
    j: bool = False


class _Role(msgspec.Struct):
    role: str
    db: str = ""


class _Wanted(msgspec.Struct):
    """What a role of the engine says of users."""

    db: str = "admin"
    roles: list[_Role | str] = msgspec.field(default_factory=list)

    def granted(self) -> list[Any]:
        """The roles as the server wants them: those of the user's own database by name alone."""
        named = (role if isinstance(role, _Role) else _Role(role) for role in self.roles)
        return [{"role": role.role, "db": role.db} if role.db else role.role for role in named]


def _wanted(statements: list[str], *, roles: bool = True) -> _Wanted:
    if len(statements) != 1:
        raise BadRequest("statements are one JSON object" if statements else "empty creation statements")
    try:
        wanted = msgspec.json.decode(statements[0], type=_Wanted)
    except (msgspec.DecodeError, UnicodeError):
        raise BadRequest("statements are a JSON object of db and roles") from None
    if roles and not wanted.roles:
        raise BadRequest("roles array is required in creation statement")
    wanted.db = wanted.db or "admin"
    return wanted


@contextmanager
def _files(ca: str, certificate: str) -> Iterator[dict[str, Any]]:
    """Options that name files with these PEM texts, which are on no disk and gone afterwards."""
    descriptors: list[int] = []
    options: dict[str, Any] = {}
    try:
        for name, pem in (("tlsCAFile", ca), ("tlsCertificateKeyFile", certificate)):
            if pem:
                descriptors.append(_held(pem))
                options |= {"tls": True, name: f"/proc/self/fd/{descriptors[-1]}"}
        yield options
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _held(pem: str) -> int:
    try:
        descriptor = os.memfd_create("certificate")
    except (AttributeError, OSError):
        raise Internal(cause="certificates need memfd_create, which Linux has") from None
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(pem.encode())
    return descriptor
