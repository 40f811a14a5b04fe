"""The database engine on a real PostgreSQL."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from tests.differential.case import Step, case, delete, get, list_, mount, post, put

PG = ("postgres",)
CREATE = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"
INLINE = "postgresql://a:b@h/d"
KEEP = {"user": "data.username", "password": "data.password", "lease": "lease_id"}


def config(name: str = "pg", **fields: Any) -> Step:
    body = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": "<pg>",
        "username": "<pg_root>",
        "password": "<pg_password>",
        "allowed_roles": "*",
    }
    return post(f"<m>/config/{name}", {k: v for k, v in (body | fields).items() if v is not None})


def role(name: str = "app", **fields: Any) -> Step:
    return post(f"<m>/roles/{name}", {"db_name": "pg", "creation_statements": CREATE} | fields)


CASES = (
    case(
        "database nothing there",
        mount("database"),
        get("<m>/config/x"),
        list_("<m>/config"),
        list_("<m>/config/"),
        list_("<m>/roles"),
        list_("<m>/static-roles"),
        get("<m>/roles/x"),
        get("<m>/static-roles/x"),
        get("<m>/creds/x"),
        get("<m>/static-creds/x"),
        delete("<m>/config/x"),
        delete("<m>/roles/x"),
        delete("<m>/static-roles/x"),
        post("<m>/rotate-role/x"),
        get("<m>"),
        get("<m>/nothing"),
        post("<m>/config/bad%20name", {"plugin_name": "postgresql-database-plugin"}),
        post("<m>/roles/a/b", {"db_name": "pg"}),
        post("<m>/creds/x", {}),
        get("<m>/rotate-role/x"),
        get("<m>/reset/x"),
    ),
    case(
        "database connections",
        mount("database"),
        post("<m>/config/pg", {}),
        post("<m>/config/pg", {"plugin_name": "postgresql-database-plugin"}),
        config(password_authentication="nope"),
        config(username="{{username}}"),
        config(),
        get("<m>/config/pg"),
        config(
            "other", allowed_roles=["a", "b*"], max_open_connections=7, username_template="x{{.RoleName}}"
        ),
        get("<m>/config/other"),
        post("<m>/config/other", {"max_open_connections": 3, "password_policy": "none"}),
        get("<m>/config/other"),
        config("blind", password="wrong", verify_connection=False, extra="kept"),
        get("<m>/config/blind"),
        list_("<m>/config"),
        post("<m>/reset/pg", {}),
        delete("<m>/config/blind"),
        get("<m>/config/blind"),
        config(password_authentication=""),
        config(max_open_connections="9", max_connection_lifetime="90s", root_rotation_statements=""),
        get("<m>/config/pg"),
        config(username_template='{{if eq .RoleName "app"}}x{{end}}{{random 5}}'),
        config(allowed_roles="a, b ,c"),
        get("<m>/config/pg"),
        list_("<m>/config/"),
        services=PG,
    ),
    case(
        "database roles",
        mount("database"),
        post("<m>/roles/app", {}),
        post("<m>/roles/app", {"db_name": "none"}),
        get("<m>/roles/app"),
        role(default_ttl="1h", max_ttl="24h", revocation_statements=["a", "b"]),
        get("<m>/roles/app"),
        post("<m>/roles/app", {"default_ttl": 60}),
        get("<m>/roles/app"),
        role(default_ttl="2h", max_ttl="1h"),
        role(credential_type="nope"),
        role(credential_config={"password_policy": "x", "nonsense": "y"}),
        get("<m>/roles/app"),
        role("key", credential_type="rsa_private_key"),
        get("<m>/roles/key"),
        role("certificate", credential_type="client_certificate"),
        list_("<m>/roles"),
        list_("<m>/roles/"),
        delete("<m>/roles/app"),
        get("<m>/roles/app"),
    ),
    case(
        "database credentials",
        mount("database"),
        config(),
        role(default_ttl="1h", max_ttl="24h"),
        get("<m>/creds/app", keep=KEEP),
        put("sys/leases/lookup", {"lease_id": "<lease>"}),
        put(
            "sys/leases/renew",
            {"lease_id": "<lease>", "increment": 1800},
            only=("lease_id", "lease_duration", "renewable"),
        ),
        put("sys/leases/revoke", {"lease_id": "<lease>", "sync": True}),
        put("sys/leases/renew", {"lease_id": "<lease>"}),
        role(default_ttl="2h", max_ttl="1h"),
        get("<m>/creds/app", keep=KEEP),
        role("key", credential_type="rsa_private_key"),
        get("<m>/creds/key"),
        get("<m>/creds/none"),
        delete("<m>/roles/app"),
        put("sys/leases/renew", {"lease_id": "<lease>"}),
        put("sys/leases/revoke", {"lease_id": "<lease>", "sync": True}),
        *(
            step
            for statements in (
                json.dumps([CREATE]),
                b64encode(CREATE.encode()).decode(),
                b64encode(json.dumps([CREATE]).encode()).decode(),
                [CREATE, 'GRANT pg_monitor TO "{{username}}"'],
            )
            for step in (
                role(creation_statements=statements),
                get("<m>/roles/app"),
                get("<m>/creds/app", keep=KEEP),
                put("sys/leases/revoke", {"lease_id": "<lease>", "sync": True}),
            )
        ),
        role(creation_statements="", renew_statements="", revocation_statements=[]),
        get("<m>/roles/app"),
        services=PG,
    ),
    case(
        "database credentials that cannot be",
        mount("database"),
        config(allowed_roles="other"),
        role(),
        get("<m>/creds/app"),
        config(),
        role(creation_statements=[]),
        get("<m>/creds/app"),
        role(creation_statements="CREATE BROKEN"),
        get("<m>/creds/app"),
        role(db_name="none"),
        get("<m>/creds/app"),
        role(credential_config={"password_policy": "none"}),
        get("<m>/creds/app"),
        services=PG,
    ),
    case(
        "database static roles",
        mount("database"),
        config(),
        role("maker", creation_statements="CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}'"),
        get("<m>/creds/maker", keep=KEEP),
        post("<m>/static-roles/s", {}),
        post("<m>/static-roles/s", {"username": "<user>", "db_name": "pg"}),
        post("<m>/static-roles/s", {"username": "<user>", "db_name": "pg", "rotation_period": "1s"}),
        post("<m>/static-roles/s", {"username": "<user>", "db_name": "pg", "rotation_period": "1h"}),
        get("<m>/static-roles/s"),
        get("<m>/static-creds/s", keep={"first": "data.password"}),
        post("<m>/rotate-role/s"),
        get("<m>/static-creds/s", keep={"second": "data.password"}),
        post("<m>/static-roles/s", {"username": "other", "db_name": "pg", "rotation_period": "1h"}),
        post("<m>/static-roles/s", {"username": "<user>", "db_name": "pg", "rotation_period": "2h"}),
        get("<m>/static-roles/s"),
        role("s"),
        post("<m>/static-roles/maker", {"username": "<user>", "db_name": "pg", "rotation_period": "1h"}),
        list_("<m>/static-roles"),
        delete("<m>/static-roles/s"),
        list_("<m>/static-roles"),
        put("sys/leases/revoke", {"lease_id": "<lease>", "sync": True}),
        services=PG,
    ),
    case(
        "database own password",
        mount("database"),
        config(),
        post(
            "<m>/roles/admin",
            {
                "db_name": "pg",
                "creation_statements": "CREATE ROLE \"{{name}}\" SUPERUSER LOGIN PASSWORD '{{password}}'",
            },
        ),
        get("<m>/creds/admin", keep=KEEP),
        config("own", username="<user>", password="<password>"),
        post("<m>/rotate-root/own", {}),
        role(db_name="own"),
        get("<m>/creds/app", keep=KEEP),
        post("<m>/config/own", {}),
        config("bare", username=None, password=None, connection_url=INLINE, verify_connection=False),
        get("<m>/config/bare"),
        services=PG,
    ),
)
