"""Metrics on their way out: windows are closed on time, and receivers get what they held."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from strongroom.metrics import INTERVAL, Push

if TYPE_CHECKING:
    from strongroom.config.stanza import TelemetryStanza
    from strongroom.core import Core

_log = logging.getLogger("telemetry")


def receivers(telemetry: TelemetryStanza) -> list[Push]:
    """Whom the configuration wants told."""
    named = (
        Push("statsd", telemetry.statsd_address),
        Push("dogstatsd", telemetry.dogstatsd_addr, tuple(telemetry.dogstatsd_tags or ())),
        Push("statsite", telemetry.statsite_address),
    )
    return [each for each in named if each.address]


async def run(core: Core, *, interval: float = INTERVAL) -> None:
    """Close a window every ``interval`` seconds and push it; a receiver that is down loses it."""
    told = receivers(core.config.telemetry)
    while True:
        await asyncio.sleep(interval - time.time() % interval)
        core.measures.tick(time.time())
        await asyncio.gather(*(_push(core, each) for each in told))


async def _push(core: Core, receiver: Push) -> None:
    try:
        await asyncio.to_thread(receiver.flush, core.measures.metrics)
    except OSError as error:
        _log.warning(
            "metrics not delivered to %s: %s", receiver.address, error.strerror or type(error).__name__
        )
