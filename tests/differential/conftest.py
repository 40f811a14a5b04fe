from __future__ import annotations

from tests.clients import clients
from tests.postgres import _cluster, postgres

__all__ = ["_cluster", "clients", "postgres"]
