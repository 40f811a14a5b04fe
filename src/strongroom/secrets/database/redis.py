"""Redis and Valkey: users are those of the ACL.

Needs ``pip install strongroom[redis]``. The server is sent hashes, and no password of a user. What the
server has in its ACL is gone when it starts again, unless ``persistence_mode`` has it written down.
"""

from __future__ import annotations

import asyncio
import hashlib
import select
import ssl
from typing import Any, ClassVar

from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from strongroom.errors import BadRequest, UpstreamFailed
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
from strongroom.secrets.database.pool import Bounds, Pool
from strongroom.upstream.tls import context

_RULES = ("~*", "+@read")
"""What a user may do when the role does not say it."""
_PERSISTENCE = {"": (), "NONE": (), "ACLFILE": ("ACL", "SAVE"), "REWRITE": ("CONFIG", "REWRITE")}
_UNREACHED = ("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "READONLY", "MISCONF", "OOM", "NOREPLICAS")
"""First words of errors that tell of the server, not of the command."""


class Redis:
    """One connection's pool, and what can be done over it."""

    credential_types: ClassVar[frozenset[str]] = frozenset({PASSWORD})
    username_template: ClassVar[str] = (
        '{{ printf "V_%s_%s_%s_%s" (.DisplayName | uppercase | truncate 64) '
        "(.RoleName | uppercase | truncate 64) (random 20 | uppercase) (unix_time) | truncate 160 }}"
    )

    def __init__(self, settings: Settings) -> None:
        for name in ("host", "username", "password"):
            if not (settings.text(name) if name == "host" else getattr(settings, name)):
                raise BadRequest(f"{name} cannot be empty")
        self._host, self._port = settings.text("host"), settings.number("port")
        if not 0 < self._port < 65_536:
            raise BadRequest("port cannot be empty" if not self._port else "invalid port")
        self._username, self._password = settings.username, settings.password
        self._tls = _tls(settings)
        mode = settings.text("persistence_mode")
        if mode.upper() not in _PERSISTENCE:
            raise BadRequest("invalid persistence_mode: ACLFILE, REWRITE or NONE is expected")
        self._keeping = _PERSISTENCE[mode.upper()]
        self._pool: Pool[_Wire] = Pool(
            Bounds.of(settings), open=self._open, close=_close, usable=_Wire.usable
        )

    # -- what the engine asks for --------------------------------------------------------------

    async def verify(self) -> None:
        """Log in as configured."""
        async with self._pool.connection():
            pass

    async def close(self) -> None:
        """Close every connection; those in use when they are given back."""
        await self._pool.close()

    async def exists(self, username: str) -> bool:
        """Whether the ACL has a user of that name."""
        async with self._pool.connection() as connection:
            return await self._has(connection, username)

    async def create(self, user: NewUser) -> None:
        """Make a user with the rules of the role; no rule can give it another password, or none."""
        rules = _rules(user.statements)
        async with self._pool.connection() as connection:
            if await self._has(connection, user.username):
                raise Refused("a user of that name is there already")
            await self._set(connection, user.username, *rules, *_proof(user.credential), "on")
            try:
                await self._keep(connection)
            except Refused:
                await self._send(connection, "ACL", "DELUSER", user.username)
                raise

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Give a user that is there another password, in place of all it has."""
        async with self._pool.connection() as connection:
            if not await self._has(connection, username):
                raise Refused("there is no user of that name")
            await self._set(connection, username, *_proof(credential))
            try:
                await self._keep(connection)
            except Refused as error:
                raise UpstreamFailed(
                    f"the password was changed, and not written down: {error.public}"
                ) from None

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove a user, which ends its sessions; one that is gone is fine."""
        async with self._pool.connection() as connection:
            await self._send(connection, "ACL", "DELUSER", username)
            await self._keep(connection)

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the server lets a user in with a password."""
        try:
            connection = await self._reach(username, password)
        except _Shut:
            return False
        await _close(connection)
        return True

    # -- commands ------------------------------------------------------------------------------

    async def _has(self, connection: _Wire, username: str) -> bool:
        return await self._send(connection, "ACL", "GETUSER", username) is not None

    async def _set(self, connection: _Wire, username: str, *rules: str) -> None:
        await self._send(connection, "ACL", "SETUSER", username, *rules)

    async def _keep(self, connection: _Wire) -> None:
        """Have the server write its users down."""
        if self._keeping:
            await self._send(connection, *self._keeping)

    async def _send(self, connection: _Wire, *words: str) -> Any:
        try:
            async with asyncio.timeout(LONGEST):
                await connection.send_command(*words, check_health=False)
                return await connection.read_response(disconnect_on_error=False)
        except ResponseError as error:
            said = str(error)  # of words that were sent, in which there are hashes only
            if said.startswith(_UNREACHED):
                raise UpstreamFailed(f"the database failed: {said}") from None
            raise Refused(f"the database refused it: {said}") from None
        except (RedisError, OSError, TimeoutError):
            await _close(connection)
            raise UpstreamFailed("the database did not answer") from None
        except BaseException:
            await _close(connection)  # an answer that nobody waits for any more would be taken for the next
            raise

    # -- connections ---------------------------------------------------------------------------

    async def _open(self) -> _Wire:
        return await self._reach(self._username, self._password)

    async def _reach(self, username: str, password: str) -> _Wire:
        connection = _Wire(self._tls, host=self._host, port=self._port, username=username, password=password)
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.connect()  # type: ignore[no-untyped-call]
        except AuthenticationError as error:
            raise _Shut(masked(str(error), password)) from None
        except TimeoutError:
            raise UpstreamFailed("the database did not answer in time") from None
        except (RedisError, OSError) as error:
            raise UpstreamFailed(f"the database cannot be reached: {masked(str(error), password)}") from None
        except BaseException:
            await _close(connection)
            raise
        return connection


class _Shut(UpstreamFailed):
    """The server does not let the user in."""


class _Wire(Connection):
    """A connection that says who it is and nothing else, and tries everything once."""

    def __init__(self, tls: ssl.SSLContext | None, **place: Any) -> None:
        self._tls = tls
        super().__init__(
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=LONGEST,
            socket_connect_timeout=PATIENCE,
            **place,
        )

    def usable(self) -> bool:
        """Whether it can be used again; a server that hung up has made its socket readable."""
        if not self.is_connected or self._writer is None or self._reader is None or self._reader.at_eof():
            return False
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def _connection_arguments(self) -> dict[str, Any]:
        arguments = dict(super()._connection_arguments())
        return arguments | {"ssl": self._tls} if self._tls is not None else arguments


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.flag("tls"):
        return None
    return context("the database", ca=settings.text("ca_cert"), verify=not settings.flag("insecure_tls"))


def _proof(credential: Credential) -> tuple[str, str]:
    """The rules that have a user log in with a password, and with nothing else."""
    return "resetpass", "#" + hashlib.sha256(credential.password.encode()).hexdigest()


def _rules(statements: list[str]) -> list[str]:
    """The rules that a role gives: each statement is one."""
    found = [text for text in map(str.strip, statements) if text]
    if any(text.startswith("[") for text in found):
        raise BadRequest("creation_statements are rules of the ACL, or a JSON list of them")
    return found or list(_RULES)


async def _close(connection: _Wire) -> None:
    await connection.disconnect(nowait=True)
