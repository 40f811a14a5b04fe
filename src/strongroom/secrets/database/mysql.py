"""MySQL and MariaDB: users are accounts of any host.

Needs ``pip install strongroom[mysql]``. A statement may hold several, separated by ``;``. The server makes
no transaction of changes of accounts: what fails in the middle is taken back here.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import pymysql

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import SECOND
from strongroom.secrets.database.dsn import DSN, dsn
from strongroom.secrets.database.mysql_wire import Wire, working
from strongroom.secrets.database.plugin import (
    PASSWORD,
    PATIENCE,
    Credential,
    NewUser,
    Refused,
    Settings,
    masked,
)
from strongroom.secrets.database.pool import Bounds, Pool
from strongroom.secrets.database.statement import Dialect, fill, split
from strongroom.upstream.tls import context

Result = TypeVar("Result")

_DIALECT = Dialect(identifiers="`", strings="'\"", backslashes=True, hash_comments=True, spaced_dashes=True)
_SET_PASSWORD = "ALTER USER {account} IDENTIFIED BY '{{{{password}}}}'"

_UNREACHED = frozenset({1040, 1053, 1077, 1080, 1129, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1203, 1927})
"""Errors that tell of the server or the wire, not of the statement."""
_AGAIN = frozenset({1205, 1213, 1317, 1969, 3024})
"""Errors of a statement that was in somebody's way, or took too long."""
_DENIED = frozenset({1044, 1142, 1143, 1227})
"""Errors that say which right is missing."""
_WRONG = frozenset({1045, 1130, 1131, 1251, 1275, 1698, 3118, 3878, 4151})
"""Errors of a login that is refused: password, host, way to log in, account that is locked."""
_NO_SUCH_ACCOUNT = 1396


