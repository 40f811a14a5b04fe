"""One system down is one system down: what is due everywhere else ends in time."""

from __future__ import annotations

import asyncio

import pytest

from strongroom.outside import LIMIT
from tests.distant import World, irrevocable, issue, mounted, stored, world
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows

__all__ = ["world"]  # a fixture


@pytest.mark.parametrize("how", ("silent", "hanging", "refusing"))
def test_a_thousand_leases_of_others_go_through(world: World, how: str) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "down", 300, ttl=60)
        for number in range(10):
            await issue(api, f"up{number}", 100, ttl=61)
        getattr(world, how).add("down")
        with later(api.core, 62):
            async with asyncio.timeout(20):
                while sum(where != "down" for where in world.users.values()):
                    await api.core.reaper.look()
                    await asyncio.sleep(0.001)
            assert world.left("down") == 300
            if how != "refusing":  # who refuses is asked for each
                assert world.asked["down"] <= LIMIT
            assert all(world.asked[f"up{number}"] == 100 for number in range(10))
            assert await irrevocable(api) == []
            getattr(world, how).clear()
        with later(api.core, 1000):
            await reap(api.core)
            assert not world.users
            assert not await rows(api.core, "sys/expire/")

    inprocess(scenario, seconds=90)


def test_requests_are_served_while_many_leases_end() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(600):
            await api("POST", "auth/token/create", {"ttl": "60s", "policies": ["default"]})
        with later(api.core, 61):
            reaping = asyncio.ensure_future(reap(api.core))
            answered = 0
            while not reaping.done():
                assert (await api("POST", f"secret/data/n{answered}", {"data": {"n": 1}})).status == 200
                answered += 1
            await reaping
        assert answered > 3
        assert not await stored(api.core, "at")

    inprocess(scenario, seconds=60)
