"""The Elasticsearch plugin against a stand-in of the security API."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.crypto.selfsigned import self_signed
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.secrets.database.elasticsearch import Elasticsearch
from strongroom.secrets.database.plugin import Credential, NewUser, Refused, Settings
from strongroom.secrets.database.plugins import plugin_class
from strongroom.upstream import http
from tests.elasticsearch import Elasticsearch as Server
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD, run

OWN = '{"elasticsearch_role_definition": {"indices": [{"names": ["x*"], "privileges": ["read"]}]}}'
HOSTILE = ("o'brien", 'a"b', "a/b", "../role/x", "..", "a?b=c#d", "100%25", "a b\\")


def using(server: Server, work: Callable[[Elasticsearch], Awaitable[None]], **details: Any) -> None:
    place = {"url": server.url} | details
    server.make(ADMIN, ADMIN_PASSWORD)
    run(lambda: Elasticsearch(Settings(ADMIN, ADMIN_PASSWORD, place)), work)


def user(name: str, *statements: str, password: str = "s3cret-of-user") -> NewUser:
    return NewUser(name, Credential(password=password), 0, list(statements))


def test_it_is_the_plugin_of_its_name() -> None:
    assert plugin_class("elasticsearch-database-plugin") is Elasticsearch


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("old", (False, True))
def test_a_user_lives_and_dies_whatever_its_name_and_password(
    elasticsearch: Server, name: str, *, old: bool
) -> None:
    async def work(plugin: Elasticsearch) -> None:
        assert not await plugin.exists(name)
        password = f"{name}: ☂ \n"
        await plugin.create(user(name, OWN, password=password))
        assert await plugin.exists(name)
        assert elasticsearch.accounts[name] == {"password": password, "roles": [name]}
        assert elasticsearch.roles == {name: {"indices": [{"names": ["x*"], "privileges": ["read"]}]}}
        if ":" not in name:
            assert await plugin.accepts(name, password)
        assert not await plugin.accepts(name, "wrong")
        await plugin.set_credential(name, Credential(password="changed"), [])
        assert elasticsearch.logs_in(name, "changed")
        await plugin.drop(name, [])
        await plugin.drop(name, [])
        assert (elasticsearch.users(), elasticsearch.roles) == (set(), {})

    elasticsearch.prefix = "/_xpack/security" if old else "/_security"
    using(elasticsearch, work, use_old_xpack=old)


def test_roles_that_are_there(elasticsearch: Server) -> None:
    async def work(plugin: Elasticsearch) -> None:
        await plugin.create(user("reading", '{"elasticsearch_roles": ["reader"]}'))
        assert elasticsearch.accounts["reading"]["roles"] == ["reader"]
        assert elasticsearch.roles == {}
        elasticsearch.roles["precious"] = {}
        assert await plugin.exists("precious")

    using(elasticsearch, work)


@pytest.mark.parametrize(
    ("name", "statement", "password", "error", "sentence"),
    (
        ("x", OWN, "short", Refused, "at least"),
        (" x", OWN, "long-enough", Refused, "invalid role name"),
        ("x", '{"elasticsearch_role_definition": {"no": 1}}', "long-enough", Refused, "unexpected field"),
        ("x", "{}", "long-enough", BadRequest, "is expected"),
        ("x", "nonsense", "long-enough", BadRequest, "JSON object"),
        ("x", '{"elasticsearch_roles": "reader"}', "long-enough", BadRequest, "JSON object"),
    ),
)
def test_what_is_refused_leaves_nothing(
    elasticsearch: Server, *, name: str, statement: str, password: str, error: type[Exception], sentence: str
) -> None:
    async def work(plugin: Elasticsearch) -> None:
        with pytest.raises(error, match=sentence) as refused:
            await plugin.create(user(name, statement, password=password))
        assert password not in str(refused.value.public)  # type: ignore[attr-defined]
        assert (elasticsearch.users(), elasticsearch.roles) == (set(), {})
        with pytest.raises(Refused, match="user must exist"):
            await plugin.set_credential("nobody", Credential(password="long-enough"), [])

    using(elasticsearch, work)


def test_rights_that_are_missing_and_a_server_that_is_down(elasticsearch: Server) -> None:
    elasticsearch.make("small", "small-password")

    async def work(plugin: Elasticsearch) -> None:
        small = Elasticsearch(Settings("small", "small-password", {"url": elasticsearch.url}))
        with pytest.raises(Refused, match="unauthorized"):
            await small.create(user("x", OWN))
        elasticsearch.stop()
        for act in (plugin.verify(), plugin.drop("x", []), plugin.accepts("a", "b")):
            with pytest.raises(UpstreamFailed):
                await act

    using(elasticsearch, work)


def test_tls(elasticsearch: Server, tmp_path: Path) -> None:
    made = self_signed(["db.example"])
    (tmp_path / "pem").write_bytes(made.certificate + made.key)
    elasticsearch.stop()
    elasticsearch.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    elasticsearch.tls.load_cert_chain(tmp_path / "pem")
    elasticsearch.start()
    elasticsearch.make(ADMIN, ADMIN_PASSWORD)
    ca = made.ca.decode()

    async def verified(**details: Any) -> None:
        await Elasticsearch(Settings(ADMIN, ADMIN_PASSWORD, {"url": elasticsearch.url} | details)).verify()

    async def run() -> None:
        await verified(ca_cert=ca, tls_server_name="db.example")
        await verified(insecure=True)
        for details in ({}, {"ca_cert": ca}, {"ca_cert": ca, "tls_server_name": "other.example"}):
            with pytest.raises(UpstreamFailed, match="certificate"):
                await verified(**details)
        await http.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"url": ""}, "url cannot be empty"),
        ({"url": "nonsense"}, "must be an http or https URL"),
        ({"username": ""}, "username cannot be empty"),
        ({"password": ""}, "password cannot be empty"),
        ({"ca_cert": "/etc/passwd"}, "not the name of a file"),
        ({"ca_path": "/etc"}, "ca_path is not read"),
        ({"insecure": "perhaps"}, "invalid insecure"),
    ),
)
def test_options_that_cannot_be(fields: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"url": "https://h", "username": "u", "password": "p"} | fields
    with pytest.raises(BadRequest, match=sentence):
        Elasticsearch(Settings(given.pop("username"), given.pop("password"), given))
