"""What the tests of engines with a system outside share: a mount, credentials, and the end of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from strongroom.framework.path import Path
from strongroom.logical import Operation
from tests.inprocess import Answer, InProcess
from tests.leasing import reap


async def posted(api: InProcess, path: str, body: dict[str, Any]) -> Answer:
    """A write that has to succeed."""
    answer = await api("POST", path, body)
    assert answer.status in {200, 204}, answer
    return answer


async def read(api: InProcess, path: str) -> Answer:
    """A read that has to succeed."""
    answer = await api("GET", path)
    assert answer.status == 200, answer
    return answer


async def revoke(api: InProcess, answer: Answer) -> Answer:
    """Revoke the lease of an answer, now."""
    return await api("POST", "sys/leases/revoke", {"lease_id": answer.json["lease_id"], "sync": True})


async def reap_until(api: InProcess, done: Callable[[], bool]) -> None:
    """Have the reaper work until something has happened outside, which takes real time."""
    for _ in range(250):
        await reap(api.core)
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("what was to happen outside did not")


async def reap_lease(api: InProcess, answer: Answer) -> None:
    """Have the reaper work until the lease of an answer is gone."""
    lease = {"lease_id": answer.json["lease_id"]}
    for _ in range(250):
        await reap(api.core)
        if (await api("POST", "sys/leases/lookup", lease)).status == 400:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the lease is still there")


async def die_before_commit(api: InProcess, where: str, path: Path, operation: Operation) -> None:
    """Run an operation outside its request, and lose the transaction, as a crash does."""
    await api.core.mounts.load()
    mount = api.core.mounts.find(where)
    assert mount is not None
    outer = api.core.internal_request()
    request = api.core.inner_request(outer, mount, where)
    request.operation = operation
    await mount.backend.handle(path, request)
    outer.tx.close()


async def restart(api: InProcess) -> None:
    """What happens after the crash: an unseal, and the reaper at work."""
    await api.core.lifecycle.seal()
    await api.core.lifecycle.submit(api.key)
    await reap(api.core)
