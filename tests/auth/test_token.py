from __future__ import annotations

from typing import Any

import pytest

from strongroom.auth.token.role import Role, token_policies
from strongroom.errors import BadRequest
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later

LOOKUP = "auth/token/lookup-self"
RULES = """
path "auth/token/create" { capabilities = ["create", "update"] }
path "auth/token/create-orphan" { capabilities = ["create", "update"] }
path "auth/token/create/r" { capabilities = ["create", "update"] }
"""
SUDO = RULES.replace('"create", ', '"sudo", "create", ')


async def create(api: InProcess, path: str = "create", /, *, by: str = "", **fields: Any) -> Answer:
    return await api("POST", f"auth/token/{path}", fields, token=by)


async def token(api: InProcess, path: str = "create", /, *, by: str = "", **fields: Any) -> str:
    answer = await create(api, path, by=by, **fields)
    assert answer.status == 200, answer
    found: str = answer.json["auth"]["client_token"]
    return found


async def known(api: InProcess, one: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api("POST", "auth/token/lookup", {"token": one})).data
    return found


async def alive(api: InProcess, one: str) -> bool:
    return (await api("GET", LOOKUP, token=one)).status == 200


# -- creation ------------------------------------------------------------------------------------------


def test_a_child_has_its_parents_policies_and_never_more() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await api.policy_token(RULES)
        mine = (await known(api, parent))["policies"]
        assert (await known(api, await token(api, by=parent)))["policies"] == mine
        assert (await known(api, await token(api, by=parent, policies=["default"])))["policies"] == [
            "default"
        ]
        for policies in (["other"], ["root"]):
            refused = await create(api, by=parent, policies=policies)
            assert (refused.status, refused.errors) == (400, ["child policies must be subset of parent"])
        assert (await known(api, await token(api)))["policies"] == ["root"]
        made = await create(api, policies=["a"], no_default_policy=True)
        assert made.json["auth"]["policies"] == ["a"]
        assert made.json["warnings"] == ['Policy "a" does not exist']

    inprocess(scenario)


@pytest.mark.parametrize(
    "fields", ({"no_parent": True}, {"period": "1h"}, {"id": "mine"}, {"policies": ["other"]})
)
def test_what_takes_sudo(fields: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        plain, sudo = await api.policy_token(RULES), await api.policy_token(SUDO)
        assert (await create(api, by=plain, **fields)).status == 400
        assert (await create(api, by=sudo, **fields)).status == 200

    inprocess(scenario)


def test_sudo_does_not_make_root() -> None:
    async def scenario(api: InProcess) -> None:
        sudo = await api.policy_token(SUDO)
        assert (await create(api, by=sudo, policies=["root"])).status == 400

    inprocess(scenario)


@pytest.mark.parametrize(
    "fields",
    (
        {"ttl": "-1s"},
        {"explicit_max_ttl": "-1s"},
        {"period": "-1s"},
        {"num_uses": -1},
        {"type": "golden"},
        {"ttl": "soon"},
        {"entity_alias": "ann"},
        {"id": "hvs.mine"},
        {"id": "s.mine"},
        {"id": "srs.mine"},
        {"id": "a.b"},
        {"id": "root"},
        {"type": "batch", "policies": ["default"], "num_uses": 3},
        {"type": "batch"},
    ),
)
def test_tokens_that_cannot_be(fields: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        before = (await api("LIST", "auth/token/accessors")).data["keys"]
        assert (await create(api, **fields)).status == 400
        assert (await api("LIST", "auth/token/accessors")).data["keys"] == before

    inprocess(scenario)


def test_a_token_may_have_an_id_of_ones_own() -> None:
    async def scenario(api: InProcess) -> None:
        assert await token(api, id="mine") == "mine"
        assert await alive(api, "mine")
        assert (await create(api, id="mine")).errors == ["cannot create a token with a duplicate ID"]

    inprocess(scenario)


def test_orphans_outlive_who_made_them() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await api.policy_token(RULES)
        child = await token(api, by=parent)
        orphan = await token(api, "create-orphan", by=parent)
        assert [(await known(api, one))["orphan"] for one in (child, orphan)] == [False, True]
        await api("POST", "auth/token/revoke", {"token": parent})
        assert [await alive(api, one) for one in (parent, child, orphan)] == [False, False, True]

    inprocess(scenario)


def test_an_ending_root_token_makes_no_endless_one() -> None:
    async def scenario(api: InProcess) -> None:
        ending = await token(api, ttl="1h")
        assert (await create(api, by=ending)).status == 400
        assert (await known(api, await token(api, by=ending, ttl="30m")))["policies"] == ["root"]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("given", "shown"),
    (("token", "token"), ("ann", "token-ann"), ("a b/c", "token-a-b-c"), ("-x-", "token-x")),
)
def test_display_names(given: str, shown: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await known(api, await token(api, display_name=given)))["display_name"] == shown

    inprocess(scenario)


# -- looking up ----------------------------------------------------------------------------------------


def test_every_lookup_tells_the_same_but_the_accessors_hides_the_token() -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api, policies=["default"], ttl="1h", meta={"a": "b"}, num_uses=0)
        mine = (await api("GET", LOOKUP, token=one)).data
        assert mine["id"] == one
        assert (mine["creation_ttl"], mine["meta"], mine["type"]) == (3_600, {"a": "b"}, "service")
        by_token = await known(api, one)
        by_accessor = (await api("POST", "auth/token/lookup-accessor", {"accessor": mine["accessor"]})).data
        assert by_token.pop("id") == one
        assert by_accessor.pop("id") == ""
        mine.pop("id")
        for each in (mine, by_token, by_accessor):
            each.pop("ttl")
        assert mine == by_token == by_accessor
        assert mine["accessor"] in (await api("LIST", "auth/token/accessors")).data["keys"]

    inprocess(scenario)


