"""A secrets engine for tests that issues leases, and fails to take them back when told to.

What it issued stands in its storage until it is revoked, as a credential stands in a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from strongroom import reaper, registry
from strongroom.core import Core
from strongroom.crypto.entropy import base62
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.lease import Terms
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response, SecretLease

HOUR = 3600


class Creds(Path):
    """A credential with a lease."""

    pattern = "creds/{name}"
    reads_write = True
    name: str = field("Name of the role.")
    ttl: int = field("Time to live.", query=True)
    max_ttl: int = field("Longest time to live.", query=True)

    async def read(self, engine: Leasing, request: Request) -> Response:
        """Issue a credential."""
        user = base62(8)
        request.view.put(f"issued/{user}", b"{}")
        lease = SecretLease(
            "creds", self.ttl or HOUR, self.max_ttl, internal={"user": user, "name": self.name}
        )
        return Response(data={"user": user}, secret=lease)


class Leasing(Backend):
    """Issues credentials. ``failing`` holds the roles whose credentials cannot be taken back."""

    type: ClassVar[str] = "leasing"
    paths = (Creds,)
    failing: ClassVar[set[str]] = set()

    async def renew(self, request: Request, lease: SecretLease, terms: Terms) -> SecretLease:
        """Any increment is fine."""
        return lease

    async def revoke(self, request: Request, lease: SecretLease) -> None:
        """Take the credential back."""
        if lease.internal["name"] in self.failing:
            raise RuntimeError("the database is down")
        request.view.delete(f"issued/{lease.internal['user']}")


@pytest.fixture
def leasing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Leasing]]:
    """The engine, mountable as ``leasing``."""
    monkeypatch.setitem(registry.BUILTIN["mounts"], "leasing", "tests.leasing:Leasing")
    Leasing.failing.clear()
    yield Leasing
    Leasing.failing.clear()


@contextmanager
def later(core: Core, seconds: float) -> Iterator[None]:
    """Within the block it is so much later."""
    now = core.clock
    core.clock = lambda: now() + int(seconds * SECOND)
    try:
        yield
    finally:
        core.clock = now


async def reap(core: Core) -> None:
    """End all that is due."""
    for _ in range(1000):
        if not await reaper.sweep(core):
            return
    raise AssertionError("the reaper finds no end")


async def rows(core: Core, prefix: str = "") -> dict[str, bytes]:
    """All rows of the storage, as they are stored, but for its index."""
    snapshot = core.store.physical.snapshot()
    try:
        found: dict[str, Any] = {
            name: await snapshot.get(prefix + name) for name in await snapshot.scan(prefix)
        }
    finally:
        snapshot.close()
    found.pop("core/index", None)
    return found
