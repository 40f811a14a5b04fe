from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from strongroom.audit.pipe import PipeSink


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "audit.fifo"
    os.mkfifo(path)
    return path


def reader_of(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def read_all(fd: int) -> bytes:
    data = b""
    while True:
        try:
            chunk = os.read(fd, 1 << 20)
        except BlockingIOError:
            return data
        if not chunk:
            return data
        data += chunk


def test_lines_reach_the_reader(fifo: Path) -> None:
    async def scenario() -> bytes:
        reader, sink = reader_of(fifo), PipeSink(str(fifo))
        await sink.write(b"one\n")
        await sink.write(b"two\n")
        sink.close()
        data = read_all(reader)
        os.close(reader)
        return data

    assert asyncio.run(scenario()) == b"one\ntwo\n"


def test_no_reader_is_an_error_and_a_later_reader_is_found(fifo: Path) -> None:
    async def scenario() -> bytes:
        sink = PipeSink(str(fifo))
        with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
            await sink.write(b"lost\n")
        first = reader_of(fifo)
        await sink.write(b"one\n")
        os.close(first)
        with pytest.raises(BrokenPipeError):
            await sink.write(b"lost\n")
        second = reader_of(fifo)
        await sink.write(b"two\n")
        data = read_all(second)
        os.close(second)
        sink.close()
        return data

    assert asyncio.run(scenario()) == b"two\n"


def test_blocked_reader_costs_its_deadline_and_never_the_loop(fifo: Path) -> None:
    async def scenario() -> bytes:
        reader, sink = reader_of(fifo), PipeSink(str(fifo), deadline=1.0)
        big = b"x" * 300_000 + b"\n"
        started = time.monotonic()
        pending = sink.write(big)
        longest = 0.0
        while not pending.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        with pytest.raises(TimeoutError):
            await pending
        assert 0.9 < time.monotonic() - started < 10
        assert longest < 0.8
        fresh = sink.write(b"fresh\n")
        taken = read_all(reader)
        while not fresh.done():  # the thread may put some more of the big line before it gives that up
            await asyncio.sleep(0.01)
            taken += read_all(reader)
        await fresh
        taken += read_all(reader)
        os.close(reader)
        sink.close()
        return taken

    torn, _, last = asyncio.run(scenario()).partition(b"\n")
    assert set(torn) == {ord("x")}
    assert 0 < len(torn) < 300_000
    assert last == b"fresh\n"


def test_slow_reader_gets_whole_lines_in_order(fifo: Path) -> None:
    lines = [bytes([ord("a") + number]) * 50_000 + b"\n" for number in range(10)]
    received = bytearray()

    def read_slowly(fd: int) -> None:
        while chunk := os.read(fd, 20_000):
            received.extend(chunk)
            time.sleep(0.002)
        os.close(fd)

    async def scenario() -> None:
        reader = reader_of(fifo)
        os.set_blocking(reader, True)
        sink = PipeSink(str(fifo), deadline=10.0)
        pending = [sink.write(line) for line in lines]
        thread = threading.Thread(target=read_slowly, args=(reader,))
        thread.start()
        await asyncio.gather(*pending)
        sink.close()
        await asyncio.to_thread(thread.join)

    asyncio.run(scenario())
    assert bytes(received) == b"".join(lines)


def test_full_device() -> None:
    async def scenario() -> None:
        sink = PipeSink("/dev/full")
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                await sink.write(b"lost\n")
        sink.close()

    asyncio.run(scenario())


def test_reopen_finds_the_fifo_that_replaced_the_old(fifo: Path) -> None:
    async def scenario() -> tuple[bytes, bytes]:
        old, sink = reader_of(fifo), PipeSink(str(fifo))
        await sink.write(b"one\n")
        os.unlink(fifo)  # noqa: PTH108  # nothing here is worth not blocking
        os.mkfifo(fifo)
        new = reader_of(fifo)
        sink.reopen()
        await sink.write(b"two\n")
        sink.close()
        result = read_all(old), read_all(new)
        os.close(old)
        os.close(new)
        return result

    assert asyncio.run(scenario()) == (b"one\n", b"two\n")


def test_standard_output_stays_open_and_blocking() -> None:
    script = textwrap.dedent("""
        import asyncio, os
        from strongroom.audit.pipe import PipeSink
        async def main():
            sink = PipeSink("stdout")
            await sink.write(b"one\\n")
            sink.reopen()
            await sink.write(b"two\\n")
            sink.close()
            assert os.get_blocking(1)
        asyncio.run(main())
        print("after")
    """)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)
    assert done.stdout == b"one\ntwo\nafter\n"
