"""Connections: what is checked, what is shown, how the own password changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strongroom.errors import Conflict, UpstreamFailed
from strongroom.secrets.database.clients import Clients
from strongroom.secrets.database.connection import Config, without_password
from strongroom.secrets.database.plugins import PLUGINS, Entry, plugin_class
from tests.inprocess import InProcess, inprocess
from tests.leasing import rows
from tests.postgres import Postgres
from tests.secrets.database.engine import ADMIN, ADMIN_PASSWORD, configured, connected, creds, ok


def open_connections(postgres: Postgres) -> int:
    found = postgres.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'strongroom'")
    return int(found[0][0])


def test_no_password_is_ever_shown(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        pair = {
            "private_key": "-----BEGIN PRIVATE KEY-----k3y",
            "tls_certificate": "-----BEGIN CERTIFICATE-----",
        }
        await connected(api, postgres, max_open_connections=7, **pair)
        answer = await ok(api, "GET", "db/config/pg")
        assert answer.data == {
            "allowed_roles": ["*"],
            "connection_details": {
                "connection_url": postgres.url,
                "max_open_connections": 7,
                "tls_certificate": pair["tls_certificate"],
                "username": ADMIN,
            },
            "password_policy": "",
            "plugin_name": "postgresql-database-plugin",
            "plugin_version": "",
            "root_credentials_rotate_statements": [],
        }
        inline = f"postgresql://{ADMIN}:{ADMIN_PASSWORD}@127.0.0.1:{postgres.port}/postgres"
        answer = await api(
            "POST",
            "db/config/inline",
            {"plugin_name": "postgresql-database-plugin", "connection_url": inline},
        )
        assert "Password found in connection_url" in answer.json["warnings"][0]
        answer = await ok(api, "GET", "db/config/inline")
        assert ADMIN_PASSWORD.encode() not in answer.body

    inprocess(scenario)


@pytest.mark.parametrize(
    ("url", "shown"),
    (
        ("postgresql://u:p@h/d", "postgresql://u:xxxxx@h/d"),
        ("postgresql://u:p%40@h/d", "postgresql://u:xxxxx@h/d"),
        ("postgresql://{{username}}:{{password}}@h/d", "postgresql://{{username}}:{{password}}@h/d"),
        ("host=h password='a b' user=u", "host=h password=xxxxx user=u"),
        ("host=h password=ab user=u", "host=h password=xxxxx user=u"),
        ("host=h password={{password}}", "host=h password={{password}}"),
        ("postgresql://h/d?user=u&password=p", "postgresql://h/d?user=u&password=xxxxx"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        ("root:p@w/d@tcp(h:3306)/shop?tls=true", "root:xxxxx@tcp(h:3306)/shop?tls=true"),
        ("root:pw@/", "root:xxxxx@/"),
        ("{{username}}:{{password}}@tcp(h:3306)/", "{{username}}:{{password}}@tcp(h:3306)/"),
        ("mongodb://u:p@h,i/admin", "mongodb://u:xxxxx@h,i/admin"),
    ),
)
def test_urls_without_passwords(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"plugin_name": ""}, "empty plugin name"),
        ({"plugin_name": "nope"}, "plugin not found in the catalog: nope"),
        ({"connection_url": ""}, "connection_url cannot be empty"),
        ({"connection_url": 5}, "connection_url"),
        ({"password": "wr0ng"}, "error verifying connection"),
        ({"connection_url": "postgresql://127.0.0.1:1/x"}, "error verifying connection"),
        ({"username_template": "{{.Nope}}"}, "evaluate field Nope"),
        ({"username_template": "{{.RoleName"}, "unclosed action"),
        ({"username_template": 5}, "invalid username_template"),
        ({"username_template": ["v-", "x"]}, "invalid username_template"),
        ({"username": "{{username}}"}, "cannot contain the template variables"),
        ({"max_open_connections": "many"}, "invalid max_open_connections"),
    ),
)
def test_connections_that_cannot_be(postgres: Postgres, fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        body = {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": postgres.url,
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }
        answer = await api("POST", "db/config/other", body | fields)
        assert answer.status == 400, answer
        assert sentence in answer.errors[0]
        assert "wr0ng" not in answer.errors[0]
        assert (await api("GET", "db/config/other")).status == 404

    inprocess(scenario)


def test_what_is_not_given_stays(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres, max_open_connections=3)
        await ok(api, "POST", "db/config/pg", {"allowed_roles": "app"})
        data = (await ok(api, "GET", "db/config/pg")).data
        assert data["allowed_roles"] == ["app"]
        assert data["connection_details"]["max_open_connections"] == 3
        await creds(api)
        answer = await api("POST", "db/config/pg", {"password": "wrong"})
        assert answer.status == 400
        await ok(api, "POST", "db/config/pg", {"password": "wrong", "verify_connection": False})
        assert (await api("GET", "db/creds/app")).status == 502
        await ok(api, "POST", "db/config/pg", {"password": ADMIN_PASSWORD})
        await creds(api)

    inprocess(scenario)


def test_connections_are_closed_when_nothing_needs_them(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        async def gone() -> None:
            for _ in range(200):
                await api("GET", "sys/mounts")
                if not open_connections(postgres):
                    return
                await asyncio.sleep(0.02)
            raise AssertionError("connections are left open")

        await connected(api, postgres)
        for path, method, body in (
            ("db/reset/pg", "POST", None),
            ("db/reload/postgresql-database-plugin", "POST", None),
            ("db/config/pg", "POST", {"max_open_connections": 2}),
            ("sys/seal", "PUT", None),
            ("sys/mounts/db", "DELETE", None),
        ):
            await creds(api)
            assert open_connections(postgres)
            await ok(api, method, path, body)
            await gone()
            if path == "sys/seal":
                await ok(api, "PUT", "sys/unseal", {"key": api.key.hex()})

    inprocess(scenario)


def test_reload_names_what_it_closed(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await configured(api, postgres, "second")
        answer = await ok(api, "POST", "db/reload/postgresql-database-plugin")
        assert answer.data == {"connections": ["pg", "second"], "count": 2}
        assert (await api("POST", "db/reload/nope")).status == 400
        assert (await api("POST", "db/reset/nope")).status == 400

    inprocess(scenario)


def test_the_own_password_changes(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await ok(api, "POST", "db/rotate-root/pg")
        assert not postgres.logs_in(ADMIN, ADMIN_PASSWORD)
        await creds(api)
        statement = "ALTER ROLE \"{{username}}\" PASSWORD '{{password}}' CONNECTION LIMIT 50"
        await ok(api, "POST", "db/config/pg", {"root_rotation_statements": [statement]})
        await ok(api, "POST", "db/rotate-root/pg")
        assert postgres.query("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", ADMIN) == [(50,)]
        await creds(api)
        await ok(api, "POST", "db/config/pg", {"root_rotation_statements": ["SELECT 1"]})
        answer = await api("POST", "db/rotate-root/pg")
        assert (answer.status, "the old one still holds" in answer.errors[0]) == (400, True)
        await creds(api)
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario)


def test_nobody_fails_for_a_password_that_changes_meanwhile(postgres: Postgres) -> None:
    """New connections are opened all the time: at most one is kept, and sixteen clients want some."""

    async def scenario(api: InProcess) -> None:
        await connected(api, postgres, max_open_connections=16, max_idle_connections=1)
        over = asyncio.Event()

        async def wanting() -> int:
            count = 0
            while not over.is_set():
                await creds(api)
                count += 1
            return count

        clients = [asyncio.create_task(wanting()) for _ in range(16)]
        for _ in range(4):
            await asyncio.gather(*(ok(api, "POST", "db/rotate-root/pg") for _ in range(2)))
        over.set()
        assert sum(await asyncio.gather(*clients)) > 16
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario)


def test_a_password_is_overtaken_whatever_else_of_the_connection_changed() -> None:
    details = {"connection_url": "postgresql://127.0.0.1:1/x"}
    first = Config("id", "1", "postgresql-database-plugin", username="u", password="p", details=details)
    other = first.revised(allowed_roles=["x"])

    async def fails(clients: Clients, config: Config) -> None:
        async with clients.acting(config):
            raise UpstreamFailed("refused")

    async def scenario() -> None:
        clients = Clients()
        with pytest.raises(UpstreamFailed):
            await fails(clients, first)
        clients.overtake(other)
        with pytest.raises(Conflict):
            await fails(clients, first)
        with pytest.raises(UpstreamFailed):
            await fails(clients, other.revised(password="q"))
        await clients.close()

    asyncio.run(scenario())


def test_who_has_no_password_has_none_to_change(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        inline = f"postgresql://{ADMIN}:{ADMIN_PASSWORD}@127.0.0.1:{postgres.port}/postgres"
        await configured(api, postgres, "inline", connection_url=inline, username="", password="")
        answer = await api("POST", "db/rotate-root/inline")
        assert (answer.status, answer.errors) == (
            400,
            ["unable to rotate root credentials: no username in configuration"],
        )

    inprocess(scenario)


@pytest.mark.parametrize(
    ("allowed", "role", "may"),
    (
        (["*"], "any", True),
        ([], "any", False),
        (["a", "b"], "b", True),
        (["a*"], "abc", True),
        (["*c"], "abc", True),
        (["a*c"], "abc", True),
        (["a.c"], "abc", False),
        (["a?c"], "abc", False),
    ),
)
def test_allowed_roles(allowed: list[str], role: str, may: bool) -> None:
    config = Config(allowed_roles=allowed)
    if may:
        config.require_allowed(role)
    else:
        with pytest.raises(Exception, match="is not an allowed role"):
            config.require_allowed(role)


def test_a_plugin_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLUGINS, "missing-plugin", Entry("missing_module:Missing", "some-extra"))
    with pytest.raises(Exception, match=r"pip install strongroom\[some-extra\]"):
        plugin_class("missing-plugin")


def test_no_password_stands_in_clear_in_the_storage(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        _, password, _ = await creds(api)
        blob = b"".join((await rows(api.core)).values())
        assert ADMIN_PASSWORD.encode() not in blob
        assert password.encode() not in blob

    inprocess(scenario)
