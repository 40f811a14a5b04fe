from __future__ import annotations

from tests.elasticsearch import elasticsearch
from tests.influxdb import _influxdb, influxdb
from tests.mariadb import _mariadb, mariadb
from tests.mongodb import mongodb
from tests.postgres import _cluster, postgres
from tests.redis import redis

__all__ = [
    "_cluster",
    "_influxdb",
    "_mariadb",
    "elasticsearch",
    "influxdb",
    "mariadb",
    "mongodb",
    "postgres",
    "redis",
]
