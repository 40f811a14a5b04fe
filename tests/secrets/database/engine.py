"""A database mount on the real PostgreSQL, and how roles and accounts are made for tests."""

from __future__ import annotations

from typing import Any

from tests.inprocess import InProcess
from tests.postgres import Postgres
from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD, ok

__all__ = ["ADMIN", "ADMIN_PASSWORD", "CREATE", "configured", "connected", "creds", "ok"]

CREATE = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"


async def connected(api: InProcess, postgres: Postgres, **fields: Any) -> None:
    """The mount ``db/`` with the connection ``pg``, by an administrator of its own, and the role ``app``."""
    if not postgres.has(ADMIN):
        postgres.query(f"CREATE ROLE \"{ADMIN}\" SUPERUSER LOGIN PASSWORD '{ADMIN_PASSWORD}'")
    await ok(api, "POST", "sys/mounts/db", {"type": "database"})
    await configured(api, postgres, **fields)
    await ok(
        api,
        "POST",
        "db/roles/app",
        {"db_name": "pg", "creation_statements": [CREATE], "default_ttl": "1h", "max_ttl": "24h"},
    )


async def configured(api: InProcess, postgres: Postgres, name: str = "pg", **fields: Any) -> None:
    body = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": postgres.url,
        "username": ADMIN,
        "password": ADMIN_PASSWORD,
        "allowed_roles": "*",
    }
    await ok(api, "POST", f"db/config/{name}", body | fields)


async def creds(api: InProcess, role: str = "app", **options: Any) -> tuple[str, str, str]:
    """User, password and lease of a fresh login."""
    answer = await ok(api, "GET", f"db/creds/{role}", **options)
    return answer.data["username"], answer.data["password"], answer.json["lease_id"]
