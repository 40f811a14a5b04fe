"""The Redis plugin against a real server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.crypto.selfsigned import self_signed
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.name_template import NameTemplate
from strongroom.secrets.database import redis as module
from strongroom.secrets.database.connection import Config
from strongroom.secrets.database.plugin import Credential, NewUser, Refused, Settings
from strongroom.secrets.database.plugins import plugin_class
from strongroom.secrets.database.redis import Redis
from strongroom.secrets.database.statement import decoded
from tests.inprocess import InProcess, inprocess
from tests.redis import Redis as Server
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD, connected, creds, ok, run

HOSTILE = ("o'brien", 'a"b', "a\\'b\\", ">pass", "#hash", "nopass", "~*", "naïve☂", "x\\r\\n", "-1")


def using(server: Server, work: Callable[[Redis], Awaitable[None]], **details: Any) -> None:
    place = {"host": "127.0.0.1", "port": server.port} | details
    server.make(ADMIN, ADMIN_PASSWORD)
    run(lambda: Redis(Settings(ADMIN, ADMIN_PASSWORD, place)), work)


def user(name: str, *rules: str, password: str = "s3cret-of-user") -> NewUser:
    return NewUser(name, Credential(password=password), 0, decoded(list(rules)))


@pytest.mark.parametrize("name", ("redis-database-plugin", "valkey-database-plugin"))
def test_the_plugins_of_their_names(name: str) -> None:
    assert plugin_class(name) is Redis


def test_names() -> None:
    made = NameTemplate(Redis.username_template).render(0, display_name="token-x", role_name="app")
    assert made.startswith("V_TOKEN-X_APP_")
    assert made == made.upper()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_user_lives_and_dies_whatever_its_name_and_password(redis: Server, name: str) -> None:
    async def work(plugin: Redis) -> None:
        assert not await plugin.exists(name)
        password = f"{name} with\nlines and spaces"
        await plugin.create(user(name, password=password))
        assert await plugin.exists(name)
        assert redis.users() == {name}
        assert await plugin.accepts(name, password)
        assert not await plugin.accepts(name, "wrong")
        await plugin.set_credential(name, Credential(password=name), [])
        assert await plugin.accepts(name, name)
        assert not await plugin.accepts(name, password)
        await plugin.drop(name, [])
        await plugin.drop(name, [])
        assert redis.users() == set()

    using(redis, work)


@pytest.mark.parametrize(
    ("rules", "expected"),
    (
        ([], "~* resetchannels -@all +@read"),
        (['["~app:*", "+get", "&news"]'], "~app:* resetchannels &news -@all +get"),
        (["~app:*", "+get"], "~app:* resetchannels -@all +get"),
        (['["~a:*"]', '["+set"]'], "~a:* resetchannels -@all +set"),
        (['["nopass", "off", ">other", "+get"]'], "resetchannels -@all +get"),
    ),
)
def test_the_rules_of_a_role(redis: Server, rules: list[str], expected: str) -> None:
    async def work(plugin: Redis) -> None:
        await plugin.create(user("ruled", *rules))
        (line,) = [
            line for line in redis.command("ACL", "LIST").splitlines() if line.startswith("user ruled ")
        ]
        words = line.split()
        assert words[2] == "on"
        assert words[3].startswith("#")
        assert " ".join(words[4:]) == expected
        assert await plugin.accepts("ruled", "s3cret-of-user")
        assert not await plugin.accepts("ruled", "other")

    using(redis, work)


def test_no_password_is_sent(redis: Server) -> None:
    async def work(plugin: Redis) -> None:
        await plugin.create(user("quiet"))
        await plugin.set_credential("quiet", Credential(password="another-secret"), [])

    redis.settings = ("--slowlog-log-slower-than", "0")
    redis.stop()
    redis.start()
    using(redis, work)
    log = redis.command("SLOWLOG", "GET", "100")
    assert "SETUSER" in log
    assert "s3cret-of-user" not in log
    assert "another-secret" not in log


@pytest.mark.parametrize(
    ("name", "rules", "error", "sentence"),
    (
        ("x", ["nonsense"], Refused, "nonsense"),
        ("x", ['["nonsense"]'], Refused, "nonsense"),
        ("x", ["[1]"], BadRequest, "JSON list"),
        ("x", ["[unclosed"], BadRequest, "JSON list"),
        ("with space", [], Refused, "spaces"),
        ("default", [], Refused, "there already"),
    ),
)
def test_what_cannot_be(
    redis: Server, name: str, rules: list[str], error: type[Exception], sentence: str
) -> None:
    async def work(plugin: Redis) -> None:
        with pytest.raises(error, match=sentence):
            await plugin.create(user(name, *rules))
        assert redis.users() == set()
        with pytest.raises(Refused, match="default"):
            await plugin.drop("default", [])
        with pytest.raises(Refused, match="no user"):
            await plugin.set_credential("nobody", Credential(password="x"), [])

    using(redis, work)


def test_users_outlive_the_server_by_its_file(redis: Server) -> None:
    async def work(plugin: Redis) -> None:
        await plugin.create(user("kept"))
        redis.stop()
        redis.start()
        assert await plugin.accepts("kept", "s3cret-of-user")
        await plugin.drop("kept", [])
        redis.stop()
        redis.start()
        assert redis.users() == set()

    using(redis, work, persistence_mode="aclfile")


def test_users_outlive_the_server_by_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text(f"user {ADMIN} on >{ADMIN_PASSWORD} ~* &* +@all\n")
    server = _Configured(tmp_path)
    server.start()
    try:

        async def work(plugin: Redis) -> None:
            await plugin.create(user("kept"))
            server.stop()
            assert "user kept on" in (tmp_path / "redis.conf").read_text()
            server.start()
            await plugin.drop("kept", [])
            assert "user kept" not in (tmp_path / "redis.conf").read_text()

        using(server, work, persistence_mode="REWRITE")
    finally:
        server.stop()


class _Configured(Server):
    """One with a configuration file instead of a file of users."""

    def options(self) -> list[str]:
        return [str(self.folder / "redis.conf"), "--save", ""]

    def _keep(self) -> None:
        """It is kept by whoever wants it kept."""


def test_where_users_cannot_be_written_down_none_is_made(redis: Server) -> None:
    async def work(plugin: Redis) -> None:
        with pytest.raises(Refused, match="config file"):
            await plugin.create(user("lost"))
        assert redis.users() == set()
        redis.make("account", "handmade")
        with pytest.raises(UpstreamFailed, match="not written down"):
            await plugin.set_credential("account", Credential(password="new"), [])

    using(redis, work, persistence_mode="REWRITE")


def test_rights_that_are_missing(redis: Server) -> None:
    redis.make("small", "small-password")

    async def run() -> None:
        details = {"host": "127.0.0.1", "port": redis.port}
        plugin = Redis(Settings("small", "small-password", details))
        try:
            with pytest.raises(Refused, match="permissions"):
                await plugin.create(user("x"))
        finally:
            await plugin.close()

    asyncio.run(run())


def test_sessions_of_a_user_that_is_removed_end(redis: Server) -> None:
    async def work(plugin: Redis) -> None:
        await plugin.create(user("session"))
        with socket.create_connection(("127.0.0.1", redis.port), 10) as wire:
            wire.sendall(b"AUTH session s3cret-of-user\r\n")
            assert wire.recv(100) == b"+OK\r\n"
            await plugin.drop("session", [])
            assert wire.recv(100) == b""

    using(redis, work)


def test_many_at_once_share_few_connections(redis: Server) -> None:
    async def work(plugin: Redis) -> None:
        await asyncio.gather(*(plugin.create(user(f"many{n}")) for n in range(30)))
        assert len(redis.users()) == 30
        assert redis.command("CLIENT", "LIST").count(f"user={ADMIN}") <= 3

    using(redis, work, max_open_connections=3)


def test_one_that_does_not_answer_holds_nobody_up(redis: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(plugin: Redis) -> None:
        await plugin.verify()
        redis.command("CLIENT", "PAUSE", "1500", "ALL")
        with pytest.raises(UpstreamFailed, match="did not answer"):
            await plugin.exists("x")
        with pytest.raises(UpstreamFailed, match="in time"):
            await plugin.verify()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert not await plugin.exists("x")
                    break
                except UpstreamFailed:
                    await asyncio.sleep(0.1)

    monkeypatch.setattr(module, "PATIENCE", 0.2)
    monkeypatch.setattr(module, "LONGEST", 0.2)
    using(redis, work)


def test_tls(redis: Server) -> None:
    made = self_signed(["127.0.0.1"])
    old = self_signed(["127.0.0.1"], datetime.now(UTC) - timedelta(days=60))
    for name, pem in (
        ("ca", made.ca), ("cert", made.certificate), ("key", made.key),
        ("old-cert", old.certificate), ("old-key", old.key),
    ):  # fmt: skip
        (redis.folder / name).write_bytes(pem)
    redis.stop()
    redis.settings = (
        "--tls-port", "0", "--tls-cert-file", "cert", "--tls-key-file", "key", "--tls-ca-cert-file", "ca",
        "--tls-auth-clients", "no",
    )  # fmt: skip
    redis.start()
    redis.make(ADMIN, ADMIN_PASSWORD)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redis.command("CONFIG", "SET", "tls-port", str(port))

    async def verified(**details: Any) -> None:
        plugin = Redis(Settings(ADMIN, ADMIN_PASSWORD, {"host": "127.0.0.1", "port": port} | details))
        try:
            await plugin.verify()
        finally:
            await plugin.close()

    async def run() -> None:
        await verified(tls=True, ca_cert=made.ca.decode())
        await verified(tls=True, insecure_tls=True)
        for details in ({}, {"ca_cert": self_signed(["127.0.0.1"]).ca.decode()}):
            with pytest.raises(UpstreamFailed, match="certificate"):
                await verified(tls=True, **details)
        redis.command("CONFIG", "SET", "tls-cert-file", "old-cert", "tls-key-file", "old-key")
        with pytest.raises(UpstreamFailed, match="expired"):
            await verified(tls=True, ca_cert=old.ca.decode())
        with pytest.raises(UpstreamFailed):
            await verified(tls=False)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"host": ""}, "host cannot be empty"),
        ({"port": 0}, "port cannot be empty"),
        ({"port": 70_000}, "invalid port"),
        ({"port": "x"}, "invalid port"),
        ({"username": ""}, "username cannot be empty"),
        ({"password": ""}, "password cannot be empty"),
        ({"persistence_mode": "nope"}, "invalid persistence_mode"),
        ({"tls": True, "ca_cert": "nonsense"}, "not valid PEM"),
    ),
)
def test_options_that_cannot_be(fields: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"host": "h", "port": 1, "username": "u", "password": "p"} | fields
    with pytest.raises(BadRequest, match=sentence):
        Redis(Settings(given.pop("username"), given.pop("password"), given))


def test_the_same_account_at_another_place_is_another() -> None:
    one = Config(plugin_name="redis-database-plugin", username="u", details={"host": "a", "port": 1})
    assert one.replaces(
        Config(plugin_name="redis-database-plugin", username="u", details={"host": "a", "port": "1"})
    )
    for details in ({"host": "b", "port": 1}, {"host": "a", "port": 2}):
        assert not one.replaces(Config(plugin_name="redis-database-plugin", username="u", details=details))


def test_rules_that_the_wire_gives_as_text_or_list(redis: Server) -> None:
    redis.make(ADMIN, ADMIN_PASSWORD)

    async def scenario(api: InProcess) -> None:
        await connected(api, redis)
        for statements in ('["~app:*", "+get"]', ["~app:*", "+get"]):
            await ok(api, "POST", "db/roles/app", {"creation_statements": statements})
            name, _, _ = await creds(api)
            shown = redis.command("ACL", "GETUSER", name)
            assert "~app:*" in shown
            assert "-@all +get" in shown

    inprocess(scenario)
