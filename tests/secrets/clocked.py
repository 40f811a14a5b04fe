"""A server in the test whose clock stands still until the test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from strongroom.clock import rfc3339
from strongroom.config.load import dev
from strongroom.core import Core
from strongroom.handler import Handler
from strongroom.logical import SECOND
from strongroom.seal.seal import InitRequest
from strongroom.storage.inmem import InMem
from strongroom.storage.physical import Physical
from tests.inprocess import ROOT_TOKEN, Answer, InProcess

START = 1_800_000_000 * SECOND
MERGE_PATCH = {"content-type": "application/merge-patch+json"}


@dataclass(slots=True)
class Clock:
    """Nanoseconds since the epoch; only :meth:`advance` moves it."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def text(self, after: float = 0) -> str:
        """The time as answers show it, ``after`` seconds from now."""
        return rfc3339(self.now + int(after * SECOND))


@dataclass(slots=True)
class Clocked:
    """A server with a mount at ``m/``; calls are requests to the paths of that mount."""

    api: InProcess
    clock: Clock = field(default_factory=Clock)

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = MERGE_PATCH if method == "PATCH" else None
        return await self.api(method, f"m/{path}", body, headers, **options)

    async def done(self, method: str, path: str, body: Any = None) -> None:
        """A request that is answered with 204."""
        answer = await self(method, path, body)
        assert answer.status == 204, answer

    async def get(self, path: str) -> Any:
        """The data of a path that is there."""
        answer = await self("GET", path)
        assert answer.status == 200, answer
        return answer.data

    async def put(self, path: str, data: Any, **options: Any) -> Any:
        """Write a version; gives its metadata."""
        answer = await self("POST", f"data/{path}", {"data": data, "options": options})
        assert answer.status == 200, answer
        return answer.data

    async def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        """The sentence of a refusal."""
        answer = await self(method, path, body)
        assert answer.status == status, answer
        return answer.errors[0]

    async def keys(self, path: str, verb: str = "LIST") -> list[str]:
        """The names that a listing gives; none for 404."""
        answer = await self(verb, path)
        if answer.status == 404:
            return []
        assert answer.status == 200, answer
        names: list[str] = answer.data.get("keys", [])
        return names


Scenario = Callable[[Clocked], Awaitable[None]]


async def start(physical: Physical, *, kind: str = "kv", version: str = "2") -> Clocked:
    """A server on empty storage with one mount at ``m/``."""
    core = Core(dev(address="127.0.0.1:0"), physical)
    clock = Clock()
    core.clock = clock
    api = InProcess(core, Handler(core))
    await core.start()
    result, made = await core.lifecycle.initialize(InitRequest(secret_shares=1, secret_threshold=1))
    api.key = bytes(result.keys.parts[0])
    await core.lifecycle.submit(api.key)
    await core.lifecycle.prepare_dev(made, ROOT_TOKEN, kv_version="2")
    options = {"version": version} if kind == "kv" else None
    answer = await api("POST", "sys/mounts/m", {"type": kind, "options": options})
    assert answer.status == 204, answer
    return Clocked(api, clock)


def run(
    scenario: Scenario,
    physical: Callable[[], Physical] = InMem,
    *,
    kind: str = "kv",
    version: str = "2",
    seconds: float = 60,
) -> None:
    """Play a scenario on a server of its own."""

    async def play() -> None:
        served = await start(physical(), kind=kind, version=version)
        try:
            async with asyncio.timeout(seconds):
                await scenario(served)
        finally:
            await served.api.close()

    asyncio.run(play())
