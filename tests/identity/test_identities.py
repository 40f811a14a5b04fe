"""Logins, and what entities and groups give tokens at every request."""

from __future__ import annotations

import pytest

from tests.cluster.pair import Pair
from tests.entering import Entering, attempt, enable, entering, login, make
from tests.inprocess import Answer, InProcess, inprocess

__all__ = ["entering"]

SELF = "auth/token/lookup-self"


async def policy(api: InProcess, name: str, *paths: str) -> None:
    """A policy that lets read these paths."""
    text = "\n".join(f'path "{path}" {{ capabilities = ["read"] }}' for path in paths)
    answer = await api("PUT", f"sys/policies/acl/{name}", {"policy": text})
    assert answer.status == 204, answer


async def secret(api: InProcess, *names: str) -> None:
    for name in names:
        assert (await api("POST", f"secret/data/{name}", {"data": {"is": name}})).status == 200


async def reads(api: InProcess, token: str, *names: str) -> list[int]:
    return [(await api("GET", f"secret/data/{name}", token=token)).status for name in names]


def test_first_login_makes_an_entity_and_later_ones_find_it(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        accessor = await enable(api)
        first = await login(api, "alice", metadata={"team": "red"})
        second = await login(api, "ALICE", metadata={"team": "blue"})
        other = await login(api, "bob")
        assert first["entity_id"] == second["entity_id"] != other["entity_id"]
        entity = (await api("GET", f"identity/entity/id/{first['entity_id']}")).data
        [alias] = entity["aliases"]
        assert (alias["name"], alias["mount_accessor"]) == ("alice", accessor)
        assert alias["metadata"] == {"team": "blue"}
        assert (alias["mount_path"], alias["mount_type"]) == ("auth/door/", "entering")
        assert (await api("GET", "sys/internal/counters/entities")).data["counters"]["entities"]["total"] == 2
        assert (await api("GET", SELF, token=first["client_token"])).data["entity_id"] == first["entity_id"]

    inprocess(scenario)


def test_another_mount_knows_another_entity(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await enable(api, "gate")
        first, second = await login(api, "alice"), await login(api, "alice", "gate")
        assert first["entity_id"] != second["entity_id"]

    inprocess(scenario)


def test_the_answer_of_a_login_tells_where_policies_come_from(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        who = (await login(api, "alice"))["entity_id"]
        await api("POST", f"identity/entity/id/{who}", {"policies": ["E2", "e1"]})
        await make(api, "group", name="g", policies="g1,e1", member_entity_ids=who)
        auth = await login(api, "alice", policies="own")
        assert auth["token_policies"] == ["default", "own"]
        assert auth["identity_policies"] == ["e1", "e2", "g1"]
        assert auth["policies"] == ["default", "e1", "e2", "g1", "own"]
        found = (await api("GET", SELF, token=auth["client_token"])).data
        assert (found["policies"], found["identity_policies"]) == (["default", "own"], ["e1", "e2", "g1"])
        assert found["external_namespace_policies"] == {}
        renewed = (await api("POST", "auth/token/renew-self", {}, token=auth["client_token"])).json["auth"]
        assert renewed["policies"] == auth["policies"]
        assert renewed["identity_policies"] == auth["identity_policies"]

    inprocess(scenario)


@pytest.mark.parametrize("kind", ("service", "batch"))
def test_policies_of_entity_and_groups_hold_at_once(entering: type[Entering], kind: str) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await secret(api, "e", "g", "p")
        for name in "egp":
            await policy(api, name, f"secret/data/{name}")
        auth = await login(api, "alice", type=kind)
        token, who = auth["client_token"], auth["entity_id"]
        assert await reads(api, token, *"egp") == [403, 403, 403]
        await api("POST", f"identity/entity/id/{who}", {"policies": "e"})
        assert await reads(api, token, *"egp") == [200, 403, 403]
        child = await make(api, "group", name="child", policies="g", member_entity_ids=who)
        assert await reads(api, token, *"egp") == [200, 200, 403]
        await make(api, "group", name="parent", policies="p", member_group_ids=child)
        assert await reads(api, token, *"egp") == [200, 200, 200]
        await api("POST", "identity/group/name/parent", {"policies": ""})
        assert await reads(api, token, *"egp") == [200, 200, 403]
        await api("POST", f"identity/group/id/{child}", {"member_entity_ids": ""})
        assert await reads(api, token, *"egp") == [200, 403, 403]
        await policy(api, "e", "secret/data/p")
        assert await reads(api, token, *"egp") == [403, 403, 200]
        await api("POST", f"identity/entity/id/{who}", {"policies": ""})
        assert await reads(api, token, *"egp") == [403, 403, 403]

    inprocess(scenario)


@pytest.mark.parametrize("how", ("disable", "delete"))
def test_a_disabled_or_deleted_entity_is_refused_at_once(entering: type[Entering], how: str) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        auth = await login(api, "alice")
        token, path = auth["client_token"], f"identity/entity/id/{auth['entity_id']}"
        assert (await api("GET", SELF, token=token)).status == 200
        if how == "disable":
            await api("POST", path, {"disabled": True})
        else:
            await api("DELETE", path)
        refused = await api("GET", SELF, token=token)
        assert (refused.status, refused.errors) == (403, ["permission denied"])
        assert (await api("POST", "auth/token/renew-self", {}, token=token)).status == 403
        # Whoever may look tokens up still can.
        assert (await api("POST", "auth/token/lookup", {"token": token})).status == 200
        answer = await attempt(api, "alice")
        if how == "disable":
            assert answer.status == 403
            await api("POST", path, {"disabled": False})
            assert (await api("GET", SELF, token=token)).status == 200
        else:
            assert answer.json["auth"]["entity_id"] != auth["entity_id"]
            assert (await api("GET", SELF, token=token)).status == 403

    inprocess(scenario)


def test_a_changed_policy_reaches_every_entity(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await secret(api, "a", "b")
        await policy(api, "e", "secret/data/a", "secret/data/x/{{identity.entity.id}}")
        tokens = [(await login(api, name, policies="e"))["client_token"] for name in ("alice", "bob")]
        for _ in range(2):
            assert [await reads(api, token, "a", "b") for token in tokens] == [[200, 403]] * 2
        await policy(api, "e", "secret/data/b")
        assert [await reads(api, token, "a", "b") for token in tokens] == [[403, 200]] * 2

    inprocess(scenario)


def test_what_was_never_committed_is_not_remembered(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        who = (await login(api, "alice"))["entity_id"]
        group = await make(api, "group", policies="p")
        identity = api.core.identity
        for commits in (False, False, True):
            request = api.core.internal_request()
            identity.groups.join(request, group, who)
            assert (await identity.standing(request, who)).policies == ["p"]
            if commits:
                identity.changed(request)
                await api.core.store.commit(request.tx)
            request.tx.close()
            request = api.core.internal_request()
            assert (await identity.standing(request, who)).policies == (["p"] if commits else [])
            request.tx.close()
            identity.forget()

    inprocess(scenario)


def test_children_belong_to_the_entity_of_their_parent(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        who = (await login(api, "alice"))["entity_id"]
        text = 'path "auth/token/create" { capabilities = ["update"] }'
        await api("PUT", "sys/policies/acl/maker", {"policy": text})
        await api("POST", f"identity/entity/id/{who}", {"policies": "maker"})
        auth = await login(api, "alice")
        child = await api("POST", "auth/token/create", {}, token=auth["client_token"])
        made = child.json["auth"]
        assert made["entity_id"] == who
        assert (made["token_policies"], made["identity_policies"]) == (["default"], ["maker"])
        # What comes from the entity cannot be made a token's own.
        asked = await api("POST", "auth/token/create", {"policies": "maker"}, token=auth["client_token"])
        assert (asked.status, asked.errors) == (400, ["child policies must be subset of parent"])

    inprocess(scenario)


def test_templated_policies_are_the_entitys(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        accessor = await enable(api)
        lines = [
            "secret/data/{{identity.entity.id}}",
            f"secret/data/by-alias/{{{{identity.entity.aliases.{accessor}.name}}}}",
            f"secret/data/by-team/{{{{identity.entity.aliases.{accessor}.metadata.team}}}}",
            "secret/data/by-custom/{{identity.entity.metadata.floor}}",
            "secret/data/by-group/{{identity.groups.names.crew.metadata.ship}}",
        ]
        await policy(api, "own", *lines)
        alice = await login(api, "alice", policies="own", metadata={"team": "red"})
        bob = await login(api, "bob", policies="own", metadata={"team": "blue"})
        await api("POST", f"identity/entity/id/{alice['entity_id']}", {"metadata": {"floor": "3"}})
        fields = {"name": "crew", "metadata": {"ship": "argo"}, "member_entity_ids": alice["entity_id"]}
        await make(api, "group", **fields)
        hers = [alice["entity_id"], "by-alias/alice", "by-team/red", "by-custom/3", "by-group/argo"]
        his = [bob["entity_id"], "by-alias/bob", "by-team/blue"]
        await secret(api, *hers, *his)
        assert await reads(api, alice["client_token"], *hers) == [200] * 5
        assert await reads(api, alice["client_token"], *his) == [403] * 3
        assert await reads(api, bob["client_token"], *hers) == [403] * 5
        assert await reads(api, bob["client_token"], *his) == [200] * 3
        made = await api("POST", "auth/token/create", {"policies": ["own"]})
        plain = made.json["auth"]["client_token"]
        assert await reads(api, plain, *hers, *his) == [403] * 8
        await login(api, "alice", metadata={"team": "blue"})
        assert await reads(api, alice["client_token"], "by-team/red", "by-team/blue") == [403, 200]

    inprocess(scenario)


def test_external_groups_follow_the_login_at_their_mount(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        door, gate = await enable(api), await enable(api, "gate")
        groups = {}
        for name, accessor in (("devs", door), ("ops", door), ("far", gate)):
            groups[name] = await make(api, "group", name=name, type="external", policies=f"p-{name}")
            alias = {"name": name, "mount_accessor": accessor, "canonical_id": groups[name]}
            await make(api, "group-alias", **alias)
        first = await login(api, "alice", groups="devs,unknown,far")
        assert first["identity_policies"] == ["p-devs"]  # the other mount's group is not this one's to give
        second = await login(api, "alice", groups="OPS")
        assert second["identity_policies"] == ["p-ops"]
        found = (await api("GET", SELF, token=first["client_token"])).data
        assert found["identity_policies"] == ["p-ops"]
        entity = first["entity_id"]
        alias = {"name": "alice", "mount_accessor": gate, "canonical_id": entity}
        await make(api, "entity-alias", **alias)
        third = await login(api, "alice", "gate", groups="far")
        assert third["identity_policies"] == ["p-far", "p-ops"]
        fourth = await login(api, "alice")
        assert fourth["identity_policies"] == ["p-far"]
        members = (await api("GET", f"identity/group/id/{groups['far']}")).data["member_entity_ids"]
        assert members == [entity]

    inprocess(scenario)


def test_token_role_names_the_alias(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        role = {"allowed_entity_aliases": ["web-*", "exact"], "allowed_policies": "default"}
        await api("POST", "auth/token/roles/r", role)

        async def create(alias: str, **fields: str) -> Answer:
            return await api("POST", "auth/token/create/r", {"entity_alias": alias, **fields})

        first = (await create("web-1")).json["auth"]
        assert (await create("WEB-1")).json["auth"]["entity_id"] == first["entity_id"] != ""
        assert (await create("Exact", type="batch")).json["auth"]["entity_id"] not in ("", first["entity_id"])
        refused = await create("other")
        assert (refused.status, refused.errors) == (400, ["invalid 'entity_alias' value"])
        await api("POST", f"identity/entity/id/{first['entity_id']}", {"disabled": True})
        refused = await create("web-1")
        assert (refused.status, refused.errors) == (403, ["entity from given entity alias is disabled"])

    inprocess(scenario)


def test_tokens_of_an_entity_can_be_revoked_together(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        mine = [await login(api, "alice") for _ in range(3)]
        other = await login(api, "bob")
        path = f"identity/entity/id/{mine[0]['entity_id']}/tokens"
        listed = (await api("LIST", path)).data["keys"]
        assert sorted(listed) == sorted(auth["accessor"] for auth in mine)
        assert (await api("DELETE", path)).status == 204
        for auth in mine:
            assert (await api("GET", SELF, token=auth["client_token"])).status == 403
        assert (await api("GET", SELF, token=other["client_token"])).status == 200
        assert (await api("LIST", path)).status == 404
        assert (await login(api, "alice"))["entity_id"] == mine[0]["entity_id"]

    inprocess(scenario)


def test_identity_policies_are_never_stored_with_a_token(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        auth = await login(api, "alice")
        await api("POST", f"identity/entity/id/{auth['entity_id']}", {"policies": "e"})
        token = auth["client_token"]
        assert (await api("POST", "auth/token/renew-self", {}, token=token)).status == 200
        core = api.core
        request = core.internal_request()
        row = await core.tokens.row(request.tx, core.tokens.key(token))
        request.tx.close()
        assert row is not None
        assert row.identity_policies == []

    inprocess(scenario)


def test_a_process_that_only_reads_follows_at_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await secret(api, "e", "g")
        for name in "eg":
            await policy(api, name, f"secret/data/{name}")
        auth = await login(api, "alice")
        token, path = auth["client_token"], f"identity/entity/id/{auth['entity_id']}"
        pair = await Pair.of(api)
        try:

            async def here() -> list[int]:
                return [(await pair("GET", f"secret/data/{name}", token=token)).status for name in "eg"]

            assert await here() == [403, 403]
            await api("POST", path, {"policies": "e"})
            assert await here() == [200, 403]
            await make(api, "group", name="g", policies="g", member_entity_ids=auth["entity_id"])
            assert await here() == [200, 200]
            answered = await pair("GET", path)
            assert (answered.status, answered.data["policies"]) == (200, ["e"])
            await api("POST", path, {"disabled": True})
            assert await here() == [403, 403]
            await api("POST", path, {"disabled": False})
            assert await here() == [200, 200]
            assert not [line for line in pair.reached.forwarded if line.startswith("GET")]
        finally:
            await pair.follower.lifecycle.seal()

    inprocess(scenario)
