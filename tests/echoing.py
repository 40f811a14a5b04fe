"""A secrets engine for tests that answers with the request headers it sees."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request


class Echo(Path):
    """What the engine sees."""

    pattern = "echo"

    async def read(self, engine: Echoing, request: Request) -> dict[str, Any]:
        """The request's headers."""
        return dict(request.headers)

    async def write(self, engine: Echoing, request: Request) -> dict[str, Any]:
        """The same for a request that writes."""
        return dict(request.headers)


class Declared(Path):
    """A path that needs a header."""

    pattern = "declared/{name}"
    reads_headers = frozenset({"x-needed"})
    name: str = field("Any name.")

    async def read(self, engine: Echoing, request: Request) -> dict[str, Any]:
        """The request's headers."""
        return dict(request.headers)


class Echoing(Backend):
    """Repeats what it sees."""

    type: ClassVar[str] = "echoing"
    paths = (Echo, Declared)


@pytest.fixture
def echoing(monkeypatch: pytest.MonkeyPatch) -> type[Echoing]:
    """The engine, mountable as ``echoing``."""
    monkeypatch.setitem(registry.BUILTIN["mounts"], "echoing", "tests.echoing:Echoing")
    return Echoing
