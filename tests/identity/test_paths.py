"""Entities, aliases and groups through their paths: unique names, partial changes, refusals, listings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entering import Entering, enable, entering, login, make
from tests.inprocess import InProcess, inprocess
from tests.leasing import reap, rows

__all__ = ["entering"]


async def refused(api: InProcess, path: str, sentence: str, **fields: Any) -> None:
    answer = await api("POST", f"identity/{path}", fields)
    assert (answer.status, sentence in answer.errors[0]) == (400, True), answer


def test_names_are_the_same_in_any_case() -> None:
    async def scenario(api: InProcess) -> None:
        for kind in ("entity", "group"):
            made = await make(api, kind, name="Straße/../a b")
            assert (await api("POST", f"identity/{kind}", {"name": "STRASSE"})).status == 200
            again = await api("POST", f"identity/{kind}", {"name": "straße/../A B"})
            assert again.status == 204  # the same one, changed
            found = (await api("POST", f"identity/lookup/{kind}", {"name": "STRAßE/../a b"})).data
            assert (found["id"], found["name"]) == (made, "straße/../A B")
            other = await make(api, kind)
            await refused(api, f"{kind}/id/{other}", "name is already in use", name="Straße/../A b")
            assert (await api("POST", f"identity/{kind}/id/{made}", {"name": "new"})).status == 204
            assert (await api("POST", f"identity/{kind}/id/{other}", {"name": "straße/../a b"})).status == 204
            assert (await api("LIST", f"identity/{kind}/name")).data["keys"] == [
                "new",
                "STRASSE",
                "straße/../a b",
            ]

    inprocess(scenario)


def test_long_names_are_told_apart() -> None:
    async def scenario(api: InProcess) -> None:
        names = ["ü" * 600, "ü" * 601, "ü" * 599 + "u"]
        ids = [await make(api, "entity", name=name) for name in names]
        for name, made in zip(names, ids, strict=True):
            assert (await api("POST", "identity/lookup/entity", {"name": name})).data["id"] == made
        assert len((await api("LIST", "identity/entity/name")).data["keys"]) == 3

    inprocess(scenario)


def test_only_what_is_given_changes() -> None:
    async def scenario(api: InProcess) -> None:
        made = await make(api, "entity", name="a", metadata={"x": "1"}, policies=["P", " q "], disabled=True)
        path = f"identity/entity/id/{made}"
        before = (await api("GET", path)).data
        assert (before["policies"], before["metadata"], before["disabled"]) == (["p", "q"], {"x": "1"}, True)
        await api("POST", path, {"metadata": {"y": "2"}})
        after = (await api("GET", path)).data
        assert after["last_update_time"] > before["last_update_time"]
        assert after == before | {"metadata": {"y": "2"}, "last_update_time": after["last_update_time"]}
        await api("POST", "identity/entity/name/A", {"disabled": False, "policies": ""})
        assert (await api("GET", path)).data["policies"] == []

    inprocess(scenario)


@pytest.mark.parametrize("kind", ("entity", "group"))
def test_bad_metadata_is_refused_without_an_echo(kind: str) -> None:
    async def scenario(api: InProcess) -> None:
        for metadata, sentence in (
            ({"k" * 129: "v"}, "key is too long"),
            ({"k": "v" * 513}, "value is too long"),
            ({"": "v"}, "key cannot be blank"),
            ({str(n): "v" for n in range(65)}, "more than 64"),
        ):
            answer = await api("POST", f"identity/{kind}", {"metadata": metadata})
            assert answer.status == 400
            assert sentence in answer.errors[0]
            assert "vvv" not in answer.errors[0]
        assert (await api("LIST", f"identity/{kind}/id")).status == 404

    inprocess(scenario)


def test_listings_come_in_pages() -> None:
    async def scenario(api: InProcess) -> None:
        for kind in ("entity", "group"):
            for n in range(5):
                await make(api, kind, name=f"n{n}")
            for by in ("id", "name"):
                everything = (await api("LIST", f"identity/{kind}/{by}")).data["keys"]
                assert len(everything) == 5
                page = (await api("LIST", f"identity/{kind}/{by}?after={everything[1]}&limit=2")).data["keys"]
                assert page == everything[2:4]

    inprocess(scenario)


def test_aliases_are_unique_at_their_mount_and_an_entity_has_one_there(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door, gate = await enable(api), await enable(api, "gate")
        a, b = await make(api, "entity", name="a"), await make(api, "entity", name="b")
        mine = {"mount_accessor": door, "canonical_id": a}
        alias = await make(api, "entity-alias", name="x", **mine, custom_metadata={"k": "v"})
        assert await make(api, "entity-alias", name="X", canonical_id=b, mount_accessor=door) == alias
        assert (await api("GET", f"identity/entity/id/{a}")).data["aliases"] == []
        found = (await api("GET", f"identity/entity-alias/id/{alias}")).data
        assert (found["canonical_id"], found["custom_metadata"]) == (b, {"k": "v"})
        await refused(api, "entity-alias", "already exists", name="y", canonical_id=b, mount_accessor=door)
        other = await make(api, "entity-alias", name="y", **mine)
        await refused(api, f"entity-alias/id/{other}", "already exists", name="X")
        await refused(api, f"entity-alias/id/{other}", "already has an alias", canonical_id=b)
        await make(api, "entity-alias", name="y", canonical_id=a, mount_accessor=gate)
        await refused(api, f"entity-alias/id/{other}", "already has an alias", mount_accessor=gate)
        await refused(api, "entity-alias", "invalid mount accessor", name="z", mount_accessor="nope")
        await refused(api, "entity-alias", "not associated", name="z", canonical_id="n", mount_accessor=door)
        await refused(api, "entity-alias", "must be provided", name="z")
        await refused(api, "entity-alias/id/nope", "invalid alias ID", name="z")
        # What was renamed is found by the new name only, and a login by it is the same entity.
        assert (await api("POST", f"identity/entity-alias/id/{other}", {"name": "fresh"})).status == 200
        assert (await login(api, "FRESH"))["entity_id"] == a
        assert (await login(api, "y"))["entity_id"] != a
        assert (await api("DELETE", f"identity/entity-alias/id/{other}")).status == 204
        assert (await login(api, "fresh"))["entity_id"] != a

    inprocess(scenario)


def test_group_rules(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door = await enable(api)
        one = await make(api, "entity")
        a = await make(api, "group", name="a", member_entity_ids=one)
        b = await make(api, "group", name="b", member_group_ids=a)
        c = await make(api, "group", name="c", member_group_ids=[b])
        ext = await make(api, "group", name="ext", type="external")
        await refused(api, f"group/id/{a}", "same as the ID", member_group_ids=a)
        await refused(api, f"group/id/{a}", "cyclic", member_group_ids=b)
        await refused(api, f"group/id/{a}", "cyclic", member_group_ids=[ext, c])
        await refused(api, f"group/id/{a}", "invalid member group ID", member_group_ids="nope")
        await refused(api, f"group/id/{a}", "invalid entity ID", member_entity_ids=[one, "nope"])
        await refused(api, f"group/id/{a}", "cannot be changed", type="external")
        await refused(api, "group", "invalid group type", type="weird")
        await refused(api, f"group/id/{ext}", "can't be set manually", member_entity_ids=one)
        await refused(api, f"group/id/{ext}", "can't be set for external", member_group_ids=a)
        await refused(api, "group", "invalid group ID", id="nope")
        await refused(api, "group-alias", "internal group", name="x", mount_accessor=door, canonical_id=a)
        await refused(api, "group-alias", "missing alias name", mount_accessor=door)
        await refused(api, "group-alias", "missing mount_accessor", name="x")
        await refused(api, "group-alias/id/nope", "invalid group alias ID", name="x", mount_accessor=door)
        found = (await api("GET", f"identity/entity/id/{one}")).data
        assert (found["direct_group_ids"], found["inherited_group_ids"]) == ([a], [b, c])
        assert (await api("DELETE", "identity/group/name/B")).status == 204
        assert (await api("GET", f"identity/group/id/{a}")).data["parent_group_ids"] is None
        assert (await api("GET", f"identity/group/id/{c}")).data["member_group_ids"] is None
        found = (await api("GET", f"identity/entity/id/{one}")).data
        assert (found["direct_group_ids"], found["inherited_group_ids"]) == ([a], [])

    inprocess(scenario)


def test_a_group_that_gets_another_alias_loses_its_members(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door = await enable(api)
        group = await make(api, "group", type="external", policies="p")
        alias = await make(api, "group-alias", name="x", mount_accessor=door, canonical_id=group)
        auth = await login(api, "alice", groups="x")
        assert auth["identity_policies"] == ["p"]
        change = {"name": "y", "mount_accessor": door}
        assert (await api("POST", f"identity/group-alias/id/{alias}", change)).data["id"] == alias
        found = (await api("GET", "auth/token/lookup-self", token=auth["client_token"])).data
        assert "identity_policies" not in found
        assert (await login(api, "alice", groups="x")).get("identity_policies") is None
        assert (await login(api, "alice", groups="y"))["identity_policies"] == ["p"]
        assert (await api("DELETE", f"identity/group-alias/id/{alias}")).status == 204
        assert (await api("GET", f"identity/group/id/{group}")).data["member_entity_ids"] is None

    inprocess(scenario)


def test_nothing_is_left_of_what_was_deleted(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door = await enable(api)
        before = set(await rows(api.core, "sys/identity/"))
        entities = [await make(api, "entity", name=f"e{n}") for n in range(3)]
        await make(api, "entity-alias", name="x", canonical_id=entities[0], mount_accessor=door)
        group = await make(api, "group", name="g", member_entity_ids=entities)
        parent = await make(api, "group", name="p", member_group_ids=group)
        external = await make(api, "group", name="x", type="external")
        await make(api, "group-alias", name="x", mount_accessor=door, canonical_id=external)
        merge = {"to_entity_id": entities[0], "from_entity_ids": entities[1]}
        assert (await api("POST", "identity/entity/merge", merge)).status == 204
        answer = await api("POST", "identity/entity/batch-delete", {"entity_ids": [*entities, "nope"]})
        assert answer.status == 204
        for one in (group, parent, external):
            assert (await api("DELETE", f"identity/group/id/{one}")).status == 204
        assert set(await rows(api.core, "sys/identity/")) == before

    inprocess(scenario)


def test_a_disabled_mount_takes_its_aliases_along(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door = await enable(api)
        await enable(api, "gate")
        group = await make(api, "group", type="external", policies="p")
        await make(api, "group-alias", name="x", mount_accessor=door, canonical_id=group)
        for n in range(5):
            await login(api, f"u{n}", groups="x")
        stays = await login(api, "u0", "gate")
        assert (await api("DELETE", "sys/auth/door")).status == 204
        await reap(api.core)
        [alias] = (await api("LIST", "identity/entity-alias/id")).data["key_info"].values()
        assert (alias["canonical_id"], alias["mount_path"]) == (stays["entity_id"], "auth/gate/")
        assert (await api("LIST", "identity/group-alias/id")).status == 404
        assert (await api("GET", f"identity/group/id/{group}")).data["member_entity_ids"] is None
        assert len((await api("LIST", "identity/entity/id")).data["keys"]) == 6

    inprocess(scenario)


def test_lookup_asks_one_question() -> None:
    async def scenario(api: InProcess) -> None:
        for kind in ("entity", "group"):
            made = await make(api, kind, name="n")
            assert (await api("POST", f"identity/lookup/{kind}", {"id": made})).data["name"] == "n"
            assert (await api("POST", f"identity/lookup/{kind}", {"name": "nobody"})).status == 204
            await refused(api, f"lookup/{kind}", "not supplied")
            await refused(api, f"lookup/{kind}", "conflict", id=made, name="n")
            await refused(api, f"lookup/{kind}", "both", alias_name="n")

    inprocess(scenario)