def test_nobody_is_not_found() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "auth/token/lookup", {"token": "nobody"})
        assert (answer.status, answer.errors) == (403, ["bad token"])
        for accessor in ("", "nobody"):
            assert (await api("POST", "auth/token/lookup-accessor", {"accessor": accessor})).status == 400

    inprocess(scenario)


# -- renewal -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ("renew", "renew-self", "renew-accessor"))
def test_every_way_renews(way: str) -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api, policies=["default"], ttl="10m", explicit_max_ttl="20m")
        accessor = (await known(api, one))["accessor"]
        body = {"renew": {"token": one}, "renew-self": {}, "renew-accessor": {"accessor": accessor}}[way]
        caller = one if way == "renew-self" else ""
        with later(api.core, 540):
            auth = (await api("POST", f"auth/token/{way}", body | {"increment": 300}, token=caller)).json[
                "auth"
            ]
        assert auth["lease_duration"] == 300
        assert auth["client_token"] == ("" if way == "renew-accessor" else one)
        with later(api.core, 800):
            assert await alive(api, one)
            answer = await api("POST", f"auth/token/{way}", body | {"increment": 6_000}, token=caller)
            assert 398 <= answer.json["auth"]["lease_duration"] <= 400
            assert answer.json["warnings"]
        with later(api.core, 1_201):
            assert not await alive(api, one)

    inprocess(scenario)


def test_what_cannot_be_renewed() -> None:
    async def scenario(api: InProcess) -> None:
        fixed = await token(api, policies=["default"], ttl="10m", renewable=False)
        batch = await token(api, policies=["default"], ttl="10m", type="batch")
        for one in (fixed, batch, api.token, "nobody", ""):
            assert (await api("POST", "auth/token/renew", {"token": one})).status == 400

    inprocess(scenario)


def test_a_periodic_token_lives_as_long_as_somebody_renews_it() -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api, policies=["default"], period="1h")
        now = 0
        for _ in range(50):
            now += 3_500
            with later(api.core, now):
                answer = await api("POST", "auth/token/renew-self", token=one)
                assert answer.json["auth"]["lease_duration"] == 3_600
        with later(api.core, now + 3_601):
            assert not await alive(api, one)

    inprocess(scenario)


def test_who_asks_for_no_time_gets_what_was_granted_last() -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api, policies=["default"], ttl="1h")
        for increment, granted in ((60, 60), (0, 60), (7_200, 7_200), (0, 7_200)):
            answer = await api("POST", "auth/token/renew-self", {"increment": increment}, token=one)
            assert answer.json["auth"]["lease_duration"] == granted
        assert (await known(api, one))["creation_ttl"] == 3_600

    inprocess(scenario)


def test_a_token_of_a_role_follows_it_when_it_is_renewed() -> None:
    async def scenario(api: InProcess) -> None:
        async def renewed() -> Answer:
            return await api("POST", "auth/token/renew-self", {"increment": "5h"}, token=one)

        await api("POST", "auth/token/roles/r", {"token_explicit_max_ttl": "2h"})
        one = await token(api, "create/r", policies=["default"], ttl="1h")
        for bound, granted in (("3h", 7_200), ("1h", 3_600), (0, 7_200)):
            await api("POST", "auth/token/roles/r", {"token_explicit_max_ttl": bound})
            assert (await renewed()).json["auth"]["lease_duration"] == granted
        await api("POST", "auth/token/roles/r", {"token_period": "10m"})
        assert (await renewed()).json["auth"]["lease_duration"] == 600
        await api("DELETE", "auth/token/roles/r")
        assert (await renewed()).errors == ['original token role "r" could not be found, not renewing']

    inprocess(scenario)


