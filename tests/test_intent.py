"""Intents: what an engine does outside is undone when the request fails, races, or the server dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.core import Core
from strongroom.errors import BadRequest, Conflict, UpstreamFailed
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows


class Made(Path):
    """Makes something outside."""

    pattern = "made/{name}"
    name: str = field("Its name.")
    fail: str = field("Where to fail.")

    async def write(self, engine: Outside, request: Request) -> dict[str, Any]:
        """Make it."""
        count = await request.view.get("count") or b"0"
        async with request.undo("make", {"name": self.name}):
            engine.outside.append(self.name)
            if self.fail == "within":
                raise BadRequest("it went wrong")
        if self.fail == "after":
            raise BadRequest("it went wrong later")
        if self.fail == "race" and len(engine.outside) == 1:
            raise Conflict(cause="somebody was faster")
        request.view.put("count", b"%d" % (int(count) + 1))
        return {"outside": list(engine.outside)}


class Counted(Path):
    """Counts something outside, which only one at a time may do."""

    pattern = "counted"
    within: ClassVar[int] = 0

    async def write(self, engine: Outside, request: Request) -> None:
        """Count it, and note how often it has been counted."""
        count = int(await request.view.get("counted") or b"0")
        async with request.undo("make", {"name": f"{count + 1}"}, on="a/b"):
            Counted.within += 1
            await asyncio.sleep(0.001)
            assert Counted.within == 1
            assert len(engine.outside) == count
            engine.outside.append(f"{count + 1}")
            Counted.within -= 1
        await asyncio.sleep(0.001)
        request.view.put("counted", b"%d" % (count + 1))


class Outside(Backend):
    """An engine with a system outside: a list."""

    type: ClassVar[str] = "outside"
    paths = (Made, Counted)
    outside: ClassVar[list[str]] = []
    down: ClassVar[bool] = False

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Take what was made away again."""
        assert kind == "make"
        if type(self).down:
            raise UpstreamFailed("the system outside is down")
        if data["name"] in self.outside:
            self.outside.remove(data["name"])


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(registry.BUILTIN["mounts"], "outside", "tests.test_intent:Outside")
    Outside.outside.clear()
    yield
    Outside.outside.clear()
    Outside.down = False


async def mounted(api: InProcess) -> None:
    assert (await api("POST", "sys/mounts/out", {"type": "outside"})).status == 204


async def left(core: Core) -> int:
    """How many intents stand in the storage."""
    return len(await rows(core, "sys/expire/undo/"))


def test_what_succeeds_stays_and_leaves_no_intent() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        answer = await api("POST", "out/made/a", {})
        assert answer.data == {"outside": ["a"]}
        assert not await left(api.core)
        assert not [row for row in await rows(api.core, "sys/expire/at/") if "/u/" in row]

    inprocess(scenario)


@pytest.mark.parametrize("where", ("within", "after"))
def test_what_fails_is_undone_at_once(where: str) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        answer = await api("POST", "out/made/a", {"fail": where})
        assert answer.status == 400
        assert Outside.outside == []
        assert not await left(api.core)

    inprocess(scenario)


def test_what_loses_a_race_is_undone_before_it_runs_again() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        answer = await api("POST", "out/made/a", {"fail": "race"})
        # The first run's act is undone, so the second finds itself first again, until all attempts are used.
        assert answer.status == 409
        assert Outside.outside == []
        assert not await left(api.core)

    inprocess(scenario)


def test_what_one_at_a_time_may_act_on_is_acted_on_by_all_in_turn() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        answers = await asyncio.gather(*(api("POST", "out/counted") for _ in range(20)))
        assert {answer.status for answer in answers} == {204}
        assert len(Outside.outside) == 20
        assert not await left(api.core)
        assert not await rows(api.core, "sys/expire/acting/")

    inprocess(scenario)


def test_nobody_acts_on_what_is_not_settled() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api.core.mounts.load()
        request = api.core.internal_request()
        request.mount = api.core.mounts.find("out/")
        async with request.undo("make", {"name": "orphan"}, on="a/b"):
            Outside.outside.append("orphan")
        request.tx.close()  # the process dies before the commit
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        Outside.down = True
        await reap(api.core)
        assert (await api("POST", "out/counted")).status == 502
        assert Outside.outside == ["orphan"]
        Outside.down = False
        assert (await api("POST", "out/counted")).status == 204  # what is left there is settled first
        assert Outside.outside == ["1"]
        assert not await left(api.core)

    inprocess(scenario)


def test_what_cannot_be_undone_now_is_undone_later() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        Outside.down = True
        assert (await api("POST", "out/made/a", {"fail": "after"})).status == 400
        assert Outside.outside == ["a"]
        assert await left(api.core) == 1
        Outside.down = False
        with later(api.core, 10):
            await reap(api.core)
        assert Outside.outside == []
        assert not await left(api.core)

    inprocess(scenario)


def test_what_a_dead_server_began_is_undone_after_the_unseal() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api.core.mounts.load()
        request = api.core.internal_request()
        request.mount = api.core.mounts.find("out/")
        async with request.undo("make", {"name": "orphan"}):
            Outside.outside.append("orphan")
        request.tx.close()  # the process dies before the commit
        assert await left(api.core) == 1
        await reap(api.core)
        assert Outside.outside == ["orphan"]  # as long as it lives, the request may be under way
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        await reap(api.core)
        assert Outside.outside == []
        assert not await left(api.core)

    inprocess(scenario)


def test_an_intent_of_a_mount_that_is_gone_is_forgotten() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        Outside.down = True
        assert (await api("POST", "out/made/a", {"fail": "after"})).status == 400
        assert (await api("DELETE", "sys/mounts/out")).status == 204
        with later(api.core, 10):
            await reap(api.core)
        assert not await left(api.core)

    inprocess(scenario)
