from __future__ import annotations

import asyncio
import threading
import time

import pytest

from strongroom.audit.backlog import Backlog


class Target:
    """Takes lines while it is open."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.open = threading.Event()
        self.entered = threading.Event()

    def transmit(self, line: bytes, timeout: float) -> None:
        assert 0 < timeout <= 2.0
        self.entered.set()
        self.open.wait(10)
        if line == b"bad":
            raise ConnectionResetError("reset")
        self.lines.append(line)


@pytest.fixture
def target() -> Target:
    return Target()


def test_done_means_written_and_in_order(target: Target) -> None:
    async def scenario() -> None:
        backlog = Backlog(target.transmit)
        futures = [backlog.put(b"%d" % number) for number in range(50)]
        await asyncio.sleep(0.02)
        assert not any(future.done() for future in futures)
        target.open.set()
        for number, future in enumerate(futures):
            await future
            assert len(target.lines) > number
        backlog.close()

    asyncio.run(scenario())
    assert target.lines == [b"%d" % number for number in range(50)]


def test_error_reaches_the_line_it_belongs_to(target: Target) -> None:
    async def scenario() -> None:
        target.open.set()
        backlog = Backlog(target.transmit)
        good, bad, after = backlog.put(b"good"), backlog.put(b"bad"), backlog.put(b"after")
        await good
        with pytest.raises(ConnectionResetError):
            await bad
        await after
        backlog.close()

    asyncio.run(scenario())
    assert target.lines == [b"good", b"after"]


def test_full_queue_refuses_at_once(target: Target) -> None:
    async def scenario() -> None:
        backlog = Backlog(target.transmit, limit=2)
        futures = [backlog.put(b"in work")]
        await asyncio.to_thread(target.entered.wait, 5)
        futures += [backlog.put(b"a"), backlog.put(b"b")]
        started = time.monotonic()
        with pytest.raises(OSError, match="too many lines"):
            backlog.put(b"c")
        assert time.monotonic() - started < 0.5
        target.open.set()
        await asyncio.gather(*futures)
        backlog.close()

    asyncio.run(scenario())
    assert target.lines == [b"in work", b"a", b"b"]


def test_waiting_lines_are_bounded_in_bytes_too(target: Target) -> None:
    async def scenario() -> None:
        backlog = Backlog(target.transmit, size=1000)
        futures = [backlog.put(b"a" * 600), backlog.put(b"b" * 600)]
        with pytest.raises(OSError, match="too many lines"):
            backlog.put(b"c")
        target.open.set()
        await asyncio.gather(*futures)
        await backlog.put(b"d")
        backlog.close()

    asyncio.run(scenario())
    assert target.lines == [b"a" * 600, b"b" * 600, b"d"]


def test_stuck_target_fails_lines_at_their_deadline_and_gets_no_stale_ones(target: Target) -> None:
    async def scenario() -> None:
        backlog = Backlog(target.transmit, deadline=0.1)
        futures = [backlog.put(b"stuck"), backlog.put(b"behind")]
        for future in futures:
            with pytest.raises(TimeoutError, match="timed out"):
                await asyncio.wait_for(asyncio.shield(future), 5)
        target.open.set()
        await backlog.put(b"fresh")
        backlog.close()

    asyncio.run(scenario())
    assert target.lines == [b"stuck", b"fresh"]


def test_close_writes_what_waits(target: Target) -> None:
    async def scenario() -> list[asyncio.Future[None]]:
        backlog = Backlog(target.transmit)
        target.open.set()
        futures = [backlog.put(b"a"), backlog.put(b"b")]
        await asyncio.to_thread(backlog.close)
        await asyncio.gather(*futures)
        return futures

    assert len(asyncio.run(scenario())) == 2
    assert target.lines == [b"a", b"b"]


def test_close_gives_up_on_a_stuck_thread(target: Target) -> None:
    async def scenario() -> None:
        backlog = Backlog(target.transmit, limit=1)
        futures = [backlog.put(b"stuck")]
        await asyncio.to_thread(target.entered.wait, 5)
        futures.append(backlog.put(b"behind"))
        started = time.monotonic()
        backlog.close(0.05)
        assert time.monotonic() - started < 5
        target.open.set()
        await asyncio.gather(*futures)

    asyncio.run(scenario())


def test_loop_that_ended_does_not_hurt_the_thread(target: Target) -> None:
    backlogs = []

    async def scenario() -> None:
        backlog = Backlog(target.transmit)
        backlogs.append(backlog)
        backlog.put(b"orphan")
        await asyncio.to_thread(target.entered.wait, 5)

    asyncio.run(scenario())
    target.open.set()

    async def later() -> None:
        await backlogs[0].put(b"next")
        backlogs[0].close()

    asyncio.run(later())
    assert target.lines == [b"orphan", b"next"]
