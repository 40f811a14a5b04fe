"""The plugins of other databases than PostgreSQL that the peer has too, each with its real server."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from tests.differential.case import Case, Step, case, delete, get, mount, post, put

KEEP = {"user": "data.username", "password": "data.password", "lease": "lease_id"}
CREDS = get("<m>/creds/app", keep=KEEP)
REVOKE = put("sys/leases/revoke", {"lease_id": "<lease>", "sync": True})
SHOWN = get("<m>/config/it")

MYSQL = "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON *.* TO '{{name}}'@'%';"
INFLUX = 'CREATE USER "{{username}}" WITH PASSWORD \'{{password}}\'; GRANT READ ON things TO "{{username}}"'
REDIS = '["~*", "+@read"]'

Config = Callable[..., Step]


def connection(plugin: str, **base: Any) -> Config:
    """What writes a connection ``it`` by a plugin; None leaves a field out."""

    def config(name: str = "it", **fields: Any) -> Step:
        body = {"plugin_name": plugin, "allowed_roles": "*"} | base | fields
        return post(f"<m>/config/{name}", {k: v for k, v in body.items() if v is not None})

    return config


mysql = connection(
    "mysql-database-plugin",
    connection_url="<mariadb>",
    username="<mariadb_root>",
    password="<mariadb_password>",
)
influxdb = connection(
    "influxdb-database-plugin",
    host="127.0.0.1",
    port="<influxdb_port>",
    username="<influxdb_root>",
    password="<influxdb_password>",
)


def cache(plugin: str) -> Config:
    return connection(
        plugin, host="127.0.0.1", port="<redis_port>", username="<redis_root>", password="<redis_password>"
    )


def role(creation: str | list[str], name: str = "app", **fields: Any) -> Step:
    return post(f"<m>/roles/{name}", {"db_name": "it", "creation_statements": creation} | fields)


def users(creation: str) -> tuple[Step, ...]:
    """A user of a role, as long as its lease lives, by statements in every form."""
    return (
        role(creation, default_ttl="1h", max_ttl="2h"),
        CREDS,
        put(
            "sys/leases/renew",
            {"lease_id": "<lease>", "increment": 5400},
            only=("lease_duration", "renewable"),
        ),
        REVOKE,
        put("sys/leases/lookup", {"lease_id": "<lease>"}),
        role([creation]),
        CREDS,
        REVOKE,
        role("BROKEN"),
        CREDS,
        role(creation),
        role(creation, "key", credential_type="rsa_private_key"),
        get("<m>/creds/key"),
    )


def account() -> tuple[Step, ...]:
    """A static role for the user that was made last, and for one that is not there."""
    period = {"db_name": "it", "rotation_period": "1h"}
    return (
        CREDS,
        post("<m>/static-roles/none", {"username": "nobody-there", **period}),
        post("<m>/static-roles/s", {"username": "<user>", **period}),
        get("<m>/static-roles/s"),
        get("<m>/static-creds/s", keep={"first": "data.password"}),
        post("<m>/rotate-role/s"),
        get("<m>/static-creds/s", keep={"second": "data.password"}),
        delete("<m>/static-roles/s"),
        REVOKE,
    )


def own(config: Config, administrator: str, creation: str) -> tuple[Step, ...]:
    """The password of a connection's own user, and a user made with the new one."""
    made = {"admin": "data.username", "admin_password": "data.password"}
    return (
        role(administrator, "admin"),
        get("<m>/creds/admin", keep=made, only=("lease_duration",)),
        config("own", username="<admin>", password="<admin_password>"),
        post("<m>/rotate-root/own", {}),
        role(creation, db_name="own"),
        CREDS,
        REVOKE,
        role(creation),
    )


def redis_case(name: str, plugin: str) -> Case:
    redis = cache(plugin)
    return case(
        name,
        mount("database"),
        *(redis(**{field: None}) for field in ("host", "port", "username", "password")),
        redis(port=0),
        redis(host=""),
        redis(password="wrong"),
        redis(port=1),
        redis(persistence_mode="ACLFILE"),
        SHOWN,
        redis(persistence_mode="REWRITE"),
        redis(persistence_mode="NONE"),
        SHOWN,
        redis(),
        *users(REDIS),
        role(["~*", "+@read"]),
        CREDS,
        REVOKE,
        role([]),
        CREDS,
        REVOKE,
        role('["NONSENSE"]'),
        CREDS,
        role(REDIS),
        *account(),
        *own(redis, '["allkeys", "allchannels", "+@all"]', REDIS),
        services=("redis",),
    )


CASES = (
    case(
        "database mysql",
        mount("database"),
        mysql(connection_url=None),
        mysql(connection_url=""),
        mysql(password="wrong"),
        mysql(connection_url="{{username}}:{{password}}@tcp(127.0.0.1:1)/"),
        mysql(connection_url="{{username}}:{{password}}@tcp(127.0.0.1:<mariadb_port>)/none"),
        mysql(connection_url="{{username}}:{{password}}@tcp(127.0.0.1:<mariadb_port>)/?tls=mine"),
        mysql(connection_url="nonsense"),
        mysql(tls_ca="nonsense"),
        mysql(connection_url="<mariadb>?parseTime=true&timeout=5s&maxAllowedPacket=1000000"),
        SHOWN,
        mysql(connection_url="root:inline@tcp(127.0.0.1:1)/", username=None, verify_connection=False),
        SHOWN,
        mysql(),
        SHOWN,
        *users(MYSQL),
        role([]),
        CREDS,
        role(b64encode(MYSQL.encode()).decode()),
        CREDS,
        REVOKE,
        role(MYSQL, revocation_statements="BROKEN"),
        CREDS,
        REVOKE,
        role(MYSQL, revocation_statements="DROP USER '{{name}}'@'%'"),
        REVOKE,
        role(MYSQL, revocation_statements=[]),
        *account(),
        *own(mysql, MYSQL.replace("SELECT", "ALL").replace("@'%';", "@'%' WITH GRANT OPTION;"), MYSQL),
        *(
            step
            for kind in ("legacy", "aurora", "rds")
            for step in (mysql(plugin_name=f"mysql-{kind}-database-plugin"), CREDS, REVOKE)
        ),
        services=("mariadb",),
    ),
    case(
        "database influxdb",
        mount("database"),
        *(influxdb(**{field: None}) for field in ("host", "username", "password")),
        influxdb(port=0),
        influxdb(password="wrong"),
        influxdb(pem_bundle="nonsense"),
        influxdb(pem_json="nonsense"),
        influxdb(connect_timeout="nonsense"),
        influxdb(connect_timeout="7s"),
        SHOWN,
        influxdb(),
        *users(INFLUX),
        role([]),
        CREDS,
        REVOKE,
        role(b64encode(INFLUX.encode()).decode()),
        CREDS,
        REVOKE,
        role(json.dumps([INFLUX])),
        CREDS,
        REVOKE,
        role(INFLUX, revocation_statements="BROKEN"),
        CREDS,
        REVOKE,
        role(INFLUX, revocation_statements='DROP USER "{{username}}"'),
        REVOKE,
        role(INFLUX, revocation_statements=[]),
        *account(),
        *own(
            influxdb,
            "CREATE USER \"{{username}}\" WITH PASSWORD '{{password}}' WITH ALL PRIVILEGES",
            INFLUX,
        ),
        services=("influxdb",),
    ),
    redis_case("database redis", "redis-database-plugin"),
    redis_case("database valkey", "valkey-database-plugin"),
)
