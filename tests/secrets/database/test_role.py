"""Roles: users that live and die with their leases."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.postgres import Postgres
from tests.secrets.database.engine import ADMIN, CREATE, configured, connected, creds, ok
from tests.secrets.database.proxy import wire


def test_a_user_works_until_it_is_revoked(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        answer = await ok(api, "GET", "db/creds/app")
        user, password, lease = answer.data["username"], answer.data["password"], answer.json["lease_id"]
        assert re.fullmatch(r"v-token-app-[0-9A-Za-z]{20}-\d{10}", user)
        assert len(password) == 20
        assert (answer.json["lease_duration"], answer.json["renewable"]) == (3600, True)
        assert lease.startswith("db/creds/app/")
        assert postgres.query("SELECT 1", user=user, password=password)
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert not postgres.has(user)
        assert not [row for row in await rows(api.core) if "/live/" in row or "/undo/" in row]

    inprocess(scenario)


def test_it_is_gone_after_its_time(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        user, _, _ = await creds(api)
        with later(api.core, 3599):
            await reap(api.core)
            assert postgres.has(user)
        with later(api.core, 3601):
            await reap(api.core)
        assert not postgres.has(user)

    inprocess(scenario)


def test_it_is_gone_with_its_token(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        token = await api.policy_token('path "db/creds/*" { capabilities = ["read"] }')
        user, _, _ = await creds(api, token=token)
        assert user.startswith("v-token-app-")
        await ok(api, "POST", "auth/token/revoke", {"token": token})
        await reap(api.core)
        assert not postgres.has(user)

    inprocess(scenario)


def test_it_is_gone_after_the_server_was_sealed_in_between(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        user, _, _ = await creds(api)
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        with later(api.core, 3601):
            await reap(api.core)
        assert not postgres.has(user)

    inprocess(scenario)


def test_it_is_gone_after_the_database_was_down_when_it_ended(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        user, _, lease = await creds(api)
        postgres.stop()
        answer = await api("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert (answer.status, "failed to revoke" in answer.errors[0]) == (400, True)
        with later(api.core, 3601):
            await reap(api.core)
        answer = await api("GET", "db/creds/app")
        assert answer.status == 502, answer
        postgres.start()
        assert postgres.has(user)
        with later(api.core, 3700):
            await reap(api.core)
        assert not postgres.has(user)
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario, seconds=60)


def test_a_renewal_moves_the_end_in_the_database(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        user, _, lease = await creds(api)
        until = "SELECT extract(epoch FROM rolvaliduntil - now())::int FROM pg_roles WHERE rolname = %s"
        assert 3590 <= postgres.query(until, user)[0][0] <= 3606
        answer = await ok(api, "PUT", "sys/leases/renew", {"lease_id": lease, "increment": 7200})
        assert answer.json["lease_duration"] == 7200
        assert 7190 <= postgres.query(until, user)[0][0] <= 7206
        await ok(
            api, "POST", "db/roles/app", {"renew_statements": 'ALTER ROLE "{{name}}" CONNECTION LIMIT 3'}
        )
        await ok(api, "PUT", "sys/leases/renew", {"lease_id": lease, "increment": 7200})
        assert postgres.query("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", user) == [(3,)]
        await ok(api, "DELETE", "db/roles/app")
        answer = await api("PUT", "sys/leases/renew", {"lease_id": lease})
        assert answer.status == 400
        assert 'could not find role with name "app"' in answer.errors[0]

    inprocess(scenario)


def test_what_is_needed_to_end_a_lease_outlives_role_and_connection(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        postgres.query("DROP TABLE IF EXISTS ended; CREATE TABLE ended (name text)")
        statements = "INSERT INTO ended VALUES ('{{name}}'); DROP ROLE \"{{name}}\""
        await ok(api, "POST", "db/roles/app", {"revocation_statements": [statements]})
        first, _, lease = await creds(api)
        second, _, other = await creds(api)
        await ok(api, "DELETE", "db/roles/app")
        answer = await ok(api, "DELETE", "db/config/pg")
        assert "kept until they have ended" in answer.json["warnings"][0]
        assert (await api("GET", "db/config/pg")).status == 404
        assert (await api("LIST", "db/config")).status == 404
        await configured(api, postgres)  # another connection of the same name changes nothing
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert [row for row in await rows(api.core) if "/retired/" in row]
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": other, "sync": True})
        assert not {first, second} & postgres.roles()
        assert {row[0] for row in postgres.query("SELECT name FROM ended")} == {first, second}
        assert not [row for row in await rows(api.core) if "/retired/" in row]
        answer = await api("DELETE", "db/config/pg")
        assert answer.status == 204

    inprocess(scenario)


def test_a_creation_that_fails_leaves_nothing(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        committed = f"{CREATE}; COMMIT; CREATE NONSENSE"
        await ok(api, "POST", "db/roles/app", {"creation_statements": [committed]})
        answer = await api("GET", "db/creds/app")
        assert answer.status == 400, answer
        assert "syntax error" in answer.errors[0]
        assert postgres.roles() == {ADMIN}
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario)


@pytest.mark.parametrize(
    "template",
    ("o'{{.RoleName}}\\{{random 4}}", 'a"b{{random 4}}', "x'; DROP ROLE victim; --{{random 4}}", "☂{{uuid}}"),
)
def test_names_from_hostile_templates(postgres: Postgres, template: str) -> None:
    async def scenario(api: InProcess) -> None:
        postgres.query("CREATE ROLE victim")
        await connected(api, postgres, username_template=template)
        user, password, lease = await creds(api)
        assert postgres.logs_in(user, password)
        await ok(api, "PUT", "sys/leases/renew", {"lease_id": lease})
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert postgres.roles() == {ADMIN, "victim"}

    inprocess(scenario)


def test_who_may_not(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres, allowed_roles=["other", "b*"])
        await ok(api, "POST", "db/roles/bee", {"db_name": "pg", "creation_statements": CREATE})
        await ok(api, "POST", "db/roles/lost", {"db_name": "none", "creation_statements": CREATE})
        await creds(api, "bee")
        for role, sentence in (
            ("app", '"app" is not an allowed role'),
            ("lost", 'failed to find entry for connection with name: "none"'),
            ("nobody", "unknown role: nobody"),
        ):
            answer = await api("GET", f"db/creds/{role}")
            assert (answer.status, answer.errors) == (400, [sentence])

    inprocess(scenario)


def test_passwords_follow_the_policy_of_connection_or_role(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        for name, charset in (("abc", "abc"), ("quotes", "'\\\\\\\"$x")):
            rule = f'length = 30 rule "charset" {{ charset = "{charset}" }}'
            await ok(api, "PUT", f"sys/policies/password/{name}", {"policy": rule})
        await connected(api, postgres, password_policy="abc")
        _, password, _ = await creds(api)
        assert re.fullmatch("[abc]{30}", password)
        await ok(api, "POST", "db/roles/app", {"credential_config": {"password_policy": "quotes"}})
        user, password, _ = await creds(api)
        assert set(password) <= set("'\\\"$x")
        assert postgres.logs_in(user, password)

    inprocess(scenario)


def test_a_removed_connection_that_is_back_knows_the_newer_password(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        user, _, lease = await creds(api)
        await ok(api, "DELETE", "db/config/pg")
        await configured(api, postgres)
        await ok(api, "POST", "db/rotate-root/pg")
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert not postgres.has(user)
        assert not [row for row in await rows(api.core) if "/retired/" in row]

    inprocess(scenario)


def test_a_database_that_never_answers_holds_nobody_up(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.secrets.database.postgresql.LONGEST", 0.5)

    async def scenario(api: InProcess) -> None:
        with wire(postgres.port) as line:
            url = postgres.url.replace(str(postgres.port), str(line.port))
            await connected(api, postgres, connection_url=url)
            line.arm("before", b"CREATE ROLE")
            began = time.monotonic()
            pending = asyncio.ensure_future(api("GET", "db/creds/app"))
            answered = 0
            while not pending.done():
                assert (await api("GET", "auth/token/lookup-self")).status == 200
                await asyncio.sleep(0.02)
                answered += 1
            assert (await pending).status == 502
            assert time.monotonic() - began < 15
            assert answered > 10
            line.disarm()
            await creds(api)
            with later(api.core, 60):
                await reap(api.core)
            assert len(postgres.roles()) == 2
            assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario, seconds=60)


def test_who_has_the_name_already_is_left_alone(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres, username_template="always-the-same")
        postgres.query("CREATE ROLE \"always-the-same\" LOGIN PASSWORD 'of-a-stranger'")
        answer = await api("GET", "db/creds/app")
        assert (answer.status, "is there already" in answer.errors[0]) == (400, True)
        assert postgres.logs_in("always-the-same", "of-a-stranger")
        postgres.query('DROP ROLE "always-the-same"')
        first, password, _ = await creds(api)
        assert (await api("GET", "db/creds/app")).status == 400
        assert postgres.logs_in(first, password)

    inprocess(scenario)
