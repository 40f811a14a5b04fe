from __future__ import annotations

import asyncio
import socket

import pytest

from strongroom import telemetry
from strongroom.config.load import dev
from strongroom.config.stanza import TelemetryStanza
from tests.inprocess import InProcess, inprocess


def test_receivers_are_those_with_an_address() -> None:
    stanza = TelemetryStanza(dogstatsd_addr="127.0.0.1:1", dogstatsd_tags=("a:b",))
    (only,) = telemetry.receivers(stanza)
    assert (only.protocol, only.tags) == ("dogstatsd", ("a:b",))
    assert telemetry.receivers(TelemetryStanza()) == []


def test_what_was_measured_arrives() -> None:
    config = dev(address="127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        config.telemetry = TelemetryStanza(
            disable_hostname=True, statsd_address=f"127.0.0.1:{receiver.getsockname()[1]}"
        )

        async def scenario(api: InProcess) -> None:
            task = asyncio.create_task(
                telemetry.run(api.core, telemetry.receivers(config.telemetry), interval=0.05)
            )
            packet = await asyncio.to_thread(receiver.recv, 65_536)
            task.cancel()
            assert b"vault.core.unsealed:1|g" in packet

        inprocess(scenario, config)


def test_a_receiver_that_is_down_is_no_reason_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    config = dev(address="127.0.0.1:0")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        config.telemetry = TelemetryStanza(statsite_address=f"127.0.0.1:{probe.getsockname()[1]}")

        async def scenario(api: InProcess) -> None:
            task = asyncio.create_task(
                telemetry.run(api.core, telemetry.receivers(config.telemetry), interval=0.02)
            )
            while caplog.text.count("metrics not delivered") < 2:  # noqa: ASYNC110  a log has no event
                await asyncio.sleep(0.01)
            assert not task.done()
            task.cancel()

        inprocess(scenario, config)
