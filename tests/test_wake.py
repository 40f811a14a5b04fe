"""Wakes: an engine is called when it asked to be, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.errors import UpstreamFailed
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows


class Alarm(Path):
    """Something to be called for."""

    pattern = "alarm/{name}"
    name: str = field("Its name.")
    seconds: int = field("When.")

    async def write(self, engine: Sleeper, request: Request) -> None:
        """Ask."""
        request.wake_at(request.now + self.seconds * SECOND, self.name)
        request.view.put(self.name, str(request.now + self.seconds * SECOND).encode())

    async def read(self, engine: Sleeper, request: Request) -> dict[str, int]:
        """How many calls there were."""
        return {"count": int(await request.view.get("count") or b"0")}

    async def delete(self, engine: Sleeper, request: Request) -> None:
        """Take it back."""
        at = await request.view.get(self.name)
        request.let_sleep(int(at or b"0"), self.name)


class Sleeper(Backend):
    """Writes down when it was called."""

    type: ClassVar[str] = "sleeper"
    paths = (Alarm,)
    called: ClassVar[list[str]] = []
    undone: ClassVar[list[str]] = []
    failing: ClassVar[bool] = False

    async def wake(self, request: Request, reference: str) -> None:
        """Note the call; in the storage, too."""
        async with request.undo("call", {"name": reference}):
            self.called.append(reference)
            if self.failing:
                raise UpstreamFailed("not now")
        count = await request.view.get("count") or b"0"
        request.view.put("count", b"%d" % (int(count) + 1))

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Note it."""
        self.undone.append(data["name"])


@pytest.fixture(autouse=True)
def _sleeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(registry.BUILTIN["mounts"], "sleeper", "tests.test_wake:Sleeper")
    Sleeper.called.clear()
    Sleeper.undone.clear()
    yield
    Sleeper.failing = False


async def asked(api: InProcess, seconds: int = 60) -> None:
    assert (await api("POST", "sys/mounts/s", {"type": "sleeper"})).status == 204
    assert (await api("POST", "s/alarm/a", {"seconds": seconds})).status == 204


async def counted(api: InProcess) -> int:
    """How many calls have been committed; the reaper in the background may have tried as well."""
    count: int = (await api("GET", "s/alarm/a")).data["count"]
    return count


async def left(api: InProcess) -> list[str]:
    return [row for row in await rows(api.core, "sys/expire/") if "/w/" in row or "undo/" in row]


def test_it_is_called_once_and_in_time() -> None:
    async def scenario(api: InProcess) -> None:
        await asked(api)
        with later(api.core, 59):
            await reap(api.core)
        assert Sleeper.called == []
        with later(api.core, 61):
            await reap(api.core)
            await reap(api.core)
        assert await counted(api) == 1
        assert not await left(api)

    inprocess(scenario)


def test_it_is_called_after_a_restart() -> None:
    async def scenario(api: InProcess) -> None:
        await asked(api)
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        with later(api.core, 61):
            await reap(api.core)
        assert await counted(api) == 1

    inprocess(scenario)


def test_what_is_taken_back_does_not_come() -> None:
    async def scenario(api: InProcess) -> None:
        await asked(api)
        assert (await api("DELETE", "s/alarm/a")).status == 204
        assert not await left(api)
        with later(api.core, 61):
            await reap(api.core)
        assert Sleeper.called == []

    inprocess(scenario)


def test_a_call_that_fails_comes_again_and_leaves_nothing_behind() -> None:
    async def scenario(api: InProcess) -> None:
        await asked(api)
        Sleeper.failing = True
        with later(api.core, 61):
            await reap(api.core)
        assert set(Sleeper.called) == set(Sleeper.undone) == {"a"}
        assert await counted(api) == 0
        Sleeper.failing = False
        with later(api.core, 120):
            await reap(api.core)
        assert await counted(api) == 1
        assert not await left(api)

    inprocess(scenario)


def test_a_mount_that_is_gone_is_not_called() -> None:
    async def scenario(api: InProcess) -> None:
        await asked(api)
        assert (await api("DELETE", "sys/mounts/s")).status == 204
        with later(api.core, 61):
            await reap(api.core)
        assert Sleeper.called == []
        assert not await left(api)

    inprocess(scenario)