class MySQL:
    """One connection's pool, and what can be done over it."""

    credential_types: ClassVar[frozenset[str]] = frozenset({PASSWORD})
    username_template: ClassVar[str] = (
        '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 10) (.RoleName | truncate 10) (random 20) '
        "(unix_time) | truncate 32 }}"
    )

    def __init__(self, settings: Settings) -> None:
        self._place = dsn(settings)
        self._tls = _tls(settings, self._place)
        self._server_name = settings.text("tls_server_name")
        bounds = Bounds.of(settings)
        self._most = bounds.most
        self._threads = self._new_threads()
        self._pool: Pool[Wire] = Pool(bounds, open=self._open, close=_close, usable=Wire.usable)

    # -- what the engine asks for --------------------------------------------------------------

    async def verify(self) -> None:
        """Log in as configured."""
        async with self._pool.connection():
            pass

    async def close(self) -> None:
        """Close every connection; those in use when they are given back."""
        await self._pool.close()
        threads, self._threads = self._threads, self._new_threads()
        threads.shutdown(wait=False)

    async def exists(self, username: str) -> bool:
        """Whether there is an account of that name, at any host."""
        async with self._pool.connection() as wire:
            return bool(await self._hosts(wire, username))

    async def create(self, user: NewUser) -> None:
        """Make a user by the operator's statements. When one is refused, what the others made is removed."""
        if not user.statements:
            raise BadRequest("empty creation statements")
        values = _values(user.username, user.credential.password, user.expiration)
        async with self._pool.connection() as wire:
            try:
                await self._execute(wire, user.statements, values)
            except _Halfway as halfway:
                try:
                    await self._remove(wire, user.username, user.rollback)
                except Refused as error:
                    raise UpstreamFailed(f"{halfway.public}; what was made is left: {error.public}") from None
                raise Refused(halfway.public) from None

    async def extend(self, username: str, expiration: int, statements: list[str]) -> None:
        """Run the operator's statements; accounts have no end of their own that would have to be moved."""
        if statements:
            async with self._pool.connection() as wire:
                await self._execute(wire, statements, _values(username, "", expiration))

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Give an account that is there another password: that of any host, or without it those there are."""
        if credential.kind != PASSWORD:
            raise BadRequest(f'unsupported credential_type: "{credential.kind}"')
        async with self._pool.connection() as wire:
            if not statements:
                hosts = await self._hosts(wire, username)
                if hosts is None or "%" in hosts:
                    hosts = ["%"]
                accounts = [self._account(wire, username, host) for host in hosts]
                statements = [_SET_PASSWORD.format(account=account) for account in accounts]
            if not statements:
                raise Refused("there is no account of that name")
            await self._execute(wire, statements, _values(username, credential.password))

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove a user and end its sessions; one that is gone is fine."""
        async with self._pool.connection() as wire:
            await self._remove(wire, username, statements)

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the server lets a user in with a password."""
        wire = Wire(
            replace(self._place, user=username, password=password, database=""), self._tls, self._server_name
        )
        try:
            await self._reach(wire)
        except _Shut as error:
            if error.code in _WRONG:
                return False
            raise
        await _close(wire)
        return True

    # -- accounts ------------------------------------------------------------------------------

    async def _remove(self, wire: Wire, username: str, statements: Sequence[str]) -> None:
        if statements:
            try:
                await self._execute(wire, statements, _values(username))
            except (Refused, _Halfway):
                if await self._hosts(wire, username) != []:
                    raise
            return
        hosts = await self._hosts(wire, username)
        if hosts is None:
            await self._drop_unseen(wire, username)
        for host in hosts or ():
            await self._send(wire, f"DROP USER IF EXISTS {self._account(wire, username, host)}")
        await self._end_sessions(wire, username)

    async def _drop_unseen(self, wire: Wire, username: str) -> None:
        """Remove the account of any host, where the server does not show which accounts there are."""
        try:
            await self._send(wire, f"DROP USER {self._account(wire, username, '%')}")
        except Refused as error:
            raise Refused(
                f"{error.public}; to see which hosts a user has needs SELECT on mysql.user"
            ) from None

    async def _end_sessions(self, wire: Wire, username: str) -> None:
        """As an account that is dropped does not end what it has open; not every administrator may do so."""
        with suppress(Refused):
            rows = await self._send(
                wire, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", username
            )
            for (number,) in rows:
                with suppress(Refused):
                    await self._send(wire, f"KILL {int(number)}")

    async def _hosts(self, wire: Wire, username: str) -> list[str] | None:
        """The hosts of the accounts of a name; None where the server does not show them."""
        try:
            rows = await self._send(wire, "SELECT Host FROM mysql.user WHERE User = %s", username)
        except _Denied:
            return None
        return [host.decode() if isinstance(host, bytes) else host for (host,) in rows if host]

    def _account(self, wire: Wire, username: str, host: str) -> str:
        """An account in a statement; placeholders in its name are none."""
        quoted = f"{wire.escape(username)}@{wire.escape(host)}"
        if "{{" in quoted:
            raise BadRequest("the name of a user cannot contain the template variables")
        return quoted

    # -- connections ---------------------------------------------------------------------------

    def _new_threads(self) -> ThreadPoolExecutor:
        # More than connections, for logins that are tried out. There is none until there is work.
        return ThreadPoolExecutor(self._most + 4, "mysql")

    async def _open(self) -> Wire:
        wire = Wire(self._place, self._tls, self._server_name)
        await self._reach(wire)
        return wire

    async def _reach(self, wire: Wire) -> None:
        try:
            await working(self._threads, wire, wire.reach, PATIENCE)
        except UpstreamFailed:
            raise
        except Exception as error:  # noqa: BLE001  whatever a server of any kind makes the driver raise
            raise _Shut(error, self._place.password) from None

    async def _execute(self, wire: Wire, statements: Sequence[str], values: dict[str, str]) -> None:
        """Run statements one by one. Raises :class:`_Halfway` when one but the first is refused."""
        dialect = await self._dialect(wire)
        texts = [
            fill(statement, values, dialect) for text in statements for statement in split(text, dialect)
        ]
        if any("sql_mode" in text.casefold() for text in statements):
            raise BadRequest("statements cannot change sql_mode: values are quoted for the one there is")
        done = 0
        try:
            for text in texts:
                await self._send(wire, text, secret=values.get("password", ""))
                done += 1
            await self._judge(wire, wire.commit)
        except Refused as error:
            await self._judge(wire, wire.rollback)
            raise _Halfway(error.public) if done else error from None

    async def _dialect(self, wire: Wire) -> Dialect:
        """How the server reads quotes, as its operator has set it."""
        mode = str((await self._send(wire, "SELECT @@SESSION.sql_mode"))[0][0])
        backslashes = "NO_BACKSLASH_ESCAPES" not in mode
        if "ANSI_QUOTES" in mode:
            return replace(_DIALECT, identifiers='`"', strings="'", backslashes=backslashes)
        return replace(_DIALECT, backslashes=backslashes)

    async def _send(self, wire: Wire, text: str, *values: str, secret: str = "") -> Sequence[tuple[Any, ...]]:
        def sent() -> Sequence[tuple[Any, ...]]:
            with wire.cursor() as cursor:
                cursor.execute(text, values or None)
                return cursor.fetchall()

        return await self._judge(wire, sent, secret)

    async def _judge(self, wire: Wire, work: Callable[[], Result], secret: str = "") -> Result:
        """Do work on a connection; what the driver raises becomes what it means to the engine."""
        try:
            return await working(self._threads, wire, work)
        except pymysql.MySQLError as error:
            code, said = _said(error, self._place.password, secret)
            if (not 1000 <= code < 2000 and code < 3000) or code in _UNREACHED | _AGAIN:
                wire.severed = wire.severed or code not in _AGAIN
                raise UpstreamFailed(f"the database failed: {said}") from None
            kind = _Denied if code in _DENIED else Refused
            raise kind(f"failed to execute query: Error {code}: {said}") from None
        except (OSError, ValueError, RuntimeError, LookupError) as error:
            wire.sever()
            raise UpstreamFailed("the database failed", cause=type(error).__name__) from None


class LegacyMySQL(MySQL):
    """Servers whose names of users have 16 characters."""

    username_template: ClassVar[str] = (
        '{{ printf "v-%s-%s-%s" (.RoleName | truncate 4) (random 20) (unix_time) | truncate 16 }}'
    )


class _Halfway(UpstreamFailed):
    """A statement was refused after others had been carried out."""


class _Denied(Refused):
    """A right is missing."""


class _Shut(UpstreamFailed):
    """No connection, or no login; ``code`` is what the server said."""

    def __init__(self, error: Exception, secret: str) -> None:
        self.code, said = _said(error, secret)
        super().__init__(said)


def _said(error: Exception, own: str, sent: str = "") -> tuple[int, str]:
    """The number and the sentence of an error of the driver's."""
    number, *rest = error.args or (0,)
    if isinstance(error, pymysql.MySQLError) and isinstance(number, int):
        return number, masked(" ".join(map(str, rest)), own, sent=sent)
    return 0, "the database cannot be reached"


def _tls(settings: Settings, place: DSN) -> ssl.SSLContext | None:
    """How TLS is done when it is demanded; otherwise None. Raises BadRequest."""
    ca, key = settings.text("tls_ca"), settings.text("tls_certificate_key")
    how = place.parameters.get("tls", "")
    skips = settings.flag("tls_skip_verify") or how == "skip-verify"
    if not (ca or key or skips or settings.text("tls_server_name")) and how in {"", "false", "preferred"}:
        return None
    return context("the database", ca=ca, certificate=key, verify=not skips)


def _values(username: str, password: str = "", expiration: int = 0) -> dict[str, str]:
    if username.endswith(" "):
        raise BadRequest("MySQL drops spaces at the end of a name")  # which may then be that of another
    values = {"name": username, "username": username}
    if password:
        values["password"] = password
    if expiration:
        moment = datetime.fromtimestamp(expiration // SECOND, UTC)
        values["expiration"] = moment.strftime("%Y-%m-%d %H:%M:%S+0000")
    return values


async def _close(wire: Wire) -> None:
    wire.drop()
