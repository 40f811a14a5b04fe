"""An auth method for tests that believes whoever says a name."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from strongroom import registry
from strongroom.framework.backend import Backend
from strongroom.framework.field import CommaList, KVPairs, field
from strongroom.framework.path import Path
from strongroom.logical import Auth, Request, Response
from tests.inprocess import Answer, InProcess


class Login(Path):
    """Log in as somebody."""

    pattern = "login/{name!}"
    unauthenticated = True
    name: str = field("Who it is.")
    groups: CommaList = field("Groups of the user, by the names the method has for them.")
    metadata: KVPairs = field("What the method knows of the user.")
    policies: CommaList = field("Policies of the token.")
    type: str = field("Type of the token.", default="service")

    async def write(self, method: Entering, request: Request) -> Response:
        """Log in."""
        auth = Auth(
            policies=self.policies,
            display_name=self.name,
            alias_name=self.name,
            alias_metadata=self.metadata or None,
            group_aliases=self.groups,
            renewable=True,
            token_type=self.type,
        )
        return Response(auth=auth)


class Entering(Backend):
    """Everybody may enter."""

    type: ClassVar[str] = "entering"
    kind: ClassVar[str] = "auth"
    paths = (Login,)


@pytest.fixture
def entering(monkeypatch: pytest.MonkeyPatch) -> type[Entering]:
    """The method, mountable as ``entering``."""
    monkeypatch.setitem(registry.BUILTIN["auth"], "entering", "tests.entering:Entering")
    return Entering


async def enable(api: InProcess, path: str = "door") -> str:
    """Enable the method; gives the accessor of its mount."""
    answer = await api("POST", f"sys/auth/{path}", {"type": "entering"})
    assert answer.status == 204, answer
    accessor: str = (await api("GET", "sys/auth")).data[f"{path}/"]["accessor"]
    return accessor


async def login(api: InProcess, name: str, path: str = "door", **fields: Any) -> dict[str, Any]:
    """Log in; gives the ``auth`` of the answer."""
    answer = await attempt(api, name, path, **fields)
    assert answer.status == 200, answer
    auth: dict[str, Any] = answer.json["auth"]
    return auth


async def attempt(api: InProcess, name: str, path: str = "door", **fields: Any) -> Answer:
    """Try to log in."""
    return await api("POST", f"auth/{path}/login/{name}", fields, token=None)


async def make(api: InProcess, kind: str, **fields: Any) -> str:
    """Make an entity, a group or an alias; gives its ID."""
    answer = await api("POST", f"identity/{kind}", fields)
    assert answer.status == 200, answer
    made: str = answer.data["id"]
    return made
