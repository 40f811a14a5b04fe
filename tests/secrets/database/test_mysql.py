"""The MySQL plugin against a real MariaDB."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.crypto.selfsigned import SelfSigned, self_signed
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.name_template import NameTemplate
from strongroom.logical import SECOND
from strongroom.secrets.database.mysql import LegacyMySQL, MySQL
from strongroom.secrets.database.plugin import Credential, NewUser, Refused, Settings
from strongroom.secrets.database.plugins import plugin_class
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap
from tests.mariadb import PASSWORD, ROOT, MariaDB
from tests.secrets.database.product import ok, run

CREATE = "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'"
FAR = 4_000_000_000 * SECOND
HOSTILE = (
    "o'brien",
    'a"b',
    "a\\'b\\",
    "x'@'%'; DROP USER victim; -- x",
    "`a`b",
    "naïve ☂",
    "a--b # /*",
    "100%s",
)


def using(mariadb: MariaDB, work: Callable[[MySQL], Awaitable[None]], **details: Any) -> None:
    run(lambda: MySQL(Settings(ROOT, PASSWORD, {"connection_url": mariadb.url, **details})), work)


def user(name: str, *statements: str, password: str = "s3cret-of-user", **more: Any) -> NewUser:
    return NewUser(name, Credential(password=password), FAR, list(statements) or [CREATE], **more)


@pytest.mark.parametrize(
    ("name", "found"),
    (
        ("mysql-database-plugin", MySQL),
        ("mysql-aurora-database-plugin", LegacyMySQL),
        ("mysql-rds-database-plugin", LegacyMySQL),
        ("mysql-legacy-database-plugin", LegacyMySQL),
    ),
)
def test_the_plugins_of_their_names(name: str, found: type) -> None:
    assert plugin_class(name) is found


def test_names_have_the_length_that_the_server_takes() -> None:
    fields = {"display_name": "token-of-somebody", "role_name": "a-long-role-name"}
    assert len(NameTemplate(MySQL.username_template).render(0, **fields)) == 32
    legacy = NameTemplate(LegacyMySQL.username_template).render(0, **fields)
    assert (len(legacy), legacy[:7]) == (16, "v-a-lo-")


@pytest.mark.parametrize(
    "mode", ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_user_lives_and_dies_whatever_its_name_and_password(mariadb: MariaDB, name: str, mode: str) -> None:
    mariadb.query("CREATE USER victim")

    async def work(plugin: MySQL) -> None:
        assert not await plugin.exists(name)
        await plugin.create(user(name, CREATE + "; GRANT USAGE ON *.* TO '{{name}}'@'%'", password=name))
        assert mariadb.users() == {name, "victim"}
        assert await plugin.exists(name)
        assert await plugin.accepts(name, name)
        assert not await plugin.accepts(name, "wrong")
        await plugin.extend(name, FAR, [])
        await plugin.set_credential(name, Credential(password=name + "2"), [])
        assert await plugin.accepts(name, name + "2")
        await plugin.set_credential(
            name,
            Credential(password="own"),
            ["SET PASSWORD FOR '{{username}}'@'%' = PASSWORD('{{password}}')"],
        )
        assert await plugin.accepts(name, "own")
        await plugin.drop(name, [])
        await plugin.drop(name, [])
        assert mariadb.users() == {"victim"}

    mariadb.query("SET GLOBAL sql_mode = %s", mode)
    try:
        using(mariadb, work)
    finally:
        mariadb.query("SET GLOBAL sql_mode = DEFAULT")


def test_quotes_of_either_kind_in_either_mode(mariadb: MariaDB) -> None:
    """With ANSI_QUOTES "..." is a name and a backslash is one; without it is a string where it escapes."""
    mariadb.query("CREATE OR REPLACE TABLE mysql.noted (what text)")
    name = "a\\"

    async def work(plugin: MySQL) -> None:
        await plugin.create(user(name, CREATE, "INSERT INTO mysql.noted VALUES ('{{name}}')"))
        await plugin.drop(name, ["INSERT INTO mysql.noted SELECT \"{{name}}\"; DROP USER '{{name}}'"])

    using(mariadb, work)
    assert mariadb.query("SELECT what FROM mysql.noted") == [(name,), (name,)]
    mariadb.query("DROP TABLE mysql.noted")


def test_accounts_of_other_hosts_and_their_sessions_end(mariadb: MariaDB) -> None:
    async def work(plugin: MySQL) -> None:
        own = "CREATE USER '{{name}}'@'127.0.0.%' IDENTIFIED BY '{{password}}'"
        await plugin.create(user("narrow", own, own.replace("127.0.0.%", "10.%")))
        session = mariadb.connection("narrow", "s3cret-of-user")
        await plugin.set_credential("narrow", Credential(password="other"), [])
        assert await plugin.accepts("narrow", "other")
        await plugin.drop("narrow", [])
        assert mariadb.users() == set()
        for _ in range(100):
            if not mariadb.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'narrow'"):
                break
            await asyncio.sleep(0.02)
        with pytest.raises(Exception, match=r"Lost connection|killed|gone away"), session.cursor() as cursor:
            cursor.execute("SELECT 1")
        session._force_close()  # type: ignore[attr-defined]

    using(mariadb, work)


def test_a_refused_creation_leaves_nothing_and_shows_no_password(mariadb: MariaDB) -> None:
    async def work(plugin: MySQL) -> None:
        with pytest.raises(Refused, match="nothing_there"):
            await plugin.create(user("half", CREATE, "GRANT SELECT ON nothing_there.t TO '{{name}}'@'%'"))
        assert not mariadb.has("half")
        with pytest.raises(Refused) as refused:
            await plugin.create(
                user("half", "CREATE USER '{{name}}' '{{password}}'", password="hunter22hunter22")
            )
        assert "hunter22" not in refused.value.public
        with pytest.raises(BadRequest, match="quotes"):
            await plugin.create(user("a b", CREATE, "GRANT USAGE ON *.* TO {{name}}"))
        assert not mariadb.has("a b")
        await plugin.create(user("there"))
        with pytest.raises(Refused, match="CREATE USER failed"):
            await plugin.create(user("there"))
        assert mariadb.has("there")
        with pytest.raises(BadRequest, match="sql_mode"):
            await plugin.create(user("half", "SET sql_mode = ''", CREATE))
        with pytest.raises(BadRequest, match="empty creation statements"):
            await plugin.create(NewUser("x", Credential(), FAR, []))

    using(mariadb, work)


def test_what_a_failed_creation_left_goes_by_statements_of_its_own(mariadb: MariaDB) -> None:
    async def work(plugin: MySQL) -> None:
        with pytest.raises(UpstreamFailed, match="what was made is left"):
            await plugin.create(user("half", CREATE, "NONSENSE", rollback=["NONSENSE TOO"]))
        assert mariadb.has("half")
        with pytest.raises(Refused, match="syntax"):
            await plugin.create(user("other", CREATE, "NONSENSE", rollback=["DROP USER '{{name}}'"]))
        assert mariadb.users() == {"half"}

    using(mariadb, work)


def test_statements_of_the_operators_own_and_users_that_are_gone(mariadb: MariaDB) -> None:
    async def work(plugin: MySQL) -> None:
        await plugin.create(user("own"))
        with pytest.raises(Refused, match="syntax"):
            await plugin.drop("own", ["DROP NONSENSE"])
        await plugin.extend("own", FAR, ["SET @end = '{{expiration}}'"])
        with pytest.raises(BadRequest, match="spaces"):
            await plugin.create(user("own "))
        await plugin.drop("own", ["SELECT 1; DROP USER '{{name}}'"])
        await plugin.drop("own", ["SELECT 1; DROP USER '{{name}}'"])
        with pytest.raises(Refused, match="no account of that name"):
            await plugin.set_credential("own", Credential(password="x"), [])

    using(mariadb, work)


def test_an_administrator_who_may_not_see_the_accounts(mariadb: MariaDB) -> None:
    mariadb.query("CREATE USER small IDENTIFIED BY 'small-password'")
    mariadb.query("GRANT CREATE USER ON *.* TO small")

    async def run() -> None:
        plugin = MySQL(Settings("small", "small-password", {"connection_url": mariadb.url}))
        try:
            await plugin.create(user("seen-by-nobody"))
            await plugin.set_credential("seen-by-nobody", Credential(password="other"), [])
            assert await plugin.accepts("seen-by-nobody", "other")
            await plugin.drop("seen-by-nobody", [])
            assert mariadb.users() == {"small"}
            with pytest.raises(Refused, match=r"SELECT on mysql\.user"):
                await plugin.drop("seen-by-nobody", [])
        finally:
            await plugin.close()

    asyncio.run(run())


def test_many_at_once_share_few_connections(mariadb: MariaDB) -> None:
    async def work(plugin: MySQL) -> None:
        await asyncio.gather(*(plugin.create(user(f"many{n}")) for n in range(30)))
        assert len(mariadb.users()) == 30
        # The server takes its time to forget connections that others have closed.
        while mariadb.idle() > 3:  # noqa: ASYNC110  another process tells nobody
            await asyncio.sleep(0.05)
        await asyncio.gather(*(plugin.drop(f"many{n}", []) for n in range(30)))
        assert mariadb.users() == set()

    using(mariadb, work, max_open_connections="3")


def test_one_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.secrets.database.mysql.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"u:p@tcp(127.0.0.1:{silent.getsockname()[1]})/"

        async def run() -> None:
            plugin = MySQL(Settings("u", "p", {"connection_url": place}))
            with pytest.raises(UpstreamFailed, match="in time"):
                await plugin.verify()
            waiting = asyncio.create_task(plugin.verify())
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await plugin.close()

        asyncio.run(run())
    for thread in threading.enumerate():
        if thread.name.startswith("mysql"):
            thread.join(5)
            assert not thread.is_alive()


def test_a_statement_that_takes_too_long_ends(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(plugin: MySQL) -> None:
        await plugin.verify()
        monkeypatch.setattr("strongroom.secrets.database.mysql_wire.LONGEST", 0.3)
        with pytest.raises(UpstreamFailed):
            await plugin.drop("x", ["DO SLEEP(20)"])

    using(mariadb, work)


@pytest.mark.parametrize(
    ("details", "sentence"),
    (
        ({"connection_url": ""}, "connection_url cannot be empty"),
        ({"tls_ca": "nonsense"}, "not valid PEM"),
        ({"tls_certificate_key": "nonsense"}, "needs its key"),
        ({"tls_certificate_key": "PRIVATE KEY"}, "do not fit or are not PEM"),
        ({"tls_skip_verify": "perhaps"}, "invalid tls_skip_verify"),
        ({"max_open_connections": "zz"}, "invalid max_open_connections"),
    ),
)
def test_options_that_cannot_be(details: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        MySQL(Settings("u", "p", {"connection_url": "u:p@tcp(h)/"} | details))


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture
def encrypted(mariadb: MariaDB) -> Iterator[tuple[MariaDB, SelfSigned]]:
    """The server, with a certificate for db.example, and an account that only encrypted logins may use."""
    made = self_signed(["db.example"])
    for name, pem in (("ca", made.ca), ("cert", made.certificate), ("key", made.key)):
        Path(mariadb.folder / name).write_bytes(pem)
        Path(mariadb.folder / name).chmod(0o644)
    mariadb.stop()
    kept, folder = mariadb.settings, mariadb.folder
    mariadb.settings = (
        f"--ssl-ca={folder}/ca",
        f"--ssl-cert={folder}/cert",
        f"--ssl-key={folder}/key",
        "--ssl",
    )
    mariadb.start()
    mariadb.query("CREATE USER shy IDENTIFIED BY 'shy-password' REQUIRE SSL")
    yield mariadb, made
    mariadb.settings = kept
    mariadb.stop()
    mariadb.start()


async def _verified(mariadb: MariaDB, suffix: str = "", **details: Any) -> None:
    plugin = MySQL(Settings("shy", "shy-password", {"connection_url": mariadb.url + suffix, **details}))
    try:
        await plugin.verify()
    finally:
        await plugin.close()


def test_tls(encrypted: tuple[MariaDB, SelfSigned]) -> None:
    server, made = encrypted
    ca = made.ca.decode()

    async def run() -> None:
        await _verified(server)  # encrypted since the server can
        await _verified(server, tls_ca=ca, tls_server_name="db.example")
        await _verified(server, "?tls=skip-verify")
        await _verified(server, tls_ca=ca, tls_skip_verify=True)
        with pytest.raises(UpstreamFailed, match="Access denied"):
            await _verified(server, "?tls=false")
        for suffix, details in (
            ("?tls=true", {}),
            ("", {"tls_ca": ca}),
            ("", {"tls_ca": ca, "tls_server_name": "other.example"}),
            ("", {"tls_ca": self_signed(["db.example"]).ca.decode(), "tls_server_name": "db.example"}),
        ):
            with pytest.raises(UpstreamFailed, match="certificate"):
                await _verified(server, suffix, **details)

    asyncio.run(run())


def test_who_demands_tls_says_nothing_without(mariadb: MariaDB) -> None:
    async def run() -> None:
        with pytest.raises(UpstreamFailed, match="SSL"):
            await _verified(mariadb, "?tls=skip-verify")

    asyncio.run(run())


# -- the old mount ---------------------------------------------------------------------------------


def test_the_old_mount(mariadb: MariaDB) -> None:
    place = mariadb.url.replace("{{username}}", ROOT).replace("{{password}}", PASSWORD)

    async def scenario(api: InProcess) -> None:
        await ok(api, "POST", "sys/mounts/old", {"type": "mysql"})
        await ok(api, "PUT", "old/config/connection", {"connection_url": place})
        assert PASSWORD not in str((await ok(api, "GET", "old/config/connection")).data)
        await ok(api, "PUT", "old/config/lease", {"lease": "1h", "lease_max": "24h"})
        await ok(api, "PUT", "old/roles/r", {"sql": CREATE + ";GRANT SELECT ON *.* TO '{{name}}'@'%';"})
        answer = await ok(api, "GET", "old/creds/r")
        name, password = answer.data["username"], answer.data["password"]
        assert name.startswith(("r-root-", "r-toke-"))
        assert mariadb.query("SELECT 1", user=name, password=password) == [(1,)]
        with later(api.core, 3601):
            await reap(api.core)
        assert mariadb.users() == set()
        await ok(api, "PUT", "old/roles/r", {"sql": CREATE, "revocation_sql": "DROP USER '{{name}}'@'%'"})
        answer = await ok(api, "GET", "old/creds/r")
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": answer.json["lease_id"], "sync": True})
        assert mariadb.users() == set()

    inprocess(scenario)
