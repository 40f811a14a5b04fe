"""PostgreSQL: users are login roles.

Needs ``pip install strongroom[postgresql]``. All statements of one act run in one transaction, in one
round trip; a statement may hold several, separated by ``;``.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import unquote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import SECOND
from strongroom.secrets.database.memory_file import MemoryFile
from strongroom.secrets.database.plugin import (
    CLIENT_CERTIFICATE,
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
from strongroom.secrets.database.statement import Dialect, fill

Connection = psycopg.AsyncConnection[Any]

_DIALECT = Dialect(escape_strings=True, dollars=True)
_OLD_STRINGS = replace(_DIALECT, backslashes=True)
_NAME_LIMIT = 63
"""Bytes of a name that PostgreSQL keeps; it drops the rest without a word."""
_COLLIDED = "XX000"
"""What PostgreSQL says when two transactions grant on the same object at the same moment."""
_ATTEMPTS = 10

_SET_PASSWORD = "ALTER ROLE \"{{name}}\" WITH PASSWORD '{{password}}'"
_EXTEND = "ALTER ROLE \"{{name}}\" VALID UNTIL '{{expiration}}'"

_UNREACHED = ("08", "53", "57", "58")
"""Classes of SQLSTATE that tell of the server, not of the statement."""

_DROP = """
DECLARE
  grantee oid := (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = {name});
  held record;
BEGIN
  IF grantee IS NULL THEN RETURN; END IF;
  FOR held IN
    SELECT DISTINCT
      CASE classid
        WHEN 'pg_class'::regclass THEN
          CASE (SELECT relkind FROM pg_catalog.pg_class WHERE oid = objid)
            WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END
        WHEN 'pg_namespace'::regclass THEN 'SCHEMA'
        WHEN 'pg_database'::regclass THEN 'DATABASE'
        WHEN 'pg_proc'::regclass THEN 'ROUTINE'
        WHEN 'pg_type'::regclass THEN 'TYPE'
        WHEN 'pg_language'::regclass THEN 'LANGUAGE'
        WHEN 'pg_tablespace'::regclass THEN 'TABLESPACE'
        WHEN 'pg_foreign_server'::regclass THEN 'FOREIGN SERVER'
        WHEN 'pg_foreign_data_wrapper'::regclass THEN 'FOREIGN DATA WRAPPER'
        WHEN 'pg_largeobject'::regclass THEN 'LARGE OBJECT'
      END AS kind,
      (pg_catalog.pg_identify_object(classid, objid, 0)).identity AS object
    FROM pg_catalog.pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = grantee AND deptype = 'a'
      AND dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  LOOP
    IF held.kind IS NOT NULL THEN
      EXECUTE pg_catalog.format('REVOKE ALL PRIVILEGES ON %s %s FROM %I', held.kind, held.object, {name});
    END IF;
  END LOOP;
  EXECUTE pg_catalog.format('DROP ROLE %I', {name});
END
"""
"""Takes back what a role was granted in this database, whatever it is, and drops the role.

