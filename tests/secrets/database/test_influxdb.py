"""The InfluxDB plugin against a real server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from strongroom.crypto.selfsigned import SelfSigned, self_signed
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.name_template import NameTemplate
from strongroom.logical import SECOND
from strongroom.secrets.database.influxdb import InfluxDB
from strongroom.secrets.database.plugin import Credential, NewUser, Refused, Settings
from strongroom.secrets.database.plugins import plugin_class
from strongroom.upstream import http
from tests.influxdb import PASSWORD, ROOT
from tests.influxdb import InfluxDB as Server
from tests.secrets.database.product import run

CREATE = "CREATE USER \"{{username}}\" WITH PASSWORD '{{password}}'"
FAR = 4_000_000_000 * SECOND
HOSTILE = (
    "o'brien",
    'a"b',
    "a\\'b\\",
    '"; DROP USER "victim"; --',
    "x' ; DROP USER victim; --",
    "naïve ☂",
    "a\nb",
    "a--b /*",
    "100%&q=x+y",
)


def using(server: Server, work: Callable[[InfluxDB], Awaitable[None]], **details: Any) -> None:
    place = {"host": "127.0.0.1", "port": server.port} | details
    run(lambda: InfluxDB(Settings(ROOT, PASSWORD, place)), work)


def user(name: str, *statements: str, password: str = "s3cret-of-user", **more: Any) -> NewUser:
    return NewUser(name, Credential(password=password), FAR, list(statements), **more)


def test_it_is_the_plugin_of_its_name() -> None:
    assert plugin_class("influxdb-database-plugin") is InfluxDB


def test_names() -> None:
    made = NameTemplate(InfluxDB.username_template).render(0, display_name="token-x", role_name="App-1")
    assert made.startswith("v_token_x_app_1_")
    assert made == made.lower()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_user_lives_and_dies_whatever_its_name_and_password(influxdb: Server, name: str) -> None:
    influxdb.make("victim", "victim")

    async def work(plugin: InfluxDB) -> None:
        assert not await plugin.exists(name)
        await plugin.create(user(name, CREATE + '; GRANT ALL ON things TO "{{name}}"', password=name))
        assert await plugin.exists(name)
        assert influxdb.users() == {name, "victim"}
        assert await plugin.accepts(name, name)
        assert not await plugin.accepts(name, "wrong")
        await plugin.set_credential(name, Credential(password=name + "2"), [])
        assert await plugin.accepts(name, name + "2")
        assert not await plugin.accepts(name, name)
        await plugin.drop(name, [])
        await plugin.drop(name, [])
        await plugin.create(user(name, password="plain"))
        assert await plugin.accepts(name, "plain")
        await plugin.drop(name, ['REVOKE ALL PRIVILEGES FROM "{{name}}"; DROP USER "{{name}}"'])
        await plugin.drop(name, ['REVOKE ALL PRIVILEGES FROM "{{name}}"; DROP USER "{{name}}"'])
        await plugin.drop(name, ['SHOW DATABASES; DROP USER "{{name}}"'])
        assert influxdb.users() == {"victim"}

    using(influxdb, work)


def test_a_refused_creation_leaves_nothing_and_shows_no_password(influxdb: Server) -> None:
    async def work(plugin: InfluxDB) -> None:
        with pytest.raises(Refused, match="database not found"):
            await plugin.create(user("half", CREATE, 'GRANT READ ON nowhere TO "{{username}}"'))
        with pytest.raises(Refused) as refused:
            await plugin.create(user("half", "CREATE USER '{{password}}'", password="hunter22hunter22"))
        assert "hunter22" not in refused.value.public
        with pytest.raises(BadRequest, match="quotes"):
            await plugin.create(user("a b", CREATE, "GRANT READ ON things TO {{name}}"))
        assert influxdb.users() == set()
        with pytest.raises(UpstreamFailed, match="what was made is left"):
            await plugin.create(user("half", CREATE, "SHOW GRANTS FOR nobody", rollback=["NONSENSE"]))
        with pytest.raises(Refused, match="user not found"):
            await plugin.set_credential("nobody", Credential(password="x"), [])
        with pytest.raises(Refused, match="NONSENSE"):
            await plugin.drop("half", ["NONSENSE"])

    using(influxdb, work)


def test_who_is_no_administrator(influxdb: Server) -> None:
    influxdb.make("small", "small-password")

    async def run() -> None:
        plugin = InfluxDB(Settings("small", "small-password", {"host": "127.0.0.1", "port": influxdb.port}))
        with pytest.raises(Refused, match="requires admin privilege"):
            await plugin.verify()
        assert await plugin.accepts("small", "small-password")
        await http.close()

    asyncio.run(run())


def test_something_else_at_its_place() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
        await writer.drain()
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            plugin = InfluxDB(Settings("u", "p", {"host": "127.0.0.1", "port": port}))
            with pytest.raises(UpstreamFailed, match="not its own"):
                await plugin.verify()
            await http.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"host": ""}, "host cannot be empty"),
        ({"host": "h/x?"}, "invalid host or port"),
        ({"port": 70_000}, "invalid host or port"),
        ({"port": "x"}, "invalid port"),
        ({"username": ""}, "username cannot be empty"),
        ({"password": ""}, "password cannot be empty"),
        ({"pem_bundle": "nonsense"}, "invalid pem_bundle"),
        ({"pem_json": "nonsense"}, "invalid pem_json"),
    ),
)
def test_options_that_cannot_be(fields: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"host": "h", "username": "u", "password": "p"} | fields
    with pytest.raises(BadRequest, match=sentence):
        InfluxDB(Settings(given.pop("username"), given.pop("password"), given))


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture
def encrypted(influxdb: Server) -> Iterator[tuple[Server, SelfSigned]]:
    made = self_signed(["127.0.0.1"])
    (influxdb.folder / "certificate").write_bytes(made.certificate + made.key)
    influxdb.stop()
    influxdb.https = True
    influxdb.start()
    yield influxdb, made
    influxdb.stop()
    influxdb.https = False
    influxdb.start()


def test_tls(encrypted: tuple[Server, SelfSigned]) -> None:
    server, made = encrypted
    other = self_signed(["127.0.0.1"])
    ca = made.ca.decode()
    own = other.key.decode() + other.certificate.decode()
    answer = {"certificate": other.certificate.decode(), "private_key": other.key.decode(), "issuing_ca": ca}

    async def verified(**details: Any) -> None:
        plugin = InfluxDB(Settings(ROOT, PASSWORD, {"host": "127.0.0.1", "port": server.port} | details))
        await plugin.verify()

    async def run() -> None:
        await verified(pem_bundle=ca)
        await verified(pem_bundle=own + ca)
        await verified(pem_json=json.dumps(answer))
        await verified(pem_json=json.dumps({"data": answer}))
        await verified(tls=True, insecure_tls=True)
        for details in ({"tls": True}, {"pem_bundle": other.ca.decode()}, {"pem_bundle": own}):
            with pytest.raises(UpstreamFailed, match="certificate"):
                await verified(**details)
        with pytest.raises(UpstreamFailed):
            await verified()
        await http.close()

    asyncio.run(run())


def test_one_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.secrets.database.influxdb.LONGEST", 0.2)

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            plugin = InfluxDB(Settings("u", "p", {"host": "127.0.0.1", "port": silent.getsockname()[1]}))
            with pytest.raises(UpstreamFailed, match="no answer within"):
                await plugin.verify()
        await http.close()

    asyncio.run(run())
