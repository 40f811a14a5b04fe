"""A secrets engine for tests whose credentials stand in systems outside, which may be silent or hang."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as item
from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.core import Core
from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.lease import Leased, Terms, issued
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from tests.inprocess import InProcess
from tests.leasing import rows

HOUR = 3600


@dataclass
class World:
    """All systems outside. ``asked`` counts revocations by system, ``most`` those under way at once."""

    users: dict[str, str] = item(default_factory=dict)
    silent: set[str] = item(default_factory=set)
    refusing: set[str] = item(default_factory=set)
    hanging: set[str] = item(default_factory=set)
    asked: Counter[str] = item(default_factory=Counter)
    busy: Counter[str] = item(default_factory=Counter)
    most: Counter[str] = item(default_factory=Counter)
    turns: int = 0

    async def drop(self, system: str, user: str) -> None:
        """Remove a user; one that is gone already is fine."""
        self.asked[system] += 1
        self.busy[system] += 1
        self.most[system] = max(self.most[system], self.busy[system])
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            while system in self.hanging:  # noqa: ASYNC110  tests change the set directly
                await asyncio.sleep(0.001)
            if system in self.silent:
                raise UpstreamFailed("no answer")
            if system in self.refusing or user in self.refusing:
                raise BadRequest("not allowed to")
            self.users.pop(user, None)
        finally:
            self.busy[system] -= 1

    def left(self, system: str) -> int:
        """How many users stand in a system."""
        return sum(where == system for where in self.users.values())


@dataclass(slots=True)
class Credential(Leased):
    """A user in a system outside."""

    kind = "credential"
    system: str
    user: str

    @property
    def target(self) -> str:
        """The system."""
        return self.system

    async def renew(self, engine: Distant, request: Request, terms: Terms) -> None:
        """Any increment is fine, if the user is there."""
        for _ in range(Distant.world.turns):
            await asyncio.sleep(0)
        if self.user not in Distant.world.users:
            raise BadRequest("no such user")

    async def revoke(self, engine: Distant, request: Request) -> None:
        """Remove the user, and count it."""
        count = await request.view.get("revoked") or b"0"
        await Distant.world.drop(self.system, self.user)
        if engine.counting:
            request.view.put("revoked", b"%d" % (int(count) + 1))


class Creds(Path):
    """A user with a lease."""

    pattern = "creds/{system}"
    reads_write = True
    system: str = field("The system.")
    ttl: int = field("Time to live.", query=True)

    async def read(self, engine: Distant, request: Request) -> Response:
        """Make a user."""
        user = base62(8)
        Distant.world.users[user] = self.system
        return issued({"user": user}, Credential(self.system, user), ttl=self.ttl or HOUR)


class Distant(Backend):
    """Issues users of systems outside. ``counting`` has it write something at each revocation."""

    type: ClassVar[str] = "distant"
    paths = (Creds,)
    leases = (Credential,)
    world: ClassVar[World] = World()
    counting: ClassVar[bool] = False


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The systems outside; the engine is mountable as ``distant``."""
    monkeypatch.setitem(registry.BUILTIN["mounts"], "distant", "tests.distant:Distant")
    Distant.world = World()
    yield Distant.world
    Distant.world = World()


async def mounted(api: InProcess) -> None:
    """The engine at ``out/``; chance is fair."""
    api.core.leases.chance = lambda: 0.5
    assert (await api("POST", "sys/mounts/out", {"type": "distant"})).status == 204


async def issue(api: InProcess, system: str, count: int = 1, *, ttl: int = 60, token: str = "") -> list[str]:
    """Have users made; gives their leases."""
    leases = []
    for _ in range(count):
        answer = await api("GET", f"out/creds/{system}?ttl={ttl}", token=token)
        assert answer.status == 200, answer
        leases.append(answer.json["lease_id"])
    return leases


async def stored(core: Core, kind: str) -> list[str]:
    """The rows of a kind: ``id``, ``at``, ``wait``, ``target``, ``stuck``."""
    return sorted(await rows(core, f"sys/expire/{kind}/"))


async def irrevocable(api: InProcess) -> list[Any]:
    """The leases that need attention."""
    listed: list[Any] = (await api("GET", "sys/leases?type=irrevocable")).data["leases"]
    return listed
