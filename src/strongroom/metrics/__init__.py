"""What the server measures about itself, under the names that Vault's dashboards know."""

from __future__ import annotations

from strongroom.metrics.exposition import PROMETHEUS_TYPE, render_json, render_prometheus
from strongroom.metrics.push import Push
from strongroom.metrics.registry import INTERVAL, Counter, Metrics, Series, Timing, Window
from strongroom.metrics.together import Snapshot, Together

__all__ = [
    "INTERVAL",
    "PROMETHEUS_TYPE",
    "Counter",
    "Metrics",
    "Push",
    "Series",
    "Snapshot",
    "Timing",
    "Together",
    "Window",
    "render_json",
    "render_prometheus",
]
