"""Secrets engines."""

from __future__ import annotations

from tests.inprocess import InProcess, inprocess
from tests.postgres import Postgres, _cluster, postgres
from tests.secrets.database.engine import CREATE, connected, creds

__all__ = ["_cluster", "postgres"]


def test_cve_2026_39946_a_schemas_name_is_not_sql(postgres: Postgres) -> None:
    schema = 'x" FROM nobody; CREATE ROLE intruder SUPERUSER; --'
    quoted = '"' + schema.replace('"', '""') + '"'
    postgres.query(f"DROP SCHEMA IF EXISTS {quoted} CASCADE; CREATE SCHEMA {quoted}")
    postgres.query(f"CREATE TABLE {quoted}.t (id int)")

    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        grants = (
            f'GRANT USAGE ON SCHEMA {quoted} TO "{{{{name}}}}"; GRANT SELECT ON {quoted}.t TO "{{{{name}}}}"'
        )
        body = {"creation_statements": [CREATE, grants]}
        assert (await api("POST", "db/roles/app", body)).status == 204
        user, _, lease = await creds(api)
        answer = await api("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert answer.status == 204, answer
        assert not {user, "intruder"} & postgres.roles()

    inprocess(scenario)
    postgres.query(f"DROP SCHEMA {quoted} CASCADE")
