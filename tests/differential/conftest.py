from __future__ import annotations

from tests.clients import clients
from tests.influxdb import _influxdb, influxdb
from tests.mariadb import _mariadb, mariadb
from tests.postgres import _cluster, postgres
from tests.redis import redis

__all__ = ["_cluster", "_influxdb", "_mariadb", "clients", "influxdb", "mariadb", "postgres", "redis"]
