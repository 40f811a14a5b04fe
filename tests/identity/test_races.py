"""Many at the same time: one name, one alias, one entity."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from strongroom import registry
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from tests.entering import Entering, attempt, enable, entering, login, make
from tests.inprocess import InProcess, inprocess

__all__ = ["entering"]

SELF = "auth/token/lookup-self"


def test_first_logins_at_the_same_time_make_one_entity(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        for n in range(5):
            auths = await asyncio.gather(*(login(api, name) for name in (f"u{n}", f"U{n}") * 3))
            assert len({auth["entity_id"] for auth in auths}) == 1
        assert len((await api("LIST", "identity/entity/id")).data["keys"]) == 5

    inprocess(scenario)


def test_a_name_is_given_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        ids = [await make(api, "entity") for _ in range(4)]
        answers = await asyncio.gather(
            *(api("POST", f"identity/entity/id/{one}", {"name": "n"}) for one in ids)
        )
        assert sorted(answer.status for answer in answers) == [204, 400, 400, 400]
        made = await asyncio.gather(*(api("POST", "identity/group", {"name": name}) for name in "xXx"))
        assert sorted(answer.status for answer in made) == [200, 204, 204]

    inprocess(scenario)


def test_an_alias_is_given_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door = await enable(api)
        ids = [await make(api, "entity") for _ in range(3)]
        bodies = [{"name": "x", "mount_accessor": door, "canonical_id": one} for one in ids]
        answers = await asyncio.gather(*(api("POST", "identity/entity-alias", body) for body in bodies))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.data["id"] for answer in answers}) == 1
        holders = [(await api("GET", f"identity/entity/id/{one}")).data["aliases"] for one in ids]
        assert sorted(map(len, holders)) == [0, 0, 1]

    inprocess(scenario)


class Slowly(Path):
    """Something that takes its time."""

    pattern = "{name}"
    name: str = field("Name.")

    async def write(self, engine: Slow, request: Request) -> None:
        """Write once it is told to go on."""
        engine.reached.set()
        await engine.go_on.wait()
        request.view.put(self.name, b"{}")

    async def read(self, engine: Slow, request: Request) -> dict[str, bool] | None:
        """Whether it was written."""
        return None if await request.view.get(self.name) is None else {"there": True}


class Slow(Backend):
    """Waits in the middle of a write."""

    type: ClassVar[str] = "slow"
    paths = (Slowly,)
    reached: ClassVar[asyncio.Event]
    go_on: ClassVar[asyncio.Event]


@pytest.mark.parametrize("cached", (True, False))
def test_who_is_disabled_writes_nothing_after_the_answer(
    entering: type[Entering], monkeypatch: pytest.MonkeyPatch, *, cached: bool
) -> None:
    """A write that began before its entity was disabled is refused when it would commit afterwards."""
    monkeypatch.setitem(registry.BUILTIN["mounts"], "slow", "tests.identity.test_races:Slow")

    async def scenario(api: InProcess) -> None:
        Slow.reached, Slow.go_on = asyncio.Event(), asyncio.Event()
        await enable(api)
        assert (await api("POST", "sys/mounts/slow", {"type": "slow"})).status == 204
        rule = 'path "slow/*" { capabilities = ["create", "update"] }'
        await api("PUT", "sys/policies/acl/w", {"policy": rule})
        auth = await login(api, "alice", policies="w")
        if cached:
            assert (await api("GET", SELF, token=auth["client_token"])).status == 200
        write = asyncio.create_task(api("POST", "slow/x", {}, token=auth["client_token"]))
        await Slow.reached.wait()
        path = f"identity/entity/id/{auth['entity_id']}"
        assert (await api("POST", path, {"disabled": True})).status == 204
        Slow.go_on.set()
        assert (await write).status == 403
        assert (await api("GET", "slow/x")).status == 404
        assert (await attempt(api, "alice")).status == 403

    inprocess(scenario)


def test_external_group_members_come_and_go_without_losing_any(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door = await enable(api)
        group = await make(api, "group", type="external", policies="p")
        await make(api, "group-alias", name="g", mount_accessor=door, canonical_id=group)
        everybody = [f"u{n}" for n in range(8)]
        await asyncio.gather(*(login(api, name, groups="g") for name in everybody))
        members = (await api("GET", f"identity/group/id/{group}")).data["member_entity_ids"]
        assert len(members) == 8
        await asyncio.gather(
            *(login(api, name, groups="g" if n % 2 else "") for n, name in enumerate(everybody))
        )
        members = (await api("GET", f"identity/group/id/{group}")).data["member_entity_ids"]
        assert len(members) == 4

    inprocess(scenario)
