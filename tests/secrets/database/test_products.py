"""What every plugin promises, whatever the database: tried with each of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strongroom.errors import UpstreamFailed
from strongroom.logical import SECOND
from strongroom.secrets.database.connection import Config, described
from strongroom.secrets.database.plugin import Credential, NewUser
from strongroom.secrets.database.statement import decoded
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.mongodb import FORGETFUL
from tests.secrets.database.product import (
    ADMIN,
    ADMIN_PASSWORD,
    Product,
    connected,
    creds,
    ok,
    plugin_of,
    run,
)
from tests.secrets.database.test_crash import dying_at_the_commit, reborn

FAR = 4_000_000_000 * SECOND
PRODUCTS = ("elasticsearch", "influxdb", "mariadb", pytest.param("mongodb", marks=FORGETFUL), "redis")


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> Product:
    found: Product = request.getfixturevalue(request.param)
    found.make(ADMIN, ADMIN_PASSWORD)
    return found


def test_a_user_works_until_it_is_revoked(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        user, password, lease = await creds(api)
        assert product.logs_in(user, password)
        assert not product.logs_in(user, password + "x")
        renewed = await ok(api, "PUT", "sys/leases/renew", {"lease_id": lease, "increment": 7200})
        assert renewed.json["lease_duration"] == 7200
        assert product.logs_in(user, password)
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert not product.logs_in(user, password)
        assert product.users() == set()
        assert not [row for row in await rows(api.core) if "/live/" in row or "/undo/" in row]

    inprocess(scenario)


def test_it_is_gone_after_its_time(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        user, password, _ = await creds(api)
        with later(api.core, 3599):
            await reap(api.core)
            assert product.logs_in(user, password)
        with later(api.core, 3601):
            await reap(api.core)
        assert product.users() == set()

    inprocess(scenario)


def test_a_revocation_waits_for_the_server(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        user, password, _ = await creds(api)
        product.stop()
        with later(api.core, 3601):
            await reap(api.core)
        product.start()
        assert product.logs_in(user, password)
        with later(api.core, 9000):
            await reap(api.core)
        assert product.users() == set()

    inprocess(scenario)


def test_a_user_that_is_gone_already_is_no_trouble(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        first, second = await creds(api), await creds(api)
        assert product.users() == {first[0], second[0]}
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": first[2], "sync": True})
        assert product.users() == {second[0]}
        await ok(api, "PUT", "sys/leases/revoke-prefix/db", {"sync": True})
        assert product.users() == set()

    inprocess(scenario)


def test_nobody_is_replaced_by_a_user_of_the_same_name(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product, username_template="account")
        product.make("account", "handmade-password")
        answer = await api("GET", "db/creds/app")
        assert answer.status == 400, answer
        assert product.logs_in("account", "handmade-password")

    inprocess(scenario)


def test_an_account_is_taken_over(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        product.make("account", "handmade-password")
        await ok(
            api,
            "POST",
            "db/static-roles/s",
            {"username": "account", "db_name": "it", "rotation_period": "1h"},
        )
        first = await _current(api)
        assert product.logs_in("account", first)
        assert not product.logs_in("account", "handmade-password")
        with later(api.core, 3601):
            await reap(api.core)
            second = await _current(api)
        assert product.logs_in("account", second)
        assert not product.logs_in("account", first)
        with dying_at_the_commit(api.core):
            assert (await api("POST", "db/rotate-role/s")).status == 500
        assert not product.logs_in("account", second)
        await reborn(api)
        assert product.logs_in("account", await _current(api))

    inprocess(scenario)


async def _current(api: InProcess) -> str:
    password: str = (await ok(api, "GET", "db/static-creds/s")).data["password"]
    return password


def test_an_account_that_is_not_there(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        body = {"username": "nobody", "db_name": "it", "rotation_period": "1h"}
        answer = await api("POST", "db/static-roles/s", body)
        assert answer.status == 400, answer
        assert product.users() == set()
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario)


def test_its_own_password(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        user, _, lease = await creds(api)
        await ok(api, "POST", "db/rotate-root/it")
        assert not product.logs_in(ADMIN, ADMIN_PASSWORD)
        assert (await ok(api, "GET", "db/config/it")).data["connection_details"].get("password") is None
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert user not in product.users()
        with dying_at_the_commit(api.core):
            assert (await api("POST", "db/rotate-root/it")).status == 500
        await reborn(api)
        user, password, _ = await creds(api)
        assert product.logs_in(user, password)

    inprocess(scenario)


def test_dead_before_a_user_is_stored(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        with dying_at_the_commit(api.core):
            assert (await api("GET", "db/creds/app")).status == 500
        assert len(product.users()) == 1
        await reborn(api)
        assert product.users() == set()

    inprocess(scenario)


def test_a_plugin_that_was_closed_serves_whoever_still_has_it(product: Product) -> None:
    async def work(plugin: Any) -> None:
        for _ in range(2):
            await plugin.verify()
            assert not await plugin.exists("nobody")
            assert not await plugin.accepts("nobody", "nothing")
            await plugin.close()

    run(lambda: plugin_of(product), work)


def test_a_server_that_is_down_and_back(product: Product) -> None:
    late = NewUser("late", Credential(password="s3cret-of-user"), FAR, decoded(product.creation))

    async def work(plugin: Any) -> None:
        await plugin.verify()
        product.stop()
        for act in (plugin.verify(), plugin.create(late), plugin.drop("late", []), plugin.accepts("a", "b")):
            with pytest.raises(UpstreamFailed) as failed:
                await act
            assert ADMIN_PASSWORD not in failed.value.public
        product.start()
        await plugin.create(late)
        assert product.users() == {"late"}

    run(lambda: plugin_of(product), work)


@pytest.mark.parametrize("down", (False, True))
def test_a_connection_that_does_not_work_is_refused(product: Product, *, down: bool) -> None:
    async def scenario(api: InProcess) -> None:
        await ok(api, "POST", "sys/mounts/db", {"type": "database"})
        if down:
            product.stop()
        body = product.config | ({} if down else {"password": "wrong-password"})
        answer = await api("POST", "db/config/it", body)
        assert answer.status == 400, answer
        assert "error verifying connection" in answer.errors[0]
        assert str(body["password"]) not in answer.errors[0]
        await ok(api, "POST", "db/config/it", body | {"verify_connection": False})

    inprocess(scenario)


def test_many_at_once(product: Product) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, product)
        made = await asyncio.gather(*(creds(api) for _ in range(20)))
        assert product.users() == {user for user, _, _ in made}
        await ok(api, "PUT", "sys/leases/revoke-prefix/db", {"sync": True})
        assert product.users() == set()

    inprocess(scenario, seconds=60)


def test_private_keys_of_any_plugin_are_not_shown() -> None:
    names = ("private_key", "tls_private_key", "tls_certificate_key", "client_key", "pem_bundle", "pem_json")
    assert "PRIVATE" not in str(described(Config(details=dict.fromkeys(names, "PRIVATE"))))
