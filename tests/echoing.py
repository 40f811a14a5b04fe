"""A secrets engine for tests that answers with the request headers it sees."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response


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


class Marked(Path):
    """A path that sets headers of its own."""

    pattern = "marked"
    sets_headers = frozenset({"x-declared"})
    answers_head = True

    async def read(self, engine: Echoing, request: Request) -> Response:
        """Two headers, one of them declared."""
        return Response(data={}, headers=[("X-Declared", "yes"), ("X-Other", "yes")])


class Echoing(Backend):
    """Repeats what it sees."""

    type: ClassVar[str] = "echoing"
    paths = (Echo, Declared, Marked)


@pytest.fixture
def echoing(monkeypatch: pytest.MonkeyPatch) -> type[Echoing]:
    """The engine, mountable as ``echoing``."""
    monkeypatch.setitem(registry.BUILTIN["mounts"], "echoing", "tests.echoing:Echoing")
    return Echoing
