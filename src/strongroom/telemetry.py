"""Metrics on their way out: windows are closed on time, and receivers get what they held."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from strongroom.metrics import INTERVAL, Metrics, Push

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


async def run(core: Core, told: Sequence[Push], *, interval: float = INTERVAL) -> None:
    """Close a window every ``interval`` seconds and push it; a receiver that is down loses it."""
    while True:
        await asyncio.sleep(interval - time.time() % interval)
        now = time.time()
        core.measures.tick(now)
        if told:
            measured = await core.measures.everyones(now)
            await asyncio.gather(*(_push(measured, each) for each in told))


async def _push(measured: Metrics, receiver: Push) -> None:
    try:
        await asyncio.to_thread(receiver.flush, measured)
    except OSError as error:
        _log.warning(
            "metrics not delivered to %s: %s", receiver.address, error.strerror or type(error).__name__
        )
