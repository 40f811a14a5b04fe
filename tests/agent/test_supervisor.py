"""What ends tasks that live and die together, and with which code."""

from __future__ import annotations

import asyncio

import pytest

from strongroom.agent.exit import Exit
from strongroom.agent.supervisor import Supervisor
from strongroom.errors import StrongroomError


@pytest.mark.parametrize(
    ("error", "code"),
    ((Exit(7, "enough"), 7), (StrongroomError("no"), 14), (ZeroDivisionError("never"), 11)),
)
def test_the_first_failure_ends_all(error: Exception, code: int) -> None:
    ended = []

    async def fail() -> None:
        raise error

    async def stay() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("stay")

    async def play() -> int:
        supervisor = Supervisor(failed=14, broken=11)
        supervisor.start(stay(), "stay")
        await asyncio.sleep(0)
        supervisor.start(fail(), "fail")
        return await supervisor.run()

    assert asyncio.run(play()) == code
    assert ended == ["stay"]


def test_an_order_to_stop_ends_all_with_the_first_code() -> None:
    async def play() -> int:
        supervisor = Supervisor()
        supervisor.start(asyncio.sleep(0), "ends by itself, which ends nothing")
        asyncio.get_running_loop().call_later(0.02, supervisor.finish, 3)
        asyncio.get_running_loop().call_later(0.02, supervisor.finish, 4)
        return await supervisor.run()

    assert asyncio.run(play()) == 3
