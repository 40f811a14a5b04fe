"""Secret IDs: bounds, lookups, ends; and that nothing of one that has ended stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.auth.approle.issuing import metadata_of, within_role
from strongroom.errors import BadRequest
from tests.auth.approle.machine import METHOD, ROLE, enable, login, make_role, method_rows, secret, secret_id
from tests.inprocess import InProcess, inprocess
from tests.leasing import later


async def accessors(api: InProcess, query: str = "") -> list[str]:
    answer = await api("LIST", f"{ROLE}/secret-id{query}")
    return [] if answer.status == 404 else list(answer.data["keys"])


async def found(api: InProcess, secret_id: str) -> Any:
    answer = await api("POST", f"{ROLE}/secret-id/lookup", {"secret_id": secret_id})
    return None if answer.status == 204 else answer.data


def test_what_is_known_of_it() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, secret_id_num_uses=5, secret_id_ttl="1h")
        bounds: dict[str, Any] = {
            "num_uses": 2,
            "ttl": "10m",
            "cidr_list": "10.0.0.0/8",
            "token_bound_cidrs": "10.1.0.0/16",
        }
        made = await secret(api, metadata='{"a": "b"}', **bounds)
        known = await found(api, made["secret_id"])
        accessor = {"secret_id_accessor": made["secret_id_accessor"]}
        assert (await api("POST", f"{ROLE}/secret-id-accessor/lookup", accessor)).data == known
        times = {known.pop(f"{name}_time") for name in ("creation", "last_updated", "expiration")}
        assert len(times) == 2
        assert known == accessor | {
            "secret_id_num_uses": 2,
            "secret_id_ttl": 600,
            "metadata": {"a": "b"},
            "cidr_list": ["10.0.0.0/8"],
            "token_bound_cidrs": ["10.1.0.0/16"],
        }
        assert (made["secret_id_num_uses"], made["secret_id_ttl"]) == (2, 600)

    inprocess(scenario)


@pytest.mark.parametrize(
    "beyond",
    (
        {"num_uses": 6},
        {"num_uses": 0},
        {"num_uses": -1},
        {"ttl": "2h"},
        {"ttl": 0},
        {"ttl": -1},
        {"cidr_list": "11.0.0.0/8"},
        {"cidr_list": "10.0.0.0/7"},
        {"cidr_list": "10.1.0.0/16,0.0.0.0/0"},
        {"cidr_list": "::/0"},
        {"cidr_list": "nonsense"},
        {"token_bound_cidrs": "0.0.0.0/0"},
        {"metadata": "nonsense"},
    ),
)
def test_it_stays_within_the_bounds_of_its_role(beyond: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        networks = {"secret_id_bound_cidrs": "10.0.0.0/8", "token_bound_cidrs": "10.0.0.0/8"}
        await enable(api, secret_id_num_uses=5, secret_id_ttl="1h", **networks)
        assert (await api("POST", f"{ROLE}/secret-id", beyond)).status == 400
        own = {"secret_id": "own"} | beyond
        assert (await api("POST", f"{ROLE}/custom-secret-id", own)).status == 400
        assert await accessors(api) == []

    inprocess(scenario)


def test_its_ttl_ends_with_that_of_the_mount() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        assert (await secret(api, ttl="99999h"))["secret_id_ttl"] == 768 * 3600

    inprocess(scenario)


def test_one_of_ones_own() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        other = await make_role(api, "other")
        path = f"{ROLE}/custom-secret-id"
        for body in ({}, {"secret_id": " "}, {"secret_id": "x" * 4097}):
            assert (await api("POST", path, body)).status == 400
        assert (await api("POST", path, {"secret_id": "own"})).data["secret_id"] == "own"
        refused = await api("POST", path, {"secret_id": "own"})
        assert (refused.status, b'"own"' in refused.body) == (400, False)
        assert (await login(api, other, "own")).status == 400
        body = {"secret_id": "own"}
        assert (await api("POST", f"{METHOD}/role/other/custom-secret-id", body)).status == 200
        assert [(await login(api, one, "own")).status for one in (role_id, other)] == [200, 200]

    inprocess(scenario)


def test_one_of_ones_own_may_come_again_when_its_time_is_over() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        path = f"{ROLE}/custom-secret-id"
        first = await api("POST", path, {"secret_id": "own", "ttl": 60})
        with later(api.core, 61):
            second = await api("POST", path, {"secret_id": "own", "ttl": 600})
            assert await accessors(api) == [second.data["secret_id_accessor"]]
            old = {"secret_id_accessor": first.data["secret_id_accessor"]}
            assert (await api("POST", f"{ROLE}/secret-id-accessor/lookup", old)).status == 404
            assert (await api("POST", f"{METHOD}/tidy/secret-id")).status == 202
            assert (await login(api, role_id, "own")).status == 200

    inprocess(scenario)


@pytest.mark.parametrize("by", ("secret_id", "secret_id_accessor"))
def test_it_is_destroyed_for_good(by: str) -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        before = await method_rows(api)
        made = await secret(api, ttl=60)
        kept = await secret(api, ttl=60)
        await make_role(api, "other")
        what = "secret-id" if by == "secret_id" else "secret-id-accessor"
        for role in ("other", "web"):
            path, body = f"{METHOD}/role/{role}/{what}", {by: made[by]}
            elsewhere = role == "other"
            status = (await api("POST", f"{path}/destroy", body)).status
            assert status == (404 if elsewhere and by.endswith("accessor") else 204)
            assert (await login(api, role_id, made["secret_id"])).status == (200 if elsewhere else 400)
        assert (await api("DELETE", f"{ROLE}/{what}/destroy?{by}={kept[by]}")).status == 204
        assert await accessors(api) == []
        assert (await api("DELETE", f"{METHOD}/role/other")).status == 204
        assert await method_rows(api) == before

    inprocess(scenario)


def test_one_that_is_not_there() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        assert await found(api, "nobody") is None
        assert (await api("POST", f"{ROLE}/secret-id/destroy", {"secret_id": "nobody"})).status == 204
        unknown = {"secret_id_accessor": "nobody"}
        for what in ("lookup", "destroy"):
            assert (await api("POST", f"{ROLE}/secret-id/{what}", {})).status == 400
            assert (await api("POST", f"{ROLE}/secret-id-accessor/{what}", {})).status == 400
            assert (await api("POST", f"{ROLE}/secret-id-accessor/{what}", unknown)).status == 404
            nobody = f"{METHOD}/role/nobody/secret-id/{what}"
            assert (await api("POST", nobody, {"secret_id": "x"})).status == 404

    inprocess(scenario)


def test_the_last_use_takes_all_of_it_away() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        before = await method_rows(api)
        made = await secret(api, num_uses=2, ttl=600)
        assert (await login(api, role_id, made["secret_id"])).status == 200
        assert (await found(api, made["secret_id"]))["secret_id_num_uses"] == 1
        assert (await login(api, role_id, made["secret_id"])).status == 200
        assert await found(api, made["secret_id"]) is None
        assert await method_rows(api) == before

    inprocess(scenario)


def test_listings_come_in_pages_and_leave_out_what_has_ended() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        kept = {(await secret(api))["secret_id_accessor"] for _ in range(5)}
        for _ in range(5):
            await secret(api, ttl=60)
        assert len(await accessors(api)) == 10
        with later(api.core, 60):
            assert set(await accessors(api)) == kept
            paged: list[str] = []
            while page := await accessors(api, f"?limit=2&after={paged[-1] if paged else ''}"):
                assert len(page) <= 2
                paged += page
            assert paged == await accessors(api)

    inprocess(scenario)


def test_tidy_leaves_nothing_of_what_has_ended_and_all_of_the_rest() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        kept = [await secret_id(api), await secret_id(api, ttl=600)]
        before = await method_rows(api)
        for _ in range(5):
            await secret(api, ttl=60)
        with later(api.core, 61):
            answer = await api("POST", f"{METHOD}/tidy/secret-id")
            assert answer.status == 202
            assert "removed 5" in answer.json["warnings"][0]
            assert await method_rows(api) == before
            assert [(await login(api, role_id, one)).status for one in kept] == [200, 200]

    inprocess(scenario)


def test_what_has_ended_goes_without_a_tidy_too() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        before = len(await method_rows(api))
        for _ in range(100):
            await secret(api, ttl=60)
        with later(api.core, 61):
            for made in range(1, 401):
                await secret(api)
                if made > 50 and len(await method_rows(api)) == before + 2 * made:
                    return
        raise AssertionError("secret IDs that have ended stay")

    inprocess(scenario, seconds=60)


def test_many_at_once() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        await asyncio.gather(*(secret(api, ttl=60) for _ in range(50)))
        assert len(await accessors(api)) == 50

    inprocess(scenario)


# -- what decides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    (
        ("", {}),
        ("{}", {}),
        ('{"a": "b"}', {"a": "b"}),
        ("eyJhIjogImIifQ==", {"a": "b"}),
        ("e30=", {}),
        ("a=b", {"a": "b"}),
        ("a=b, c = d=e", {"a": "b", "c": "d=e"}),
        ("a=", {"a": ""}),
    ),
)
def test_metadata(text: str, meant: dict[str, str]) -> None:
    assert metadata_of(text) == meant


@pytest.mark.parametrize(
    "text", ("a", "=b", "a=b,", "a=b\nc=d", "[]", '["a=b"]', '{"a": 1}', '{"a": null}', '{"a"')
)
def test_bad_metadata(text: str) -> None:
    with pytest.raises(BadRequest):
        metadata_of(text)


@given(st.text())
def test_metadata_is_strings_or_refused(text: str) -> None:
    try:
        pairs = metadata_of(text)
    except BadRequest:
        return
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in pairs.items())


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4), st.integers(0, 32))
def test_networks_within_networks(inner: Any, inner_bits: int, outer: Any, outer_bits: int) -> None:
    same = int(inner) >> (32 - outer_bits) == int(outer) >> (32 - outer_bits)
    networks = [f"{inner}/{inner_bits}"]
    if inner_bits >= outer_bits and same:
        assert within_role(networks, ["::/0", f"{outer}/{outer_bits}"]) == networks
    else:
        with pytest.raises(BadRequest):
            within_role(networks, ["::/0", f"{outer}/{outer_bits}"])
