"""The PostgreSQL plugin against a real server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import SECOND
from strongroom.secrets.database.plugin import Credential, NewUser, Refused, Settings
from strongroom.secrets.database.plugins import plugin_class
from strongroom.secrets.database.postgresql import PostgreSQL
from tests.listener.authority import Issued, issue
from tests.postgres import PASSWORD, ROOT, Postgres
from tests.secrets.database.product import run

CREATE = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
FAR = 4_000_000_000 * SECOND
HOSTILE = (
    "o'brien",
    'a"b',
    "a\\'b",
    "$$; DROP ROLE victim; $$",
    "x'; DROP ROLE victim; --",
    "naïve ☂",
    "a--b",
)


def using(postgres: Postgres, work: Callable[[PostgreSQL], Awaitable[None]], **details: Any) -> None:
    run(lambda: PostgreSQL(Settings(ROOT, PASSWORD, {"connection_url": postgres.url, **details})), work)


def sessions(postgres: Postgres) -> set[int]:
    """The sessions of Strongroom's; those of an earlier test may take a moment to end."""
    found = postgres.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'strongroom'")
    return {row[0] for row in found}


def user(name: str, *statements: str, password: str = "s3cret-of-user") -> NewUser:
    return NewUser(name, Credential(password=password), FAR, list(statements) or [CREATE])


