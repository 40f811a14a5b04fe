"""An auth method for tests that believes whatever a login says about itself."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.framework.backend import Backend
from strongroom.framework.field import Mapped, field
from strongroom.framework.path import Path
from strongroom.logical import Auth, Request, Response


class Login(Path):
    """Who somebody is."""

    pattern = "login/{name}"
    unauthenticated = True
    name: str = field("Display name of the token.")
    auth: Mapped = field("The fields of the identity.")

    async def write(self, method: Claiming, request: Request) -> Response:
        """Believe it."""
        claims: dict[str, Any] = dict(self.auth)
        return Response(auth=Auth(display_name=self.name, **claims))


class Claiming(Backend):
    """Believes everybody."""

    type: ClassVar[str] = "claiming"
    kind: ClassVar[str] = "auth"
    paths = (Login,)


@pytest.fixture
def claiming(monkeypatch: pytest.MonkeyPatch) -> type[Claiming]:
    """The method, which can be enabled as ``claiming``."""
    monkeypatch.setitem(registry.BUILTIN["auth"], "claiming", "tests.claiming:Claiming")
    return Claiming
