from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest

from strongroom.cluster import outbox
from strongroom.cluster.channel import Channel
from strongroom.cluster.frame import Frame, Logged
from strongroom.cluster.outbox import Outbox
from strongroom.errors import BadRequest
from strongroom.log import Logs


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of our own, so that pytest's handlers stay out of it."""
    found = logging.getLogger("outbox-test")
    found.propagate = False
    found.setLevel(logging.DEBUG)
    yield found
    found.handlers.clear()
    found.propagate = True


def _itself(channel: Channel) -> Channel:
    return channel


def joined(scenario: Callable[[Channel, asyncio.Queue[Logged]], Awaitable[None]]) -> None:
    """Run with the reader's end of a channel and what arrives at the writer's."""

    async def run() -> None:
        arrived: asyncio.Queue[Logged] = asyncio.Queue()
        gone = asyncio.Event()

        def receive(frame: Frame) -> None:
            assert isinstance(frame, Logged)
            arrived.put_nowait(frame)

        ours, theirs = Channel(lambda _: None, lambda: None), Channel(receive, gone.set)
        loop = asyncio.get_running_loop()
        for channel, end in zip((ours, theirs), socket.socketpair(), strict=True):
            await loop.create_connection(partial(_itself, channel), sock=end)
        async with asyncio.timeout(20):
            await scenario(ours, arrived)
            ours.close()
            await gone.wait()

    asyncio.run(run())


def test_a_line_arrives_as_it_was_logged(logger: logging.Logger) -> None:
    async def scenario(channel: Channel, arrived: asyncio.Queue[Logged]) -> None:
        handler = Outbox(channel)
        logger.addHandler(handler)
        task = asyncio.create_task(handler.run())
        logger.warning("moved %s", "x", extra={"fields": {"count": 3, "where": object}})
        failure = BadRequest("no", cause="why")
        await asyncio.to_thread(logger.error, "failed", exc_info=failure)
        first, second = await arrived.get(), await arrived.get()
        assert (first.logger, first.level, first.message) == ("outbox-test", logging.WARNING, "moved x")
        assert first.fields == {"count": 3, "where": "<class 'object'>"}
        assert (second.fields["error"], second.fields["cause"]) == ("no", "why")
        task.cancel()

    joined(scenario)


def test_who_logs_never_waits_and_what_is_too_much_is_counted(logger: logging.Logger) -> None:
    async def scenario(channel: Channel, arrived: asyncio.Queue[Logged]) -> None:
        handler = Outbox(channel, size=4)
        cluster = logging.getLogger("cluster")
        cluster.addHandler(handler)
        cluster.setLevel(logging.WARNING)
        try:
            for number in range(10):
                cluster.warning("%d", number)
            task = asyncio.create_task(handler.run())
            lines = [(await arrived.get()).message for _ in range(5)]
            assert lines == ["0", "1", "2", "3", "6 lines of the log were dropped"]
            task.cancel()
        finally:
            cluster.removeHandler(handler)
            cluster.setLevel(logging.NOTSET)

    joined(scenario)


def test_the_writer_chooses_by_its_own_levels(logger: logging.Logger) -> None:
    logs = Logs("warn", root=logger)
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logs.to(Kept())
    for level in (logging.INFO, logging.ERROR):
        line = Logged("outbox-test", level, 1_795_378_685.25, "said", {"a": "b"})
        outbox.log(line, 42)
    assert lines == ["2026-11-22T20:18:05.250Z [ERROR] outbox-test: said: a=b process=42"]
    logs.close()