def test_it_is_the_plugin_of_its_name() -> None:
    assert plugin_class("postgresql-database-plugin") is PostgreSQL


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("how", ("password", "scram-sha-256"))
def test_a_role_lives_and_dies_whatever_its_name_and_password(
    postgres: Postgres, name: str, how: str
) -> None:
    postgres.query("CREATE ROLE victim")

    async def work(plugin: PostgreSQL) -> None:
        await plugin.create(user(name, password=name))
        assert postgres.roles() == {name, "victim"}
        assert await plugin.accepts(name, name)
        assert not await plugin.accepts(name, "wrong")
        await plugin.extend(name, FAR + 86_400 * SECOND, [])
        until = postgres.query(
            "SELECT extract(epoch FROM rolvaliduntil)::bigint FROM pg_roles WHERE rolname = %s", name
        )
        assert until == [(FAR // SECOND + 86_400,)]
        await plugin.set_credential(name, Credential(password=name + "2"), [])
        assert await plugin.accepts(name, name + "2")
        await plugin.drop(name, [])
        await plugin.drop(name, [])
        assert postgres.roles() == {"victim"}

    using(postgres, work, password_authentication=how)


def test_passwords_are_not_sent_where_a_verifier_will_do(postgres: Postgres) -> None:
    async def work(plugin: PostgreSQL) -> None:
        await plugin.create(user("shadow"))

    postgres.query("ALTER SYSTEM SET log_statement = 'all'")
    postgres.query("SELECT pg_reload_conf()")
    try:
        using(postgres, work, password_authentication="scram-sha-256")
    finally:
        postgres.query("ALTER SYSTEM RESET log_statement")
        postgres.query("SELECT pg_reload_conf()")
    log = (postgres.folder / "log").read_text()
    assert 'CREATE ROLE "shadow"' in log
    assert "s3cret-of-user" not in log


def test_whatever_was_granted_is_taken_back(postgres: Postgres) -> None:
    postgres.query('DROP SCHEMA IF EXISTS "odd ""schema" CASCADE; CREATE SCHEMA "odd ""schema"')
    postgres.query('CREATE TABLE "odd ""schema"."t; --" (id serial, secret text)')
    postgres.query('CREATE VIEW "odd ""schema".v AS SELECT 1; CREATE TYPE "odd ""schema".kind AS (a int)')
    postgres.query('CREATE FUNCTION "odd ""schema".f(int, text) RETURNS int LANGUAGE sql AS \'SELECT 1\'')
    grants = [
        f'GRANT {what} TO "{{{{name}}}}"'
        for what in (
            'USAGE, CREATE ON SCHEMA "odd ""schema"',
            'SELECT ("secret") ON "odd ""schema"."t; --"',
            'INSERT ON "odd ""schema"."t; --"',
            'ALL ON ALL SEQUENCES IN SCHEMA "odd ""schema"',
            'ALL ON "odd ""schema".v',
            'ALL ON FUNCTION "odd ""schema".f(int, text)',
            'ALL ON TYPE "odd ""schema".kind',
            "CONNECT, TEMP ON DATABASE postgres",
            "pg_read_all_data",
            "USAGE ON LANGUAGE plpgsql",
            "CREATE ON TABLESPACE pg_default",
        )
    ]

    async def work(plugin: PostgreSQL) -> None:
        await plugin.create(user('granted "x"', CREATE, *grants))
        await plugin.drop('granted "x"', [])
        assert postgres.roles() == set()

    using(postgres, work)
    postgres.query('DROP SCHEMA "odd ""schema" CASCADE')


def test_a_role_that_owns_things_is_locked_out_and_said_to_stay(postgres: Postgres) -> None:
    async def work(plugin: PostgreSQL) -> None:
        await plugin.create(
            user("owner", CREATE, 'CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO "{{name}}"')
        )
        with pytest.raises(Refused, match="owner"):
            await plugin.drop("owner", [])
        assert postgres.has("owner")
        assert not await plugin.accepts("owner", "s3cret-of-user")
        postgres.query("DROP TABLE owned")
        await plugin.drop("owner", [])
        assert not postgres.has("owner")

    using(postgres, work)


def test_statements_of_the_operators_own_and_roles_that_are_gone(postgres: Postgres) -> None:
    async def work(plugin: PostgreSQL) -> None:
        await plugin.create(user("own"))
        with pytest.raises(Refused, match="syntax error"):
            await plugin.drop("own", ["DROP NONSENSE"])
        await plugin.drop("own", ['DROP ROLE "{{name}}"'])
        await plugin.drop("own", ['DROP ROLE "{{name}}"'])

    using(postgres, work)


def test_a_refused_creation_leaves_nothing_and_shows_no_password(postgres: Postgres) -> None:
    async def work(plugin: PostgreSQL) -> None:
        with pytest.raises(Refused) as refused:
            await plugin.create(user("half", CREATE, 'GRANT nothing_there TO "{{name}}"'))
        assert "nothing_there" in refused.value.public
        assert not postgres.has("half")
        with pytest.raises(Refused) as refused:
            await plugin.create(
                user("half", "CREATE ROLE \"{{name}}\" '{{password}}'", password="hunter22hunter22")
            )
        assert "hunter22" not in refused.value.public
        with pytest.raises(BadRequest, match="bytes"):
            await plugin.create(user("x" * 64))

    using(postgres, work)


def test_many_at_once_that_grant_on_the_same_objects(postgres: Postgres) -> None:
    postgres.query("CREATE TABLE IF NOT EXISTS shared (id int)")
    before = sessions(postgres)

    async def work(plugin: PostgreSQL) -> None:
        grant = 'GRANT SELECT ON shared TO "{{name}}"'
        await asyncio.gather(*(plugin.create(user(f"many{n}", CREATE, grant)) for n in range(30)))
        assert len(postgres.roles()) == 30
        assert len(sessions(postgres) - before) <= 7
        await asyncio.gather(*(plugin.drop(f"many{n}", []) for n in range(30)))
        assert postgres.roles() == set()

    using(postgres, work, max_open_connections="7")
    for _ in range(500):
        if not sessions(postgres) - before:
            return
    raise AssertionError("sessions are left open")


def test_certificates_and_keys_are_given_as_texts(postgres: Postgres, tmp_path: Path) -> None:
    """They reach libpq, which takes paths, and no disk."""
    ca, other = issue("ca", ca=True), issue("other", ca=True)
    client = issue("strongroom-client", ca)
    certificate, key = client.save(tmp_path, "client")
    texts = {"tls_certificate": Path(certificate).read_text(), "private_key": Path(key).read_text()}
    url = postgres.url.replace("sslmode=disable", "sslmode=verify-full")

    async def encrypted(plugin: PostgreSQL) -> None:
        await plugin.verify()
        shown = postgres.query("SELECT client_dn FROM pg_stat_ssl WHERE client_dn IS NOT NULL")
        assert shown == [("/CN=strongroom-client",)]

    async def distrusts(plugin: PostgreSQL) -> None:
        with pytest.raises(UpstreamFailed, match="certificate verify failed"):
            await plugin.verify()

    with with_tls(postgres, ca):
        using(postgres, encrypted, connection_url=url, tls_ca=ca.pem, **texts)
        using(postgres, distrusts, connection_url=url, tls_ca=other.pem)


@contextmanager
def with_tls(postgres: Postgres, ca: Issued) -> Iterator[None]:
    """The server has a certificate of ``ca``'s, and asks clients for one."""
    for file in (*issue("localhost", ca).save(postgres.folder, "server"), postgres.folder / "ca.crt"):
        Path(file).touch(0o600)
        Path(file).chmod(0o600)
        if not os.getuid():
            shutil.chown(file, "postgres", "postgres")
    (postgres.folder / "ca.crt").write_text(ca.pem)
    settings = {
        "ssl": "on",
        "ssl_cert_file": "server.crt",
        "ssl_key_file": "server.key",
        "ssl_ca_file": "ca.crt",
    }
    for name, value in settings.items():
        path = value if name == "ssl" else postgres.folder / value
        postgres.query(f"ALTER SYSTEM SET {name} = '{path}'")
    postgres.stop()
    postgres.start()
    try:
        yield
    finally:
        for name in settings:
            postgres.query(f"ALTER SYSTEM RESET {name}")
        postgres.stop()
        postgres.start()


@pytest.mark.parametrize(
    ("details", "sentence"),
    (
        ({"connection_url": ""}, "connection_url cannot be empty"),
        ({"connection_url": "nonsense"}, "invalid connection_url"),
        ({"connection_url": "postgresql://h/db?no_such=1"}, "invalid connection_url"),
        ({"password_authentication": "nope"}, "'nope' is not a valid password authentication type"),
        ({"max_connection_lifetime": "zz"}, "invalid max_connection_lifetime"),
        ({"max_open_connections": "zz"}, "invalid max_open_connections"),
        ({"max_open_connections": float("inf")}, "invalid max_open_connections"),
        ({"disable_escaping": "perhaps"}, "invalid disable_escaping"),
        ({"tls_ca": "/etc/passwd"}, "invalid tls_ca: a PEM text is expected"),
        ({"tls_certificate": "-----BEGIN CERTIFICATE-----"}, "tls_certificate and private_key go together"),
    ),
)
def test_options_that_cannot_be(details: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        PostgreSQL(Settings("u", "p", {"connection_url": "postgresql://h/db"} | details))


@pytest.mark.parametrize("form", ("url", "words"))
def test_credentials_add_nothing_to_the_connection(postgres: Postgres, form: str) -> None:
    """Whatever a password holds: it is a password."""
    odd = "p@ss/word?host=evil&x='y z\\"
    postgres.query("CREATE ROLE \"o'd @x\" LOGIN PASSWORD '" + odd.replace("'", "''") + "'")
    words = (
        f"host=127.0.0.1 port={postgres.port} dbname=postgres user={{{{username}}}} password={{{{password}}}}"
    )

    async def run() -> None:
        details = {"connection_url": postgres.url if form == "url" else words}
        plugin = PostgreSQL(Settings("o'd @x", odd, details))
        try:
            await plugin.verify()
        finally:
            await plugin.close()

    asyncio.run(run())
