"""The old mounts for one database each."""

from __future__ import annotations

from strongroom.framework.name_template import NameTemplate
from strongroom.secrets.database.single import MySQL
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap
from tests.postgres import PASSWORD, ROOT, Postgres
from tests.secrets.database.engine import CREATE, ok


def url(postgres: Postgres) -> str:
    return postgres.url.replace("{{username}}", ROOT).replace("{{password}}", PASSWORD)


def test_the_old_way_to_a_user(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await ok(api, "POST", "sys/mounts/hello-db", {"type": "postgresql"})
        assert (await api("GET", "hello-db/creds/readwrite")).status == 400
        assert (await api("GET", "hello-db/config/connection")).status == 404
        await ok(api, "PUT", "hello-db/config/connection", {"connection_url": url(postgres)})
        shown = (await ok(api, "GET", "hello-db/config/connection")).data
        assert PASSWORD not in shown["connection_url"]
        assert "xxxxx" in shown["connection_url"]
        assert (await api("PUT", "hello-db/config/lease", {"lease": "1h"})).status == 400
        await ok(api, "PUT", "hello-db/config/lease", {"lease": "1h", "lease_max": "24h"})
        assert (await ok(api, "GET", "hello-db/config/lease")).data == {"lease": "1h", "lease_max": "24h"}
        await ok(
            api, "PUT", "hello-db/roles/readwrite", {"sql": f'{CREATE}; GRANT pg_monitor TO "{{{{name}}}}";'}
        )
        assert (await ok(api, "LIST", "hello-db/roles")).data == {"keys": ["readwrite"]}
        answer = await ok(api, "GET", "hello-db/creds/readwrite")
        user = answer.data["username"]
        assert user.startswith("token-")
        assert answer.json["lease_duration"] == 3600
        assert postgres.logs_in(user, answer.data["password"])
        answer = await ok(
            api, "PUT", "sys/leases/renew", {"lease_id": answer.json["lease_id"], "increment": 100_000}
        )
        assert answer.json["lease_duration"] in (86_399, 86_400)
        with later(api.core, 86_401):
            await reap(api.core)
        assert not postgres.has(user)

    inprocess(scenario)


def test_statements_of_its_own_end_it(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await ok(api, "POST", "sys/mounts/old", {"type": "postgresql"})
        await ok(api, "PUT", "old/config/connection", {"value": url(postgres), "max_open_connections": 2})
        postgres.query("DROP TABLE IF EXISTS ended; CREATE TABLE ended (name text)")
        ending = "INSERT INTO ended VALUES ('{{name}}'); DROP ROLE \"{{name}}\""
        await ok(api, "PUT", "old/roles/r", {"sql": CREATE, "revocation_sql": ending})
        assert (await ok(api, "GET", "old/roles/r")).data == {"sql": CREATE, "revocation_sql": ending}
        answer = await ok(api, "GET", "old/creds/r")
        await ok(api, "DELETE", "old/roles/r")
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": answer.json["lease_id"], "sync": True})
        assert postgres.query("SELECT name FROM ended") == [(answer.data["username"],)]
        assert postgres.roles() == set()

    inprocess(scenario)


def test_a_connection_that_does_not_work_is_refused(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await ok(api, "POST", "sys/mounts/old", {"type": "postgresql"})
        wrong = url(postgres).replace(PASSWORD, "wrong-password")
        answer = await api("PUT", "old/config/connection", {"connection_url": wrong})
        assert answer.status == 400
        assert "wrong-password" not in answer.errors[0]
        await ok(api, "PUT", "old/config/connection", {"connection_url": wrong, "verify_connection": False})

    inprocess(scenario)


def test_the_one_of_mysql_names_users_as_it_did() -> None:
    text = MySQL.names(object.__new__(MySQL), 4, 4, 16)
    made = NameTemplate(text).render(0, display_name="token-ann", role_name="readers")
    assert (made[:10], len(made)) == ("read-toke-", 16)
