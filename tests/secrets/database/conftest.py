"""Real databases; what their drivers leave to the collector is collected where it was left."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

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


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Drivers and the stand-ins' clients leave sockets of broken connections to the collector.

    That warns of them, in whatever test happens to run then; so it runs here, and the warning stays here.
    """
    warnings.simplefilter("ignore", ResourceWarning)
    yield
    warnings.simplefilter("ignore", ResourceWarning)
    gc.collect()
