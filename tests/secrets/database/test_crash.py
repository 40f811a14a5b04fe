"""The server dies in the middle of an act in the database: afterwards everything is as it says it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from strongroom.core import Core
from strongroom.errors import Conflict, Internal
from tests.conftest import SealedServer
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.postgres import Postgres
from tests.secrets.database.engine import ADMIN, ADMIN_PASSWORD, CREATE, configured, connected, creds, ok
from tests.secrets.database.proxy import STEPS, Wire, wire
from tests.secrets.database.test_static_role import ACCOUNT, current, taken
from tests.server import Server, wait_until


@pytest.fixture
def line(postgres: Postgres) -> Iterator[Wire]:
    with wire(postgres.port) as made:
        yield made


def prepared(server: Server, postgres: Postgres, line: Wire) -> None:
    """A real server with connection, role and static role, all over the wire."""
    postgres.query(f"CREATE ROLE \"{ADMIN}\" SUPERUSER LOGIN PASSWORD '{ADMIN_PASSWORD}'")
    postgres.query("CREATE ROLE account LOGIN PASSWORD 'handmade'")
    call = server.api
    assert call.post("sys/mounts/db", {"type": "database"}).status == 204
    config = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": postgres.url.replace(str(postgres.port), str(line.port)),
        "username": ADMIN,
        "password": ADMIN_PASSWORD,
        "allowed_roles": "*",
    }
    assert call.post("db/config/pg", config).status == 204
    role = {"db_name": "pg", "creation_statements": [CREATE], "default_ttl": "1h"}
    assert call.post("db/roles/app", role).status == 204
    account = {"username": "account", "db_name": "pg", "rotation_period": "1h"}
    assert call.post("db/static-roles/s", account).status == 204


def killed_while(server: Server, line: Wire, step: str, mark: bytes, act: Callable[[], Any]) -> None:
    """Begin an act, kill the server where it is stopped, and start it again."""
    line.arm(step, mark)
    attempt = threading.Thread(target=_quietly, args=(act,), daemon=True)
    attempt.start()
    assert line.stopped.wait(20), server.log[-2000:]
    server.process.kill()
    server.process.wait(15)
    attempt.join(15)
    line.disarm()
    server.api.close()
    server.restart()
    server.unseal()


def _quietly(act: Callable[[], Any]) -> None:
    try:
        act()
    except Exception:  # noqa: BLE001  the server is killed under it
        return


def settled(server: Server) -> bool:
    """Whether nothing is announced any more; every unfinished act is a row of the storage."""
    return bool(server.api.request("LIST", "sys/raw/sys/expire/undo").status == 404)


@pytest.fixture
def running(sealed_server: SealedServer, postgres: Postgres, line: Wire) -> Server:
    server = sealed_server(extra="raw_storage_endpoint = true")
    server.initialize()
    server.unseal()
    prepared(server, postgres, line)
    return server


def test_killed_while_the_password_of_an_account_changes(
    running: Server, postgres: Postgres, line: Wire
) -> None:
    call = running.api
    for step in STEPS:
        before = call.get("db/static-creds/s").data["password"]
        killed_while(running, line, step, b"ALTER ROLE", lambda: call.post("db/rotate-role/s"))
        wait_until(lambda: settled(running), running)
        now = call.get("db/static-creds/s").data["password"]
        assert postgres.logs_in("account", now)
        assert (now == before) is (step == "before")
        assert call.post("db/rotate-role/s").status == 204


def test_killed_while_its_own_password_changes(running: Server, postgres: Postgres, line: Wire) -> None:
    call = running.api
    for step in STEPS:
        killed_while(running, line, step, b"ALTER ROLE", lambda: call.post("db/rotate-root/pg"))
        wait_until(lambda: settled(running), running)
        assert postgres.logs_in(ADMIN, ADMIN_PASSWORD) is (step == "before")
        answer = call.get("db/creds/app")
        assert answer.status == 200, answer
        assert postgres.logs_in(answer.data["username"], answer.data["password"])
    assert call.post("db/rotate-root/pg").status == 204
    assert call.get("db/creds/app").status == 200


def test_killed_while_a_user_is_made(running: Server, postgres: Postgres, line: Wire) -> None:
    for step in ("before", "after"):
        killed_while(running, line, step, b"CREATE ROLE", lambda: running.api.get("db/creds/app"))
        wait_until(lambda: settled(running), running)
        assert postgres.roles() == {ADMIN, "account"}


def test_what_expires_while_the_server_is_dead_goes_when_it_is_back(
    running: Server, postgres: Postgres
) -> None:
    server = running
    assert server.api.post("db/roles/app", {"default_ttl": "1s"}).status == 204
    assert server.api.get("db/creds/app").status == 200
    server.kill()
    assert len(postgres.roles()) == 3
    server.restart()
    server.unseal()
    wait_until(lambda: postgres.roles() == {ADMIN, "account"}, server)


# -- at the commit ---------------------------------------------------------------------------------


@contextmanager
def dying_at_the_commit(core: Core) -> Iterator[None]:
    """The process ends when the act is done and its result is not yet stored: nothing settles it."""
    commit, settle = core.store.commit, core.intents.settle

    async def refused(tx: Any) -> int:
        if any(
            name.startswith("sys/expire/undo/") and value is None for name, value in tx.savepoint()[0].items()
        ):
            raise Internal(cause="the process has died")
        return await commit(tx)

    async def left(request: Any) -> None:
        """Nobody is there to do it."""

    core.store.commit, core.intents.settle = refused, left  # type: ignore[method-assign]
    try:
        yield
    finally:
        core.store.commit, core.intents.settle = commit, settle  # type: ignore[method-assign]


async def reborn(api: InProcess) -> None:
    """What a start does about what the last process left."""
    await api.core.lifecycle.seal()
    await api.core.lifecycle.submit(api.key)
    await reap(api.core)
    with later(api.core, 60):  # what needs Strongroom's own password waits until that is settled
        await reap(api.core)
    assert not [row for row in await rows(api.core) if "/undo/" in row]


def test_dead_before_a_new_password_is_taken_over(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        first = await taken(api, postgres)
        with dying_at_the_commit(api.core):
            assert (await api("POST", "db/rotate-role/s")).status == 500
            assert (await api("POST", "db/rotate-root/pg")).status == 500
            assert (await api("GET", "db/creds/app")).status in (500, 502)
        assert not postgres.logs_in(ACCOUNT, first)
        assert not postgres.logs_in(ADMIN, ADMIN_PASSWORD)
        await reborn(api)
        assert postgres.logs_in(ACCOUNT, await current(api))
        assert postgres.roles() == {ADMIN, ACCOUNT}
        await creds(api)

    inprocess(scenario)


def test_a_connection_outlives_what_is_to_be_undone_over_it(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        with dying_at_the_commit(api.core):
            assert (await api("GET", "db/creds/app")).status == 500
        assert len(postgres.roles()) == 2
        assert (await ok(api, "DELETE", "db/config/pg")).json["warnings"]
        await reborn(api)
        assert postgres.roles() == {ADMIN}
        assert not [row for row in await rows(api.core) if "/undo/" in row or "/retired/" in row]

    inprocess(scenario)


def test_dead_before_a_new_account_is_stored(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        postgres.query("CREATE ROLE account LOGIN PASSWORD 'handmade'")
        body = {"username": "account", "db_name": "pg", "rotation_period": "1h"}
        with dying_at_the_commit(api.core):
            assert (await api("POST", "db/static-roles/s", body)).status == 500
        assert not postgres.logs_in("account", "handmade")
        await reborn(api)
        assert postgres.logs_in("account", await current(api))
        await ok(api, "POST", "db/rotate-role/s")

    inprocess(scenario)


def test_dead_before_an_account_takes_over_its_own_new_password(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        own = {"plugin_name": "postgresql-database-plugin", "connection_url": postgres.url}
        await ok(api, "POST", "db/config/own", own | {"self_managed": True, "allowed_roles": "*"})
        first = await taken(api, postgres, db_name="own", password="handmade")
        with dying_at_the_commit(api.core):
            assert (await api("POST", "db/rotate-role/s")).status == 500
        assert not postgres.logs_in(ACCOUNT, first)
        await reborn(api)
        assert postgres.logs_in(ACCOUNT, await current(api))
        await ok(api, "POST", "db/rotate-role/s")

    inprocess(scenario)


def test_dead_before_an_account_moves_to_another_connection(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await configured(api, postgres, "other")
        first = await taken(api, postgres)
        with dying_at_the_commit(api.core):
            assert (await api("POST", "db/static-roles/s", {"db_name": "other"})).status == 500
        assert not postgres.logs_in(ACCOUNT, first)
        await reborn(api)
        assert postgres.logs_in(ACCOUNT, await current(api))
        assert (await ok(api, "GET", "db/static-roles/s")).data["db_name"] == "other"
        body = {"username": ACCOUNT, "rotation_period": "1h"}
        assert (await api("POST", "db/static-roles/t", body | {"db_name": "other"})).status == 400
        await ok(api, "POST", "db/static-roles/t", body | {"db_name": "pg"})

    inprocess(scenario)


def test_a_race_ends_with_a_password_that_works(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await taken(api, postgres)
        commit = api.core.store.commit
        lost: list[Any] = []

        async def late(tx: Any) -> int:
            if len(lost) < 2 and any(name.endswith("static-role/s") for name in tx.savepoint()[0]):
                lost.append(tx)
                raise Conflict(cause="somebody was faster")
            return await commit(tx)

        api.core.store.commit = late  # type: ignore[method-assign]
        await ok(api, "POST", "db/rotate-role/s")
        api.core.store.commit = commit  # type: ignore[method-assign]
        assert len(lost) == 2
        assert postgres.logs_in(ACCOUNT, await current(api))
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario)


def test_many_rotations_at_once(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        await taken(api, postgres)
        answers = await asyncio.gather(*(api("POST", "db/rotate-role/s") for _ in range(5)))
        assert {answer.status for answer in answers} <= {204, 409}
        await reap(api.core)
        assert postgres.logs_in(ACCOUNT, await current(api))
        assert not [row for row in await rows(api.core) if "/undo/" in row]

    inprocess(scenario, seconds=60)
