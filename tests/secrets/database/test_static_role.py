"""Static roles: accounts whose passwords change by plan."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.clock import parse_rfc3339
from strongroom.logical import SECOND
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.postgres import Postgres
from tests.secrets.database.engine import CREATE, configured, connected, ok

ACCOUNT = 'the "app" o\'clock'


async def taken(api: InProcess, postgres: Postgres, **fields: Any) -> str:
    """A static role ``s`` for an account; gives its password."""
    quoted = ACCOUNT.replace('"', '""')
    if not postgres.has(ACCOUNT):
        postgres.query(f"CREATE ROLE \"{quoted}\" LOGIN PASSWORD 'handmade'")
    body = {"username": ACCOUNT, "db_name": "pg", "rotation_period": "1h"} | fields
    await ok(api, "POST", "db/static-roles/s", {k: v for k, v in body.items() if v is not None})
    return await current(api)


async def current(api: InProcess) -> str:
    password: str = (await ok(api, "GET", "db/static-creds/s")).data["password"]
    return password


def test_an_account_is_taken_over_at_once_and_changes_in_time(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        assert postgres.logs_in(ACCOUNT, first)
        assert not postgres.logs_in(ACCOUNT, "handmade")
        with later(api.core, 1000):
            answer = await ok(api, "GET", "db/static-creds/s")
            assert 2590 <= answer.data["ttl"] <= 2600
            await reap(api.core)
        assert await current(api) == first
        with later(api.core, 3601):
            await reap(api.core)
            second = await current(api)
            assert second != first
            assert postgres.logs_in(ACCOUNT, second)
            assert (await ok(api, "GET", "db/static-creds/s")).data["ttl"] > 3590
        with later(api.core, 7300):
            await reap(api.core)
            assert await current(api) != second

    inprocess(scenario)


def test_by_a_schedule(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(
            api, postgres, rotation_period=None, rotation_schedule="0 3 * * SAT", rotation_window="2h"
        )
        shown = (await ok(api, "GET", "db/static-roles/s")).data
        assert (shown["rotation_schedule"], shown["rotation_window"]) == ("0 3 * * SAT", 7200)
        assert "rotation_period" not in shown
        data = (await ok(api, "GET", "db/static-creds/s")).data
        due = api.core.clock() // SECOND + data["ttl"]
        assert abs(due - _next_saturday(api.core.clock() // SECOND)) <= 1
        with later(api.core, data["ttl"] + 2):
            await reap(api.core)
            assert await current(api) != first
            assert postgres.logs_in(ACCOUNT, await current(api))

    inprocess(scenario)


def _next_saturday(now: int) -> int:
    week = 7 * 86_400
    saturday = 2 * 86_400 + 3 * 3600  # 1970-01-03 was one
    return now + (saturday - now) % week


def test_a_window_that_has_closed_is_waited_out(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(
            api, postgres, rotation_period=None, rotation_schedule="0 3 * * *", rotation_window="1h"
        )
        ttl = (await ok(api, "GET", "db/static-creds/s")).data["ttl"]
        with later(api.core, ttl + 3700):
            await reap(api.core)
            data = (await ok(api, "GET", "db/static-creds/s")).data
            assert data["password"] == first
            assert 82_000 < data["ttl"] < 86_400

    inprocess(scenario)


def test_on_demand(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        before = (await ok(api, "GET", "db/static-creds/s")).data["last_vault_rotation"]
        answer = await api("POST", "db/rotate-role/s")
        assert answer.status == 204
        assert await current(api) != first
        after = (await ok(api, "GET", "db/static-creds/s")).data["last_vault_rotation"]
        assert parse_rfc3339(after) > parse_rfc3339(before)
        assert len([row for row in await rows(api.core, "sys/expire/at/") if "/w/" in row]) == 1
        answer = await api("POST", "db/rotate-role/none")
        assert (answer.status, answer.errors) == (400, ["no static role found for role name"])

    inprocess(scenario)


def test_a_database_that_is_down_is_tried_again(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        postgres.stop()
        assert (await api("POST", "db/rotate-role/s")).status == 502
        with later(api.core, 3601):
            await reap(api.core)
        postgres.start()
        with later(api.core, 3700):
            await reap(api.core)
            assert await current(api) != first
            assert postgres.logs_in(ACCOUNT, await current(api))
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario, seconds=60)


def test_statements_that_change_nothing_are_found_out(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        await ok(api, "POST", "db/static-roles/s", {"rotation_statements": ["SELECT '{{password}}'"]})
        answer = await api("POST", "db/rotate-role/s")
        assert answer.status == 400, answer
        assert "the old one still holds" in answer.errors[0]
        assert await current(api) == first
        assert postgres.logs_in(ACCOUNT, first)

    inprocess(scenario)


def test_an_account_has_one_role(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await taken(api, postgres)
        body = {"username": ACCOUNT, "db_name": "pg", "rotation_period": "1h"}
        answer = await api("POST", "db/static-roles/t", body)
        assert answer.status == 400, answer
        await ok(api, "DELETE", "db/static-roles/s")
        assert not [row for row in await rows(api.core, "sys/expire/at/") if "/w/" in row]
        await ok(api, "POST", "db/static-roles/t", body)

    inprocess(scenario)


def test_another_connection_takes_its_account_over(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await configured(api, postgres, "other")
        first = await taken(api, postgres)
        await ok(api, "POST", "db/static-roles/s", {"db_name": "other"})
        role = (await ok(api, "GET", "db/static-roles/s")).data
        assert (role["db_name"], role["username"], role["rotation_period"]) == ("other", ACCOUNT, 3600)
        second = await current(api)
        assert second != first
        assert postgres.logs_in(ACCOUNT, second)
        body = {"username": ACCOUNT, "db_name": "other", "rotation_period": "1h"}
        assert (await api("POST", "db/static-roles/t", body)).status == 400
        await ok(api, "POST", "db/static-roles/t", body | {"db_name": "pg", "skip_import_rotation": True})
        answer = await api("POST", "db/static-roles/s", {"db_name": "pg"})
        assert answer.status == 400, answer
        assert await current(api) == second

    inprocess(scenario)


def test_a_role_that_is_no_longer_allowed_changes_nothing(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        await configured(api, postgres, allowed_roles="others")
        for method, path in (("POST", "db/rotate-role/s"), ("GET", "db/static-creds/s")):
            answer = await api(method, path)
            assert (answer.status, answer.errors) == (400, ['"s" is not an allowed role'])
        with later(api.core, 3601):
            await reap(api.core)
        assert postgres.logs_in(ACCOUNT, first)

    inprocess(scenario)


@pytest.mark.parametrize(("role", "left"), (({}, True), ({"skip_import_rotation": False}, False)))
def test_a_connection_says_whether_passwords_are_left_at_first(
    postgres: Postgres, role: dict[str, bool], *, left: bool
) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres, skip_static_role_import_rotation=True)
        assert (await ok(api, "GET", "db/config/pg")).data["skip_static_role_import_rotation"] is True
        await taken(api, postgres, **role)
        assert postgres.logs_in(ACCOUNT, "handmade") is left

    inprocess(scenario)


def test_a_password_is_left_as_it_is_at_first(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        assert await taken(api, postgres, skip_import_rotation=True, password="handmade") == "handmade"
        assert postgres.logs_in(ACCOUNT, "handmade")
        with later(api.core, 3601):
            await reap(api.core)
            assert postgres.logs_in(ACCOUNT, await current(api))
        assert not postgres.logs_in(ACCOUNT, "handmade")

    inprocess(scenario)


def test_accounts_that_change_their_passwords_themselves(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        own = {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": postgres.url,
            "allowed_roles": "*",
        }
        answer = await api("POST", "db/config/own", own | {"self_managed": True, "username": "x"})
        assert (answer.status, "without username" in answer.errors[0]) == (400, True)
        await ok(api, "POST", "db/config/own", own | {"self_managed": True})
        account = {"db_name": "own", "username": ACCOUNT, "rotation_period": "1h"}
        answer = await api("POST", "db/static-roles/s", account)
        assert (answer.status, "password is required" in answer.errors[0]) == (400, True)
        assert (await api("POST", "db/rotate-root/own")).status == 400
        await ok(api, "POST", "db/roles/none", {"db_name": "own", "creation_statements": CREATE})
        answer = await api("GET", "db/creds/none")
        assert (answer.status, "makes no users" in answer.errors[0]) == (400, True)
        await taken(api, postgres, db_name="own", self_managed_password="handmade")
        for _ in range(2):
            before = await current(api)
            assert postgres.logs_in(ACCOUNT, before)
            await ok(api, "POST", "db/rotate-role/s")
            assert not postgres.logs_in(ACCOUNT, before)
        assert postgres.logs_in(ACCOUNT, await current(api))

    inprocess(scenario)


def test_changes_of_the_plan_move_the_next_rotation(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        await ok(api, "POST", "db/static-roles/s", {"username": ACCOUNT, "rotation_period": "4h"})
        with later(api.core, 3700):
            await reap(api.core)
            assert await current(api) == first
        await ok(api, "POST", "db/static-roles/s", {"rotation_period": "10m"})
        with later(api.core, 700):
            await reap(api.core)
            assert await current(api) != first

    inprocess(scenario)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"db_name": None}, "database name is a required field"),
        ({"username": None}, "username is a required field to create a static account"),
        ({"rotation_period": None}, "rotation_period is required to create static accounts"),
        ({"rotation_period": "4s"}, "rotation_period must be 5 seconds or more"),
        ({"rotation_schedule": "0 3 * * *"}, "cannot be given together"),
        ({"rotation_period": None, "rotation_schedule": "99 * * * *"}, "minute is out of range"),
        (
            {"rotation_period": None, "rotation_schedule": "* * * * *", "rotation_window": "1m"},
            "3600 seconds",
        ),
        ({"rotation_window": "1h"}, "belongs to a rotation_schedule"),
        ({"db_name": "none"}, "failed to find entry for connection"),
        ({"username": "nobody"}, "does not exist"),
        ({"credential_type": "nope"}, 'invalid credential_type "nope"'),
    ),
)
def test_roles_that_cannot_be(postgres: Postgres, fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        body = {"username": "app", "db_name": "pg", "rotation_period": "1h"} | fields
        answer = await api("POST", "db/static-roles/s", {k: v for k, v in body.items() if v is not None})
        assert answer.status == 400, answer
        assert sentence in answer.errors[0]
        assert (await api("LIST", "db/static-roles")).status == 404
        assert not [row for row in await rows(api.core) if "/undo/" in row or "/account/" in row]

    inprocess(scenario)
