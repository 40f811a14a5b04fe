"""When a secret is renewed or read again: decided from what the server said, the time, and a draw."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

SHORTEST = 1.0
RENEWAL = 0.75
CAPPED = 0.98
"""A renewal that grants less than this part of the lease was cut short by its longest life."""


class Rules(Struct, frozen=True):
    """``interval`` is for secrets without a lease; ``threshold`` the part of a lease that is used up.

    A renewable lease is renewed after the part ``renewal``, up to a tenth of it earlier.
    """

    interval: float = 300.0
    threshold: float = 0.9
    renewal: float = RENEWAL


class Held(Struct, frozen=True):
    """A lease as it was last granted, ``granted`` as it was first. Seconds; ``since`` by any clock."""

    lease_id: str
    duration: float
    renewable: bool
    since: float
    granted: float

    @property
    def ends(self) -> float:
        """When the secret is dead."""
        return self.since + self.duration


class Plan(Struct, frozen=True):
    """What to do, ``renew`` or ``read``, and in how many seconds."""

    what: str
    seconds: float


def plan_held(held: Held, rules: Rules, *, draw: Callable[[], float] = random.random) -> Plan:
    """What comes next for a leased secret.

    A renewable lease is renewed well before its end, and not at one moment: many agents do not ask at once,
    and a failed attempt leaves time for others. A renewal that grants less than the one before tells that the
    lease nears its longest life: it is replaced by a new secret well before its end, so that whoever uses it
    has time to change over.
    """
    if held.renewable and held.duration >= held.granted * CAPPED:
        return Plan("renew", max(held.duration * rules.renewal * (1.0 - 0.1 * draw()), SHORTEST * 0.25))
    if held.renewable:
        return Plan("read", held.duration * (0.25 + 0.2 * draw()))
    return Plan("read", max(_used_up(held.duration, rules, draw), SHORTEST * 0.25))


def plan_unleased(
    data: Mapping[str, Any],
    duration: float,
    rules: Rules,
    now: float,
    *,
    draw: Callable[[], float] = random.random,
) -> Plan:
    """When a secret without a lease is read again; ``now`` is Unix time.

    A certificate near its end, a password that the server rotates just after that, anything else after the
    interval, or sooner where the secret itself names a shorter time.
    """
    expiration = _number(data.get("expiration"))
    if "certificate" in data and expiration is not None:
        return Plan("read", max(_used_up(expiration - now, rules, draw), SHORTEST))
    ttl = _number(data.get("ttl"))
    rotates = "rotation_period" in data or "rotation_schedule" in data or "last_vault_rotation" in data
    if rotates and ttl is not None:
        return Plan("read", max(ttl, 0.0) + 1.0)
    secret_id_ttl = _number(data.get("secret_id_ttl")) if "secret_id" in data else None
    if secret_id_ttl:
        return Plan("read", max(_used_up(secret_id_ttl, rules, draw), SHORTEST))
    interval = rules.interval
    if duration > 0:
        interval = min(interval, _used_up(duration, rules, draw))
    return Plan("read", max(interval * (1.0 - 0.05 * draw()), SHORTEST * 0.25))


def _used_up(duration: float, rules: Rules, draw: Callable[[], float]) -> float:
    return duration * (rules.threshold + (draw() - 0.5) * 0.1)


def _number(value: Any) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
