"""Many at the same time: one name, one alias, one entity."""

from __future__ import annotations

import asyncio

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


def test_who_is_disabled_writes_nothing_after_the_answer(entering: type[Entering]) -> None:
    """A write that began before its entity was disabled is either there before, or refused."""

    async def scenario(api: InProcess) -> None:
        await enable(api)
        rule = 'path "secret/data/*" { capabilities = ["create", "update"] }'
        await api("PUT", "sys/policies/acl/w", {"policy": rule})
        who = (await login(api, "alice"))["entity_id"]
        await api("POST", f"identity/entity/id/{who}", {"policies": "w"})
        token = (await login(api, "alice"))["client_token"]
        path = f"identity/entity/id/{who}"
        for n in range(5):
            await api("POST", path, {"disabled": False})
            write = asyncio.create_task(api("POST", f"secret/data/x{n}", {"data": {"a": 1}}, token=token))
            await asyncio.sleep(0)
            assert (await api("POST", path, {"disabled": True})).status == 204
            there = (await api("GET", f"secret/data/x{n}")).status
            done = await write
            assert (done.status, there) in {(200, 200), (403, 404)}
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
