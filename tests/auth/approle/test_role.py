"""Roles: what they hold, how they are named, and what goes with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.auth.approle.machine import METHOD, ROLE, enable, login, make_role, method_rows, secret_id
from tests.inprocess import InProcess, inprocess
from tests.leasing import later

NEW: dict[str, Any] = {
    "bind_secret_id": True,
    "local_secret_ids": False,
    "secret_id_bound_cidrs": None,
    "secret_id_num_uses": 0,
    "secret_id_ttl": 0,
    "token_bound_cidrs": [],
    "token_explicit_max_ttl": 0,
    "token_max_ttl": 0,
    "token_no_default_policy": False,
    "token_num_uses": 0,
    "token_period": 0,
    "token_policies": [],
    "token_strictly_bind_ip": False,
    "token_ttl": 0,
    "token_type": "default",
}


def test_a_write_changes_what_it_gives() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        assert (await api("GET", ROLE)).data == NEW
        change = {"secret_id_ttl": 600, "token_ttl": 60, "token_policies": ["a"]}
        assert (await api("POST", ROLE, change)).status == 204
        assert (await api("POST", ROLE, {"secret_id_num_uses": 3})).status == 204
        assert (await api("GET", ROLE)).data == NEW | change | {"secret_id_num_uses": 3}

    inprocess(scenario)


def test_a_refused_write_changes_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        before = await method_rows(api)
        for body in (
            {"bind_secret_id": False},
            {"secret_id_num_uses": -1},
            {"secret_id_bound_cidrs": "nonsense"},
            {"bound_cidr_list": ["10.0.0.0/33"]},
            {"token_ttl": 2, "token_max_ttl": 1},
            {"local_secret_ids": True},
            {"role_id": " "},
        ):
            assert (await api("POST", ROLE, body)).status == 400, body
        assert await method_rows(api) == before

    inprocess(scenario)


def test_names_are_the_same_in_any_case() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await make_role(api, "DataBase", token_ttl=60)
        assert (await api("LIST", f"{METHOD}/role")).data["keys"] == ["database", "web"]
        assert (await api("GET", f"{METHOD}/role/dAtAbAsE")).data["token_ttl"] == 60
        assert (await api("DELETE", f"{METHOD}/role/DATABASE")).status == 204
        assert (await api("GET", f"{METHOD}/role/database")).status == 404

    inprocess(scenario)


def test_listings_come_in_pages() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        for name in ("a", "b", "c"):
            await make_role(api, name)
        listed = await api("LIST", f"{METHOD}/role?after=a&limit=2")
        assert listed.data["keys"] == ["b", "c"]

    inprocess(scenario)


def test_an_id_belongs_to_one_role() -> None:
    async def scenario(api: InProcess) -> None:
        first = await enable(api, role_id="one")
        assert first == "one"
        assert (await api("POST", f"{METHOD}/role/b", {"role_id": " one "})).status == 400
        assert (await api("GET", f"{METHOD}/role/b")).status == 404
        await make_role(api, "b")
        assert (await api("POST", f"{METHOD}/role/b/role-id", {"role_id": "one"})).status == 400
        assert (await api("POST", f"{ROLE}/role-id", {"role_id": "two"})).status == 204
        assert (await api("POST", f"{METHOD}/role/b/role-id", {"role_id": "one"})).status == 204
        made = await secret_id(api)
        assert (await login(api, "one", made)).status == 400
        assert (await login(api, "two", made)).json["auth"]["metadata"] == {"role_name": "web"}
        assert (await api("DELETE", ROLE)).status == 204
        assert await make_role(api, "c", role_id="two") == "two"

    inprocess(scenario)


def test_a_role_goes_with_all_that_is_its_own() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await secret_id(api)
        before = await method_rows(api)
        role_id = await make_role(api, "brief")
        made = [await secret_id(api, "brief", ttl=600) for _ in range(3)] + [await secret_id(api, "brief")]
        assert (await api("DELETE", f"{METHOD}/role/brief")).status == 204
        left = {name for name in await method_rows(api) if not name.startswith("due/")}
        assert left == set(before)
        assert await make_role(api, "brief", role_id=role_id) == role_id
        for one in made:
            assert (await login(api, role_id, one)).status == 400
        assert (await api("LIST", f"{METHOD}/role/brief/secret-id")).status == 404
        assert (await api("DELETE", f"{METHOD}/role/brief")).status == 204
        with later(api.core, 601):
            assert (await api("POST", f"{METHOD}/tidy/secret-id")).status == 202
        assert await method_rows(api) == before

    inprocess(scenario)


def test_older_names_are_shown_beside_the_newer() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, policies="a,b", period=60, bound_cidr_list="10.0.0.0/8")
        read = (await api("GET", ROLE)).data
        older = {"policies": ["a", "b"], "period": 60}
        newer = {"token_policies": ["a", "b"], "token_period": 60, "secret_id_bound_cidrs": ["10.0.0.0/8"]}
        assert read == NEW | older | newer
        assert (await api("POST", ROLE, {"token_policies": "c", "period": 0})).status == 204
        read = (await api("GET", ROLE)).data
        assert "policies" not in read
        assert "period" not in read
        assert read["token_policies"] == ["c"]

    inprocess(scenario)


def test_a_role_says_when_the_mount_allows_less() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        answer = await api("POST", ROLE, {"token_max_ttl": "10000h"})
        assert answer.status == 200
        assert "token_max_ttl" in answer.json["warnings"][0]
        tuned = await api("POST", "sys/auth/approle/tune", {"max_lease_ttl": "20000h"})
        assert tuned.status == 204
        assert (await api("POST", ROLE, {"token_max_ttl": "10000h"})).status == 204

    inprocess(scenario)


@pytest.mark.parametrize("held", ("create", "update"))
def test_policies_tell_making_a_role_from_changing_it(held: str) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        token = await api.policy_token(f'path "{METHOD}/role/*" {{ capabilities = ["{held}"] }}')
        made = (await api("POST", f"{METHOD}/role/new", {}, token=token)).status
        changed = (await api("POST", ROLE, {}, token=token)).status
        assert (made, changed) == ((204, 403) if held == "create" else (403, 204))

    inprocess(scenario)
