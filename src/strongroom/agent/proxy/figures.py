"""What the agent's metrics show."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.agent.cache.cache import Cache
from strongroom.agent.config import AgentConfig
from strongroom.agent.state import State
from strongroom.metrics.registry import Metrics


def figures(state: State, cache: Cache | None) -> Metrics:
    """The metrics, with the gauges that tell of login, server, leases and cache."""
    metrics = Metrics("vault")
    auth, server = state.auth, state.server
    gauges: dict[str, Callable[[], float]] = {
        "agent.authenticated": lambda: float(auth.authenticated),
        "agent.auth.failures": lambda: auth.failures,
        "agent.auth.logins": lambda: auth.logins,
        "agent.auth.renewals": lambda: auth.renewals,
        "agent.leases": lambda: state.leases,
        "agent.server.failures": lambda: server.failures,
        "agent.server.reachable": lambda: float(server.reachable is not False),
        "agent.server.sealed": lambda: float(bool(server.sealed)),
        "agent.templates": lambda: len(state.templates),
    }
    if cache is not None:
        gauges |= {
            "agent.cache.entries": lambda: len(cache.entries),
            "agent.cache.evictions": lambda: cache.evictions,
            "agent.cache.hits": lambda: cache.hits,
            "agent.cache.joined": lambda: cache.joined,
            "agent.cache.misses": lambda: cache.misses,
            "agent.cache.renewals": lambda: cache.renewals,
        }
    for name, read in gauges.items():
        metrics.gauge(name, read)
    return metrics


def retention(config: AgentConfig) -> float:
    """``telemetry.prometheus_retention_time`` in seconds; 0, without Prometheus, where none is set."""
    return config.telemetry.prometheus_retention_time if config.telemetry else 0.0
