"""The reaper: what is due ends, whoever fails, races or hangs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from strongroom import reaper
from strongroom.core import Core
from strongroom.errors import Conflict
from strongroom.lease import Leases
from strongroom.logical import SECOND, Request
from tests.distant import World, issue, mounted, stored, world
from tests.inprocess import InProcess, inprocess
from tests.leasing import Leasing, later, leasing, reap, rows

__all__ = ["leasing", "world"]  # fixtures


async def tokens(api: InProcess, count: int, ttl: str = "60s") -> list[str]:
    made = []
    for _ in range(count):
        answer = await api("POST", "auth/token/create", {"ttl": ttl, "policies": ["default"]})
        made.append(answer.json["auth"]["client_token"])
    return made


async def alive(api: InProcess, made: list[str]) -> int:
    return sum([(await api("GET", "auth/token/lookup-self", token=one)).status == 200 for one in made])


@asynccontextmanager
async def scheduled(core: Core) -> AsyncIterator[Request]:
    """A request of nobody's, committed at the end."""
    request = core.internal_request()
    yield request
    await core.store.commit(request.tx)


def test_many_tokens_end_together_and_others_stay() -> None:
    async def scenario(api: InProcess) -> None:
        before = set(await rows(api.core))
        await tokens(api, 300)
        kept = await tokens(api, 3, "1h")
        with later(api.core, 61):
            assert await reaper.sweep(api.core) == 300
            assert len(await stored(api.core, "at")) == 3
            assert await alive(api, kept) == 3
        with later(api.core, 3601):
            await reap(api.core)
        assert set(await rows(api.core)) == before

    inprocess(scenario, seconds=60)


def test_a_renewed_token_is_not_ended_by_its_old_row() -> None:
    async def scenario(api: InProcess) -> None:
        [token] = await tokens(api, 1)
        await api("POST", "auth/token/renew-self", {"increment": "1h"}, token=token)
        with later(api.core, 61):
            await reap(api.core)
            assert await alive(api, [token]) == 1

    inprocess(scenario)


@pytest.mark.parametrize("child_first", (False, True))
def test_a_child_that_was_renewed_still_goes_with_its_parent(child_first: bool) -> None:
    async def scenario(api: InProcess) -> None:
        fields = {"ttl": "60s", "policies": ["root"]}
        made = await api("POST", "auth/token/create", fields)
        parent = made.json["auth"]["client_token"]
        made = await api("POST", "auth/token/create", {"ttl": "90s"}, token=parent)
        child = made.json["auth"]["client_token"]
        keys = [api.core.tokens.key(child), api.core.tokens.key(parent)]
        with later(api.core, 61):
            async with scheduled(api.core) as request:
                ends = [(1, key) for key in (keys if child_first else keys[::-1])]
                await api.core.leases.end_tokens(request, ends)
            assert await alive(api, [child]) == 0
            assert len(await rows(api.core, "sys/token/id/")) == 1  # the root token's

    inprocess(scenario)


def test_who_spoils_a_shared_transaction_ends_or_fails_alone() -> None:
    async def scenario(api: InProcess) -> None:
        await tokens(api, 40)
        async with scheduled(api.core) as request:
            [victim, *_] = await api.core.leases.ids(request, "auth/token/create/")
            key = victim.rpartition("/")[2]
            request.tx.put(f"sys/token/id/{key}", b"not what was stored")
        with later(api.core, 61):
            await reap(api.core)
            assert len(await stored(api.core, "at")) == 1

    inprocess(scenario, seconds=60)


def test_a_lost_race_has_each_end_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def losing(leases: Leases, request: Request, ends: list[tuple[int, str]]) -> None:
        asked.append(len(ends))
        raise Conflict

    monkeypatch.setitem(reaper._TOGETHER, "t", losing)

    async def scenario(api: InProcess) -> None:
        await tokens(api, 50)
        with later(api.core, 61):
            await reap(api.core)
            assert not await stored(api.core, "at")
        assert 50 in asked

    inprocess(scenario, seconds=60)


@pytest.mark.usefixtures("leasing")
def test_a_failing_lease_in_a_shared_transaction_stops_no_other() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/db", {"type": "leasing"})
        Leasing.failing.add("bad")
        for number in range(60):
            await api("GET", f"db/creds/{'bad' if number % 20 == 7 else 'app'}?ttl=60")
        with later(api.core, 61):
            await reap(api.core)
            left = await stored(api.core, "id")
            assert [name.split("/")[2] for name in left] == ["bad"] * 3
            assert len(await stored(api.core, "at")) == 3

    inprocess(scenario, seconds=60)


def test_steps_that_hang_hold_up_nothing_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = 0
    most = 0

    async def hang(leases: Leases, request: Request, when: int, reference: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await asyncio.sleep(60)
        finally:
            under_way -= 1

    monkeypatch.setitem(reaper._STEPS, "u", hang)
    monkeypatch.setattr(reaper, "BATCH", 16)

    async def scenario(api: InProcess) -> None:
        await tokens(api, 5)
        async with scheduled(api.core) as request:
            for number in range(100):
                api.core.leases.schedule(request.tx, number + 1, "u", f"hanging{number}")
        with later(api.core, 61):
            async with asyncio.timeout(10):
                while [row for row in await stored(api.core, "at") if "/t/" in row]:
                    await api.core.reaper.look()
                    await asyncio.sleep(0)
            assert most == reaper.AT_ONCE

    inprocess(scenario)


def test_a_step_that_waits_for_a_system_outside_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(leases: Leases, request: Request, when: int, reference: str) -> None:
        await asyncio.sleep(60)

    monkeypatch.setitem(reaper._STEPS, "u", hang)
    monkeypatch.setattr(reaper, "DEADLINE", 0.05)

    async def scenario(api: InProcess) -> None:
        async with scheduled(api.core) as request:
            api.core.leases.schedule(request.tx, 1, "u", "hanging")
        await reap(api.core)
        [row] = await stored(api.core, "at")
        assert int(row.partition("/")[0], 16) > api.core.clock() + 10 * SECOND, "put off"

    inprocess(scenario)


@pytest.mark.usefixtures("world")
def test_sealing_interrupts_what_hangs_and_an_unseal_takes_it_up(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 3)
        world.hanging.add("db")
        with later(api.core, 61):
            async with asyncio.timeout(10):
                while not world.busy["db"]:
                    await api.core.reaper.look()
                    await asyncio.sleep(0.01)
                await api.core.lifecycle.seal()
            assert world.busy["db"] == 0
            world.hanging.clear()
            await api.core.lifecycle.submit(api.key)
            await reap(api.core)
            assert not world.users
            assert not await stored(api.core, "id")

    inprocess(scenario)


def test_the_server_ends_what_is_due_by_itself(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await tokens(api, 3)
        await issue(api, "db", 3)
        with later(api.core, 61):
            async with asyncio.timeout(10):
                while await stored(api.core, "id"):  # noqa: ASYNC110  the server has no event for it
                    await asyncio.sleep(0.02)
            assert not world.users

    inprocess(scenario)


def test_it_wakes_for_the_next_end_not_up_to_a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper, "PAUSE", 30.0)

    async def scenario(api: InProcess) -> None:
        async with asyncio.timeout(10):
            await asyncio.sleep(1.1)  # the pause that began before
            await tokens(api, 1, "2s")
            api.core.leases.outside.ended.set()
            while await stored(api.core, "at"):  # noqa: ASYNC110  the server has no event for it
                await asyncio.sleep(0.02)

    inprocess(scenario)