def test_of_two_periods_the_shorter_counts() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "auth/token/roles/r", {"token_period": "1h"})
        for asked, granted in (("10m", 600), ("2h", 3_600)):
            made = await create(api, "create/r", policies=["default"], period=asked)
            assert made.json["auth"]["lease_duration"] == granted
            assert "lesser value" in made.json["warnings"][0]

    inprocess(scenario)


# -- revocation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ("revoke", "revoke-self", "revoke-accessor", "revoke-orphan"))
def test_every_way_revokes(way: str) -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api, policies=["root"], ttl="1h")
        child = await token(api, by=one, policies=["default"])
        accessor = (await known(api, one))["accessor"]
        body = {"revoke-self": {}, "revoke-accessor": {"accessor": accessor}}.get(way, {"token": one})
        answer = await api("POST", f"auth/token/{way}", body, token=one if way == "revoke-self" else "")
        assert answer.status == 204
        assert not await alive(api, one)
        assert await alive(api, child) is (way == "revoke-orphan")

    inprocess(scenario)


def test_revoking_nobody() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "auth/token/revoke", {"token": "nobody"})).status == 204
        assert (await api("POST", "auth/token/revoke-accessor", {"accessor": "nobody"})).json["warnings"]
        for way in ("revoke", "revoke-orphan"):
            assert (await api("POST", f"auth/token/{way}", {})).status == 400
        assert (await api("POST", "auth/token/revoke-orphan", {"token": "nobody"})).status == 400
        batch = await token(api, policies=["default"], type="batch")
        for way in ("revoke", "revoke-orphan"):
            assert (await api("POST", f"auth/token/{way}", {"token": batch})).status == 400
        assert await alive(api, batch)

    inprocess(scenario)


# -- roles ---------------------------------------------------------------------------------------------


def role(**fields: Any) -> Role:
    return Role("r", **fields)


@pytest.mark.parametrize(
    ("asked", "parent", "bounds", "expected"),
    (
        ([], ["a"], role(), ["a"]),
        ([], ["a"], role(disallowed_policies=["c"]), ["a", "default"]),
        ([], ["a"], role(allowed_policies_glob=["*"]), ["default"]),
        (["b"], ["a"], role(disallowed_policies=["default"]), ["b"]),
        ([], ["a"], role(allowed_policies=["x", "y"]), ["default", "x", "y"]),
        (["x"], ["a"], role(allowed_policies=["x", "y"]), ["default", "x"]),
        (["X1"], ["a"], role(allowed_policies_glob=["x*"]), ["default", "x1"]),
        (["b"], ["root"], role(), ["b", "default"]),
        (["b"], ["a"], role(disallowed_policies=["c"]), ["b", "default"]),
        (["ab-1-cd"], ["a"], role(allowed_policies_glob=["ab*1*cd", "default"]), ["ab-1-cd", "default"]),
    ),
)
def test_policies_within_a_role(
    asked: list[str], parent: list[str], bounds: Role, expected: list[str]
) -> None:
    assert token_policies(asked, parent, bounds, default=True, sudo="root" in parent) == expected


@pytest.mark.parametrize(
    ("asked", "parent", "bounds"),
    (
        (["z"], ["root"], role(allowed_policies=["x"])),
        (["z"], ["a"], role()),
        (["c"], ["root"], role(disallowed_policies=["c"])),
        (["ca"], ["root"], role(disallowed_policies_glob=["c*"])),
        (["default"], ["root"], role(disallowed_policies=["default"])),
        ([], ["a", "default"], role(disallowed_policies=["default"])),
        (["default"], ["root"], role(allowed_policies=["root"])),
        (["ab"], ["root"], role(allowed_policies_glob=["ab*b", "default"])),
    ),
)
def test_policies_beyond_a_role(asked: list[str], parent: list[str], bounds: Role) -> None:
    with pytest.raises(BadRequest):
        token_policies(asked, parent, bounds, default=True, sudo=False)