PostgreSQL itself quotes every name in it: ``identity`` of objects, ``%I`` of the role.
"""


class PostgreSQL:
    """One connection's pool, and what can be done over it."""

    credential_types: ClassVar[frozenset[str]] = frozenset({PASSWORD, CLIENT_CERTIFICATE})
    username_template: ClassVar[str] = (
        '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) '
        "(unix_time) | truncate 63 }}"
    )

    def __init__(self, settings: Settings) -> None:
        self._files = _files(settings)
        paths = {name: file.path for name, file in self._files.items()}
        self._target = _parameters(settings) | paths
        self._secret = settings.password
        self._hashes = _hashes(settings)
        self._pool: Pool[Connection] = Pool(
            Bounds.of(settings), open=self._open, close=_close, usable=_usable
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
        """Whether there is a role of that name."""
        async with self._pool.connection() as connection:
            return await _exists(connection, username)

    async def create(self, user: NewUser) -> None:
        """Make a role by the operator's statements, in one transaction."""
        if not user.statements:
            raise BadRequest("empty creation statements")
        values = {
            "name": _name(user.username),
            "username": user.username,
            "expiration": _moment(user.expiration),
        }
        await self._run(user.statements, values, user.credential)

    async def extend(self, username: str, expiration: int, statements: list[str]) -> None:
        """Move the end of a role."""
        values = {"name": username, "username": username, "expiration": _moment(expiration)}
        await self._run(statements or [_EXTEND], values)

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Give a role that is there another password."""
        if credential.kind != PASSWORD:
            raise BadRequest(f'unsupported credential_type: "{credential.kind}"')
        values = {"name": username, "username": username}
        await self._run(statements or [_SET_PASSWORD], values, credential)

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove a role; one that is gone is fine.

        One that cannot be dropped, because it owns things, can no longer log in.
        """
        values = {"name": username, "username": username}
        async with self._pool.connection() as connection:
            try:
                await self._persist(connection, statements or [_drop(connection, username)], values)
            except Refused:
                if await _exists(connection, username):
                    await self._lock_out(connection, username)
                    raise

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the server lets a role in with a password."""
        target = make_conninfo("", **self._target | {"user": username, "password": password})
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await Connection.connect(target)
        except (psycopg.Error, TimeoutError):
            # libpq gives no code for a refused login, and words in the server's language.
            state = await asyncio.to_thread(pq.PGconn.ping, target.encode())
            if state == pq.Ping.OK:
                return False
            raise UpstreamFailed("the database does not answer") from None
        await connection.close()
        return True

    # -- connections ---------------------------------------------------------------------------

    async def _open(self) -> Connection:
        try:
            async with asyncio.timeout(PATIENCE):
                return await Connection.connect(
                    make_conninfo("", **self._target), autocommit=True, prepare_threshold=None
                )
        except TimeoutError:
            raise UpstreamFailed("the database did not answer in time") from None
        except psycopg.Error as error:
            raise UpstreamFailed(masked(str(error).strip(), self._secret)) from None

    async def _run(
        self, statements: list[str], values: dict[str, str], credential: Credential | None = None
    ) -> None:
        async with self._pool.connection() as connection:
            await self._persist(connection, statements, values, credential)

    async def _persist(
        self,
        connection: Connection,
        statements: Sequence[str],
        values: dict[str, str],
        credential: Credential | None = None,
    ) -> None:
        """Run statements in one transaction, again when another transaction was in the way."""
        for attempt in range(_ATTEMPTS):
            try:
                await self._execute(connection, statements, values, credential)
            except _Collided:
                await asyncio.sleep(0.002 * 2**attempt)
            else:
                return
        raise UpstreamFailed("the database kept refusing changes made at the same time")

    async def _execute(
        self,
        connection: Connection,
        statements: Sequence[str],
        values: dict[str, str],
        credential: Credential | None = None,
    ) -> None:
        if credential is not None and credential.kind == PASSWORD:
            values = values | {"password": await self._wire_password(connection, values["name"], credential)}
        conforming = connection.info.parameter_status("standard_conforming_strings") != "off"
        dialect = _DIALECT if conforming else _OLD_STRINGS
        # One message is one transaction; the line breaks end a comment that a statement ends with.
        text = "\n;\n".join(fill(statement, values, dialect) for statement in statements)
        await self._send(connection, text, "" if credential is None else credential.password)

    async def _wire_password(self, connection: Connection, name: str, credential: Credential) -> str:
        """What the server is sent: with ``password_authentication`` scram-sha-256 only a verifier."""
        if not self._hashes:
            return credential.password
        hashed = await asyncio.to_thread(
            connection.pgconn.encrypt_password, credential.password.encode(), name.encode(), b"scram-sha-256"
        )
        return hashed.decode()

    async def _send(self, connection: Connection, text: str, secret: str = "") -> None:
        try:
            async with asyncio.timeout(LONGEST):
                await connection.execute(text.encode())
        except TimeoutError:
            await connection.close()
            raise UpstreamFailed("the database did not answer in time") from None
        except psycopg.Error as error:
            raise self._judged(connection, error, secret) from None

    def _judged(self, connection: Connection, error: psycopg.Error, secret: str) -> Exception:
        """What an error of the driver's means to the engine."""
        state = error.sqlstate or ""
        said = masked(error.diag.message_primary or str(error).strip(), self._secret, sent=secret)
        if connection.broken or connection.closed or not state or state[:2] in _UNREACHED:
            return UpstreamFailed(f"the database failed: {said}")
        if state == _COLLIDED or state in {"40001", "40P01"}:
            return _Collided(f"the database failed: {said}")
        return Refused(f"failed to execute query: ERROR: {said} (SQLSTATE {state})")

    async def _lock_out(self, connection: Connection, username: str) -> None:
        """As a role that cannot be dropped may not be used either."""
        role = sql.Identifier(username).as_string(connection)
        try:
            await self._send(connection, f"ALTER ROLE {role} WITH NOLOGIN PASSWORD NULL")
        except (Refused, UpstreamFailed):
            return  # what is reported is why it could not be dropped


class _Collided(UpstreamFailed):
    """Another transaction was at the same row; the same again may succeed."""


def _parameters(settings: Settings) -> dict[str, Any]:
    """The parameters of libpq's that the connection URL stands for, with the credentials in place.

    The URL is taken apart before the credentials are put in, so nothing in them can add to it.
    """
    url = settings.text("connection_url")
    if not url:
        raise BadRequest("connection_url cannot be empty")
    if any("{{" in value for value in (settings.username, settings.password)):
        raise BadRequest("username and/or password cannot contain the template variables")
    try:
        found = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose words quote the URL, which may hold a password
        raise BadRequest("invalid connection_url: postgresql://host/database is expected") from None
    encoded = settings.flag("disable_escaping") and "://" in url
    values = {"username": settings.username, "password": settings.password}
    for name, value in values.items():
        hole, actual = f"{{{{{name}}}}}", unquote(value) if encoded else value
        found = {
            key: text.replace(hole, actual) if isinstance(text, str) else text for key, text in found.items()
        }
    defaults = {"connect_timeout": int(PATIENCE), "application_name": "strongroom"}
    return {**defaults, **found, "client_encoding": "utf8"}


_FILES = {"sslrootcert": "tls_ca", "sslcert": "tls_certificate", "sslkey": "private_key"}
"""Parameters of libpq's that are paths, and the options that hold such a file's content."""


def _files(settings: Settings) -> dict[str, MemoryFile]:
    """The certificates and the key that are given as PEM texts, each where libpq finds it.

    Raises BadRequest for half of a pair, or for what is no PEM text.
    """
    texts = {name: settings.text(option) for name, option in _FILES.items()}
    if bool(texts["sslcert"]) != bool(texts["sslkey"]):
        raise BadRequest("tls_certificate and private_key go together")
    for name, text in texts.items():
        if text and "-----BEGIN " not in text:
            raise BadRequest(f"invalid {_FILES[name]}: a PEM text is expected")
    return {name: MemoryFile(text) for name, text in texts.items() if text}


def _hashes(settings: Settings) -> bool:
    how = settings.text("password_authentication") or "password"
    if how not in {"password", "scram-sha-256"}:
        raise BadRequest(f"'{how}' is not a valid password authentication type")
    return how == "scram-sha-256"


def _name(username: str) -> str:
    """``username``, if PostgreSQL keeps all of it."""
    if not 0 < len(username.encode()) <= _NAME_LIMIT:
        raise BadRequest(f"PostgreSQL keeps names of 1 to {_NAME_LIMIT} bytes; shorten the username template")
    return username


def _moment(when: int) -> str:
    return datetime.fromtimestamp(when // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S+0000")


def _drop(connection: Connection, username: str) -> str:
    body = sql.SQL(_DROP).format(name=sql.Literal(username)).as_string(connection)
    return f"DO {sql.Literal(body).as_string(connection)}"


def _usable(connection: Connection) -> bool:
    """Whether a connection can be used again; a server that hung up has made its socket readable."""
    if connection.closed or connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


async def _close(connection: Connection) -> None:
    await connection.close()


async def _exists(connection: Connection, username: str) -> bool:
    try:
        async with asyncio.timeout(LONGEST):
            cursor = await connection.execute(
                "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [username]
            )
            return await cursor.fetchone() is not None
    except (psycopg.Error, TimeoutError):
        raise UpstreamFailed("the database does not answer") from None
