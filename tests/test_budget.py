"""A guard against slow creep: a read must not cost more CPU than this many turns of a plain Python loop.

The loop is measured in the same run, so the limit holds on slow and busy machines alike. The limit is
generous (twice what it took when it was set); ``scripts/bench`` has the exact figures.
"""

from __future__ import annotations

import statistics
import time

import pytest

from bench.load import Stream, run
from bench.process import cpu_seconds
from bench.subject import Subject, prepare
from tests.server import STRONGROOM, Server

# Turns of the loop below that one request may cost.
BUDGET = {"kv1/a": 6_000, "kv2/data/a": 7_000, "auth/token/lookup-self": 7_000}


def turn_seconds() -> float:
    """CPU time of one turn of the loop: the median of several measurements."""

    def once() -> float:
        value, started = 1, time.thread_time()
        for number in range(200_000):
            value = (value * 31 + number) & 0xFFFF
        return (time.thread_time() - started) / 200_000

    return statistics.median(once() for _ in range(5))


@pytest.fixture
def subject(open_server: Server) -> Subject:
    return Subject("Strongroom", STRONGROOM, open_server, prepare(open_server))


@pytest.mark.parametrize("path", tuple(BUDGET))
def test_a_read_stays_within_its_budget(subject: Subject, path: str) -> None:
    port = subject.server.port
    stream = Stream(path, subject.maker("GET", path), 4)
    run(port, [stream], count=300)
    before = cpu_seconds(subject.pid)
    result = run(port, [stream], count=2_000)[path]
    used = (cpu_seconds(subject.pid) - before) / len(result.latencies)
    assert not result.refused, result.first_refusal
    turns = used / turn_seconds()
    assert turns < BUDGET[path], f"{used * 1e6:.0f} us, {turns:.0f} turns"
