"""Merging entities: what stays, what is refused, and that nothing is ever lost or doubled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import registry
from strongroom.errors import BadRequest
from strongroom.identity.merge import clashes, merged
from strongroom.identity.record import Alias, Entity
from tests.entering import Entering, enable, entering, login, make
from tests.inprocess import InProcess, inprocess

__all__ = ["entering"]

SELF = "auth/token/lookup-self"


@st.composite
def _entities(draw: st.DrawFn) -> list[Entity]:
    """Entities with at most one alias at each of a few mounts."""
    entities = []
    for number in range(draw(st.integers(2, 4))):
        mounts = draw(st.sets(st.sampled_from("xyz")))
        aliases = [Alias(f"{number}{at}", f"name{number}", at, str(number)) for at in sorted(mounts)]
        entities.append(Entity(str(number), f"e{number}", aliases=aliases))
    return entities


@given(_entities(), st.sets(st.sampled_from([f"{n}{at}" for n in range(4) for at in "xyz"])))
def test_merged_has_one_alias_a_mount_and_chooses_as_told(entities: list[Entity], keep: set[str]) -> None:
    to, *sources = entities
    everything = [alias for entity in entities for alias in entity.aliases]
    by_mount: dict[str, list[str]] = {}
    for alias in everything:
        by_mount.setdefault(alias.mount_accessor, []).append(alias.id)
    try:
        after = merged(to, sources, keep)
    except BadRequest:
        assert any(len(ids) > 1 and set(ids) - keep for ids in by_mount.values())
        return
    assert sorted(alias.mount_accessor for alias in after.aliases) == sorted(by_mount)
    assert {alias.canonical_id for alias in after.aliases} <= {to.id}
    for alias in after.aliases:
        rivals = by_mount[alias.mount_accessor]
        assert len(rivals) == 1 or alias.id in keep
        assert alias.merged_from_canonical_ids == ([] if alias.id[0] == to.id else [alias.id[0]])
    assert after.merged_entity_ids == [source.id for source in sources]


@given(_entities())
def test_without_a_choice_any_clash_is_refused(entities: list[Entity]) -> None:
    to, *sources = entities
    mounts = [alias.mount_accessor for entity in entities for alias in entity.aliases]
    doubled = len(mounts) != len(set(mounts))
    if clashes(to, sources):
        assert doubled
    if doubled:
        with pytest.raises(BadRequest):
            merged(to, sources, set())
    else:
        assert len(merged(to, sources, set()).aliases) == len(mounts)


def test_tokens_of_the_merged_follow(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await enable(api, "gate")
        a, b = await login(api, "alice"), await login(api, "alice", "gate")
        await make(api, "group", name="g", policies="pg", member_entity_ids=b["entity_id"])
        await api("POST", f"identity/entity/id/{a['entity_id']}", {"policies": "pa"})
        await api("POST", f"identity/entity/id/{b['entity_id']}", {"policies": "pb"})
        merge = {"to_entity_id": a["entity_id"], "from_entity_ids": [b["entity_id"]]}
        assert (await api("POST", "identity/entity/merge", merge)).status == 204
        for auth in (a, b):
            found = (await api("GET", SELF, token=auth["client_token"])).data
            assert found["identity_policies"] == ["pa", "pg"]
        assert (await login(api, "alice", "gate"))["entity_id"] == a["entity_id"]
        assert (await api("GET", f"identity/entity/id/{b['entity_id']}")).status == 404
        # Twice merged, they still follow.
        c = await make(api, "entity", name="c", policies="pc")
        merge = {"to_entity_id": c, "from_entity_ids": [a["entity_id"]]}
        assert (await api("POST", "identity/entity/merge", merge)).status == 204
        for auth in (a, b):
            found = (await api("GET", SELF, token=auth["client_token"])).data
            assert found["identity_policies"] == ["pc", "pg"]
        merged_ids = (await api("GET", f"identity/entity/id/{c}")).data["merged_entity_ids"]
        assert sorted(merged_ids) == sorted([a["entity_id"], b["entity_id"]])
        assert len((await api("LIST", f"identity/entity/id/{c}/tokens")).data["keys"]) == 3
        await api("POST", f"identity/entity/id/{c}", {"disabled": True})
        for auth in (a, b):
            assert (await api("GET", SELF, token=auth["client_token"])).status == 403

    inprocess(scenario)


def test_the_alias_that_is_not_kept_is_gone(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        a, b = (await login(api, "a"))["entity_id"], (await login(api, "b"))["entity_id"]
        ids = {}
        for name, entity in (("a", a), ("b", b)):
            [alias] = (await api("GET", f"identity/entity/id/{entity}")).data["aliases"]
            ids[name] = alias["id"]
        merge: dict[str, Any] = {"to_entity_id": a, "from_entity_ids": b}
        refused = await api("POST", "identity/entity/merge", merge)
        assert refused.status == 400
        assert [one["alias"] for one in refused.json["data"]] == ["a", "b"]
        merge["conflicting_alias_ids_to_keep"] = ids["b"]
        assert (await api("POST", "identity/entity/merge", merge)).status == 204
        [alias] = (await api("GET", f"identity/entity/id/{a}")).data["aliases"]
        assert (alias["name"], alias["merged_from_canonical_ids"]) == ("b", [b])
        assert (await login(api, "b"))["entity_id"] == a
        assert (await login(api, "a"))["entity_id"] not in (a, b)

    inprocess(scenario)


@settings(max_examples=8, deadline=None)
@given(st.permutations(["merge", "rename", "join", "login", "alias", "merge"]))
def test_merge_is_exact_whatever_runs_at_the_same_time(order: list[str]) -> None:
    """Each name, alias and membership leads to an entity that is there, and none is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.BUILTIN["auth"], "entering", "tests.entering:Entering")

        async def scenario(api: InProcess) -> None:
            await enable(api)
            gate = await enable(api, "gate")
            a, b = (await login(api, "a"))["entity_id"], (await login(api, "b", "gate"))["entity_id"]
            third = await make(api, "entity", name="third")
            group = await make(api, "group", name="g")
            work = {
                "merge": ("identity/entity/merge", {"to_entity_id": a, "from_entity_ids": [b]}),
                "rename": (f"identity/entity/id/{b}", {"name": "renamed"}),
                "join": (f"identity/group/id/{group}", {"member_entity_ids": [a, b, third]}),
                "login": ("auth/gate/login/b", {"metadata": {"x": "y"}}),
                "alias": (
                    "identity/entity-alias",
                    {"name": "t", "mount_accessor": gate, "canonical_id": third},
                ),
            }
            answers = await asyncio.gather(*(api("POST", *work[name]) for name in order))
            assert {answer.status for answer in answers} <= {200, 204, 400}
            assert sum(a.status == 204 for a, n in zip(answers, order, strict=True) if n == "merge") == 1
            await _consistent(api)
            assert (await login(api, "b", "gate"))["entity_id"] == a

        inprocess(scenario)


async def _consistent(api: InProcess) -> None:
    """Every index leads to a record that leads back."""
    listed = await api("LIST", "identity/entity/id")
    entities = {one: (await api("GET", f"identity/entity/id/{one}")).data for one in listed.data["keys"]}
    names = (await api("LIST", "identity/entity/name")).data["keys"]
    assert sorted(names) == sorted(entity["name"] for entity in entities.values())
    aliases = (await api("LIST", "identity/entity-alias/id")).data["key_info"]
    of_entities = {alias["id"]: one for one, entity in entities.items() for alias in entity["aliases"]}
    assert {alias_id: alias["canonical_id"] for alias_id, alias in aliases.items()} == of_entities
    for group_id in (await api("LIST", "identity/group/id")).data["keys"]:
        members = (await api("GET", f"identity/group/id/{group_id}")).data["member_entity_ids"] or []
        joined = [one for one, entity in entities.items() if group_id in entity["direct_group_ids"]]
        assert sorted(members) == sorted(joined)
