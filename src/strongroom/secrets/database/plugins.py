"""The database plugins there are: one line each, imported when a connection first needs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from strongroom.errors import BadRequest
from strongroom.secrets.database.plugin import Plugin


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a plugin's class is, and the extra that brings the packages it needs."""

    target: str
    extra: str


PLUGINS = {
    "elasticsearch-database-plugin": Entry("elasticsearch:Elasticsearch", "http"),
    "influxdb-database-plugin": Entry("influxdb:InfluxDB", "http"),
    "mongodb-database-plugin": Entry("mongodb:MongoDB", "mongodb"),
    "mysql-aurora-database-plugin": Entry("mysql:LegacyMySQL", "mysql"),
    "mysql-database-plugin": Entry("mysql:MySQL", "mysql"),
    "mysql-legacy-database-plugin": Entry("mysql:LegacyMySQL", "mysql"),
    "mysql-rds-database-plugin": Entry("mysql:LegacyMySQL", "mysql"),
    "postgresql-database-plugin": Entry("postgresql:PostgreSQL", "postgresql"),
    "redis-database-plugin": Entry("redis:Redis", "redis"),
    "valkey-database-plugin": Entry("redis:Redis", "redis"),
}


@cache
def plugin_class(name: str) -> type[Plugin]:
    """The class of a plugin. Raises BadRequest when there is none, or when its packages are missing."""
    entry = PLUGINS.get(name)
    if entry is None:
        raise BadRequest(f"plugin not found in the catalog: {name}")
    module, _, class_name = entry.target.partition(":")
    try:
        found: type[Plugin] = getattr(import_module(f"{__package__}.{module}"), class_name)
    except ImportError as error:
        raise BadRequest(
            f"{name} needs packages that are not installed: pip install strongroom[{entry.extra}]",
            cause=str(error),
        ) from None
    return found
