"""Credentials of a real PostgreSQL: a role made for each request, by the same statement on both servers."""

from __future__ import annotations

from bench.measure import Cost, Operation, cost
from bench.subject import Subject
from tests.postgres import PASSWORD, ROOT, ended, started

REQUIRED = 1.5
OPERATION = Operation("database credentials", REQUIRED, "GET", "db/creds/app")

POLICY = 'path "db/creds/app" { capabilities = ["read"] }'
CREATION = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"


def costs(subjects: list[Subject], connections: int, seconds: float) -> list[Cost]:
    """What each subject needs, one after the other, with ten connections to the database."""
    postgres = started()
    try:
        found = []
        for subject in subjects:
            ordinary = subject.token
            _prepare(subject, postgres.url)
            found.append(cost(subject, OPERATION, connections, seconds))
            subject.token = ordinary
            subject.server.api.post("sys/leases/revoke-force/db")
            subject.server.api.delete("sys/mounts/db")
        return found
    finally:
        ended(postgres)


def _prepare(subject: Subject, url: str) -> None:
    api = subject.server.api
    config = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": url,
        "username": ROOT,
        "password": PASSWORD,
        "allowed_roles": "*",
        "max_open_connections": 10,
    }
    created = api.post("auth/token/create", {"policies": ["database"], "period": "24h"})
    answers = [
        api.post("sys/mounts/db", {"type": "database"}),
        api.post("db/config/pg", config),
        api.post("db/roles/app", {"db_name": "pg", "creation_statements": [CREATION], "default_ttl": "24h"}),
        api.put("sys/policies/acl/database", {"policy": POLICY}),
        created,
    ]
    if failed := [answer for answer in answers if answer.status not in (200, 204)]:
        raise RuntimeError(f"preparation failed: {failed}")
    subject.token = str(created.auth["client_token"])
