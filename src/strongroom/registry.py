"""The engines there are: a name to a class, imported when first mounted.

Engines of one's own join through the entry point groups ``strongroom.secrets`` and
``strongroom.auth``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from strongroom.errors import BadRequest
from strongroom.framework.backend import Backend

BUILTIN: dict[str, dict[str, str]] = {
    "mounts": {
        "consul": "strongroom.secrets.consul:Consul",
        "cubbyhole": "strongroom.secrets.cubbyhole:Cubbyhole",
        "database": "strongroom.secrets.database.engine:Database",
        "gcpkms": "strongroom.secrets.gcpkms:GcpKms",
        "generic": "strongroom.secrets.kv:KV",
        "identity": "strongroom.identity.backend:Identity",
        "kubernetes": "strongroom.secrets.kubernetes:Kubernetes",
        "kv": "strongroom.secrets.kv:KV",
        "ldap": "strongroom.secrets.ldap.engine:Ldap",
        "mysql": "strongroom.secrets.database.single:MySQL",
        "nomad": "strongroom.secrets.nomad:Nomad",
        "pki": "strongroom.secrets.pki.engine:Pki",
        "postgresql": "strongroom.secrets.database.single:PostgreSQL",
        "ns_cubbyhole": "strongroom.secrets.cubbyhole:Cubbyhole",
        "ns_identity": "strongroom.identity.backend:Identity",
        "ns_system": "strongroom.sys.system:System",
        "rabbitmq": "strongroom.secrets.rabbitmq:RabbitMQ",
        "system": "strongroom.sys.system:System",
        "ssh": "strongroom.secrets.ssh:SSH",
        "totp": "strongroom.secrets.totp:Totp",
        "transit": "strongroom.secrets.transit:Transit",
    },
    "auth": {
        "app-id": "strongroom.auth.app_id:AppId",
        "approle": "strongroom.auth.approle:AppRole",
        "cert": "strongroom.auth.cert:Cert",
        "ns_token": "strongroom.auth.token:TokenAuth",
        "token": "strongroom.auth.token:TokenAuth",
        "userpass": "strongroom.auth.userpass:Userpass",
    },
}
INTERNAL = frozenset(
    f"{before}{type_}" for type_ in ("system", "cubbyhole", "identity", "token") for before in ("", "ns_")
)
"""What is mounted from the start, in root and, with ``ns_`` before it, in every other namespace."""
OLD_NAMES = frozenset({"generic", "mysql", "postgresql"})
"""Types that can still be mounted under a name that no catalog lists any more."""
_GROUPS = {"mounts": "strongroom.secrets", "auth": "strongroom.auth"}


def names(table: str) -> list[str]:
    """The types that can be mounted in a table, sorted."""
    return sorted({*BUILTIN[table], *_plugins(table)} - INTERNAL - OLD_NAMES)


def is_builtin(table: str, type_: str) -> bool:
    """Whether the type ships with Strongroom."""
    return type_ in BUILTIN[table]


def database_plugins() -> list[str]:
    """The kinds of databases that the database engine knows, by the names of their plugins."""
    return sorted(import_module("strongroom.secrets.database.plugins").PLUGINS)


@cache
def _plugins(table: str) -> dict[str, str]:
    from importlib.metadata import entry_points  # noqa: PLC0415  slow to import, and most mounts are built in

    return {point.name: point.value for point in entry_points(group=_GROUPS[table])}


def backend_class(table: str, type_: str, options: dict[str, str] | None) -> type[Backend]:
    """The class that serves a type. Raises BadRequest when there is none of that name."""
    target = BUILTIN[table].get(type_) or _plugins(table).get(type_)
    if target is None:
        raise BadRequest(f"plugin not found in the catalog: {type_}")
    module, _, name = target.partition(":")
    found: type[Backend] = getattr(import_module(module), name)
    return found.variant(options or {})