def test_the_default_policy_is_only_for_who_has_it() -> None:
    with pytest.raises(BadRequest):
        token_policies(["default"], ["a"], None, default=True, sudo=False)
    assert token_policies(["a"], ["a", "b"], None, default=True, sudo=False) == ["a"]
    assert token_policies(["a"], ["a", "default"], None, default=True, sudo=False) == ["a", "default"]
    assert token_policies(["a"], ["b"], None, default=True, sudo=True) == ["a", "default"]
    assert token_policies(["a", "default"], ["b"], role(), default=False, sudo=True) == ["a"]
    assert token_policies([], ["a", "default"], role(), default=False, sudo=False) == ["a"]


def test_no_root_token_comes_of_a_role_without_a_root_token() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await api.policy_token(RULES)
        for settings in ({"allowed_policies": "root"}, {"allowed_policies_glob": "*"}):
            await api("POST", "auth/token/roles/r", settings)
            assert (await create(api, "create/r", by=parent, policies=["root"])).status == 400
            await api("DELETE", "auth/token/roles/r")

    inprocess(scenario)


def test_tokens_through_a_role_are_what_it_says() -> None:
    async def scenario(api: InProcess) -> None:
        settings = {
            "allowed_policies": "a,b",
            "orphan": True,
            "renewable": False,
            "path_suffix": "batchjobs",
            "token_explicit_max_ttl": "10m",
            "token_bound_cidrs": "10.0.0.0/8",
            "token_num_uses": 5,
            "token_no_default_policy": True,
        }
        assert (await api("POST", "auth/token/roles/r", settings)).status == 204
        one = await token(api, "create/r", policies=["a"], ttl="1h", explicit_max_ttl="20m", num_uses=9)
        found = await known(api, one)
        assert (found["policies"], found["orphan"], found["renewable"]) == (["a"], True, False)
        assert (found["path"], found["role"]) == ("auth/token/create/r/batchjobs", "r")
        assert (found["creation_ttl"], found["explicit_max_ttl"], found["num_uses"]) == (600, 600, 5)
        assert (await api("GET", LOOKUP, token=one, address="192.0.2.1")).status == 403
        assert (await create(api, "create/r", policies=["c"])).status == 400
        assert (await create(api, "create/none")).status == 400

    inprocess(scenario)


def test_a_role_is_changed_field_by_field() -> None:
    async def scenario(api: InProcess) -> None:
        path = "auth/token/roles/r"
        await api("POST", path, {"allowed_policies": ["B", "a", "b"], "period": 60})
        await api("POST", path, {"orphan": True})
        found = (await api("GET", path)).data
        assert (found["allowed_policies"], found["orphan"]) == (["a", "b"], True)
        assert (found["period"], found["token_period"]) == (60, 60)
        await api("POST", path, {"token_period": 120})
        found = (await api("GET", path)).data
        assert (found["period"], found["token_period"]) == (0, 120)
        assert (await api("LIST", "auth/token/roles")).data == {"keys": ["r"]}
        one = await token(api, "create/r", policies=["a"])
        assert (await api("DELETE", path)).status == 204
        assert (await api("GET", path)).status == 404
        assert await alive(api, one)

    inprocess(scenario)


@pytest.mark.parametrize(
    "settings",
    (
        {"token_type": "golden"},
        {"token_type": ""},
        {"token_type": "batch"},
        {"token_type": "batch", "orphan": True},
        {"token_type": "batch", "orphan": True, "renewable": False, "token_period": 60},
        {"path_suffix": "ab"},
        {"token_num_uses": -1},
        {"path_suffix": "a/b"},
        {"token_bound_cidrs": "everywhere"},
    ),
)
def test_roles_that_cannot_be(settings: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "auth/token/roles/r", settings)).status == 400
        assert (await api("GET", "auth/token/roles/r")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    ("bound", "asked", "expected"),
    (
        ("service", "batch", "service"),
        ("batch", "service", "batch"),
        ("default-service", "batch", "batch"),
        ("default-batch", "", "batch"),
        ("default-batch", "service", "service"),
        (None, "", "service"),
    ),
)
def test_a_role_decides_the_kind_or_its_default(bound: str | None, asked: str, expected: str) -> None:
    async def scenario(api: InProcess) -> None:
        settings: dict[str, Any] = {"orphan": True, "renewable": False} | (
            {"token_type": bound} if bound else {}
        )
        assert (await api("POST", "auth/token/roles/r", settings)).status == 204
        fields = {"type": asked} if asked else {}
        auth = (await create(api, "create/r", policies=["default"], **fields)).json["auth"]
        assert auth["token_type"] == expected

    inprocess(scenario)
