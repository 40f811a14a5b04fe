from __future__ import annotations

from tests.postgres import _cluster, postgres

__all__ = ["_cluster", "postgres"]
