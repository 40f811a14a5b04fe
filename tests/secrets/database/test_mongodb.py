"""The MongoDB plugin against a stand-in of its wire protocol."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.crypto.selfsigned import self_signed
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.name_template import NameTemplate
from strongroom.secrets.database.mongodb import MongoDB
from strongroom.secrets.database.plugin import Credential, NewUser, Refused, Settings
from strongroom.secrets.database.plugins import plugin_class
from tests.listener.authority import issue
from tests.mongodb import FORGETFUL
from tests.mongodb import MongoDB as Server
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD, run

pytestmark = FORGETFUL

READ = '{"db": "admin", "roles": [{"role": "read", "db": "shop"}]}'
HOSTILE = ("o'brien", 'a"b', "a@b:c/d?e=f&g", "100%25", "a=b,n=root", "naïve ☂", "$where", "a.b")


def using(server: Server, work: Callable[[MongoDB], Awaitable[None]], **details: Any) -> None:
    place = {"connection_url": server.url} | details
    server.make(ADMIN, ADMIN_PASSWORD)
    run(lambda: MongoDB(Settings(ADMIN, ADMIN_PASSWORD, place)), work)


def user(name: str, *statements: str, password: str = "s3cret-of-user") -> NewUser:
    return NewUser(name, Credential(password=password), 0, list(statements) or [READ])


def test_it_is_the_plugin_of_its_name() -> None:
    assert plugin_class("mongodb-database-plugin") is MongoDB


def test_names_have_no_dots() -> None:
    made = NameTemplate(MongoDB.username_template).render(0, display_name="ldap-a.b", role_name="r.s")
    assert made.startswith("v-ldap-a-b-r-s-")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_user_lives_and_dies_whatever_its_name_and_password(mongodb: Server, name: str) -> None:
    async def work(plugin: MongoDB) -> None:
        assert not await plugin.exists(name)
        await plugin.create(user(name, password=name))
        assert await plugin.exists(name)
        assert await plugin.accepts(name, name)
        assert not await plugin.accepts(name, "wrong")
        await plugin.set_credential(name, Credential(password=name + "2"), [])
        assert await plugin.accepts(name, name + "2")
        await plugin.drop(name, [])
        await plugin.drop(name, [])
        assert mongodb.users() == set()

    using(mongodb, work)


@pytest.mark.parametrize("name", HOSTILE)
def test_an_administrator_of_any_name(mongodb: Server, name: str) -> None:
    mongodb.make(name, name)

    async def run() -> None:
        for url in (mongodb.url, mongodb.url + "?appName=x", mongodb.url.removesuffix("admin")):
            plugin = MongoDB(Settings(name, name, {"connection_url": url}))
            await plugin.verify()
            await plugin.close()

    asyncio.run(run())


def test_databases_and_roles(mongodb: Server) -> None:
    async def work(plugin: MongoDB) -> None:
        await plugin.create(user("shopper", '{"db": "shop", "roles": ["read", {"role": "dbAdmin"}]}'))
        assert mongodb.accounts["shop", "shopper"].roles == ["read", "dbAdmin"]
        await plugin.create(user("reader", '{"roles": [{"role": "read", "db": "shop"}]}'))
        assert mongodb.accounts["admin", "reader"].roles == [{"role": "read", "db": "shop"}]
        await plugin.drop("shopper", ['{"db": "other"}'])
        assert mongodb.users() == {"shopper", "reader"}
        await plugin.drop("shopper", ['{"db": "shop"}'])
        await plugin.drop("reader", [])
        await plugin.create(user("shopper", '{"db": "shop", "roles": ["read"]}'))
        await plugin.drop("shopper", [])
        assert mongodb.users() == set()

    using(mongodb, work)


def test_logins_are_checked_by_the_database_of_the_url(mongodb: Server) -> None:
    mongodb.make("elsewhere", "elsewhere-password", "shop")
    mongodb.accounts["shop", "elsewhere"].roles = ["root"]

    async def run() -> None:
        for suffix in ("/shop", "/?authSource=shop", "/other?authSource=shop"):
            url = mongodb.url.replace("/admin", suffix)
            plugin = MongoDB(Settings("elsewhere", "elsewhere-password", {"connection_url": url}))
            await plugin.verify()
            await plugin.set_credential("elsewhere", Credential(password="elsewhere-password"), [])
            assert await plugin.accepts("elsewhere", "elsewhere-password")
            await plugin.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "told"),
    (
        ('{"wmode": "majority", "wtimeout": 5000}', {"w": "majority", "wtimeout": 5000}),
        (b64encode(b'{"w": 2, "j": true}').decode(), {"w": 2, "j": True}),
    ),
)
def test_write_concerns(mongodb: Server, given: str, told: dict[str, Any]) -> None:
    async def work(plugin: MongoDB) -> None:
        await plugin.create(user("concerned"))
        assert mongodb.commands[-1]["writeConcern"] == told

    using(mongodb, work, write_concern=given)


@pytest.mark.parametrize(
    ("statements", "error", "sentence"),
    (
        (["nonsense"], BadRequest, "JSON object"),
        (['{"db": "admin"}'], BadRequest, "roles array is required"),
        (['{"db": 5, "roles": ["read"]}'], BadRequest, "JSON object"),
        ([], BadRequest, "empty creation statements"),
        (['{"roles": ["nonsense"]}'], Refused, "Could not find role"),
    ),
)
def test_what_cannot_be(
    mongodb: Server, statements: list[str], error: type[Exception], sentence: str
) -> None:
    async def work(plugin: MongoDB) -> None:
        with pytest.raises(error, match=sentence):
            await plugin.create(NewUser("x", Credential(password="y"), 0, statements))
        with pytest.raises(Refused, match="not found"):
            await plugin.set_credential("nobody", Credential(password="x"), [])
        assert mongodb.users() == set()

    using(mongodb, work)


def test_who_may_not(mongodb: Server) -> None:
    mongodb.make("small", "small-password")

    async def work(plugin: MongoDB) -> None:
        small = MongoDB(Settings("small", "small-password", {"connection_url": mongodb.url}))
        try:
            with pytest.raises(Refused, match="not authorized"):
                await small.create(user("x"))
        finally:
            await small.close()
        await plugin.create(user("there"))
        with pytest.raises(Refused, match="already exists"):
            await plugin.create(user("there"))

    using(mongodb, work)


def test_tls(mongodb: Server, tmp_path: Path) -> None:
    made, clients = self_signed(["127.0.0.1"]), issue("clients", ca=True)
    (tmp_path / "pem").write_bytes(made.certificate + made.key)
    mongodb.stop()
    mongodb.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mongodb.tls.load_cert_chain(tmp_path / "pem")
    mongodb.tls.load_verify_locations(cadata=clients.pem)
    mongodb.tls.verify_mode = ssl.CERT_OPTIONAL
    mongodb.start()
    mongodb.make(ADMIN, ADMIN_PASSWORD)
    ca = made.ca.decode()
    own = "".join(Path(name).read_text() for name in issue("me", clients).save(tmp_path, "me"))

    async def verified(suffix: str = "", **details: Any) -> None:
        place = {"connection_url": mongodb.url + suffix} | details
        plugin = MongoDB(Settings(ADMIN, ADMIN_PASSWORD, place))
        try:
            await plugin.verify()
        finally:
            await plugin.close()

    async def run() -> None:
        await verified(tls_ca=ca)
        await verified(tls_ca=ca, tls_certificate_key=own)
        await verified("?tls=true&tlsAllowInvalidCertificates=true")
        for suffix, details in (("?tls=true", {}), ("", {"tls_ca": clients.pem})):
            with pytest.raises(UpstreamFailed, match="certificate"):
                await verified(suffix, **details)
        with pytest.raises(UpstreamFailed):
            await verified()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"connection_url": ""}, "connection_url cannot be empty"),
        ({"connection_url": "http://h/"}, "mongodb://host/ is expected"),
        (
            {"connection_url": "mongodb://h/?no_such_option=1"},
            "invalid connection_url",
        ),
        ({"connection_url": "mongodb://h/?tlsCAFile=/etc/passwd"}, "given as tls_ca"),
        ({"connection_url": "mongodb://h/?authMechanism=MONGODB-AWS"}, "authMechanism"),
        ({"username": "{{password}}"}, "template variables"),
        ({"tls_ca": "nonsense"}, "tls_ca is not valid PEM"),
        ({"tls_certificate_key": "-----BEGIN x"}, "invalid connection_url"),
        ({"write_concern": "nonsense"}, "invalid write_concern"),
    ),
)
def test_options_that_cannot_be(fields: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"connection_url": "mongodb://h/", "username": "u", "password": "p"} | fields

    async def run() -> None:
        with pytest.raises(BadRequest, match=sentence):
            MongoDB(Settings(given.pop("username"), given.pop("password"), given))

    asyncio.run(run())
