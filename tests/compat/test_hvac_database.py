"""hvac's methods for the database engine, on a real PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import hvac
import pytest

from tests.postgres import PASSWORD, ROOT, Postgres, _cluster, postgres
from tests.server import Server

__all__ = ["_cluster", "postgres"]

CREATE = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"


@pytest.fixture
def client(server: Server) -> Any:
    return hvac.Client(url=server.address, token=server.root_token)


@pytest.fixture
def mount(client: Any, postgres: Postgres) -> Iterator[str]:
    """A mount with the connection ``pg``."""
    name = f"db{uuid.uuid4().hex[:12]}"
    client.sys.enable_secrets_engine("database", path=name)
    client.secrets.database.configure(
        "pg",
        plugin_name="postgresql-database-plugin",
        allowed_roles="*",
        connection_url=postgres.url,
        username=ROOT,
        password=PASSWORD,
        mount_point=name,
    )
    yield name
    client.sys.disable_secrets_engine(name)


def test_connections(client: Any, mount: str) -> None:
    database = client.secrets.database
    assert database.list_connections(mount_point=mount)["data"]["keys"] == ["pg"]
    shown = database.read_connection("pg", mount_point=mount)["data"]
    assert shown["plugin_name"] == "postgresql-database-plugin"
    assert PASSWORD not in str(shown)
    assert database.reset_connection("pg", mount_point=mount).status_code == 204
    assert database.delete_connection("pg", mount_point=mount).status_code == 204
    with pytest.raises(hvac.exceptions.InvalidPath):
        database.list_connections(mount_point=mount)


def test_roles(client: Any, mount: str, postgres: Postgres) -> None:
    database = client.secrets.database
    database.create_role("app", "pg", CREATE, default_ttl="1h", max_ttl="24h", mount_point=mount)
    assert database.list_roles(mount_point=mount)["data"]["keys"] == ["app"]
    assert database.read_role("app", mount_point=mount)["data"]["default_ttl"] == 3600
    issued = database.generate_credentials("app", mount_point=mount)
    user, password = issued["data"]["username"], issued["data"]["password"]
    assert postgres.logs_in(user, password)
    client.sys.renew_lease(issued["lease_id"], increment=60)
    client.sys.revoke_lease(issued["lease_id"])
    for _ in range(500):
        if not postgres.has(user):
            break
    assert not postgres.has(user)
    assert database.delete_role("app", mount_point=mount).status_code == 204


def test_static_roles(client: Any, mount: str, postgres: Postgres) -> None:
    postgres.query("CREATE ROLE account LOGIN PASSWORD 'handmade'")
    database = client.secrets.database
    statements = ["ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'"]
    database.create_static_role("s", "pg", "account", statements, rotation_period=3600, mount_point=mount)
    assert database.list_static_roles(mount_point=mount)["data"]["keys"] == ["s"]
    assert database.read_static_role("s", mount_point=mount)["data"]["username"] == "account"
    first = database.get_static_credentials("s", mount_point=mount)["data"]["password"]
    assert postgres.logs_in("account", first)
    database.rotate_static_role_credentials("s", mount_point=mount)
    assert database.get_static_credentials("s", mount_point=mount)["data"]["password"] != first
    assert database.delete_static_role("s", mount_point=mount).status_code == 204


def test_root_rotation(client: Any, mount: str, postgres: Postgres) -> None:
    postgres.query("CREATE ROLE admin SUPERUSER LOGIN PASSWORD 'handmade'")
    fields = {"connection_url": postgres.url, "username": "admin", "password": "handmade"}
    client.secrets.database.configure(
        "own", plugin_name="postgresql-database-plugin", allowed_roles="*", mount_point=mount, **fields
    )
    assert client.secrets.database.rotate_root_credentials("own", mount_point=mount).status_code == 204
    assert not postgres.logs_in("admin", "handmade")
