"""KV version 1 through the whole server."""

from __future__ import annotations

import pytest

from tests.secrets.clocked import Clocked, run

V1 = "1"
DEFAULT_TTL = 2_764_800


def test_the_last_write_is_what_is_read() -> None:
    async def scenario(kv: Clocked) -> None:
        assert (await kv("GET", "a")).status == 404
        await kv.done("POST", "a", {"x": 1, "deep": {"l": [None, True]}})
        await kv.done("PUT", "a", {"x": 2})
        assert await kv.get("a") == {"x": 2}
        await kv.done("DELETE", "a")
        assert (await kv("GET", "a")).status == 404
        await kv.done("DELETE", "a")

    run(scenario, version=V1)


@pytest.mark.parametrize("number", ("1.10", "1e5", "-0.0", "1.0", str(2**70), "123456789.123456789123456789"))
def test_numbers_come_back_as_they_were_written(number: str) -> None:
    async def scenario(kv: Clocked) -> None:
        text = f'{{"n":{number},"nested":[[{number}],{{"m":{number}}}]}}'
        await kv.done("POST", "n", text.encode())
        assert text.encode() in (await kv("GET", "n")).body

    run(scenario, version=V1)


@pytest.mark.parametrize(
    ("secret", "seconds"),
    (
        ({"ttl": "1h"}, 3600),
        ({"ttl": 90}, 90),
        ({"ttl": "90"}, 90),
        ({"lease": "2h"}, 7200),
        ({"ttl": "1m", "lease": "2h"}, 60),
        ({"ttl": "nonsense"}, DEFAULT_TTL),
        ({"ttl": ["1h"]}, DEFAULT_TTL),
        ({"ttl": None, "x": 1}, DEFAULT_TTL),
        ({"x": 1}, DEFAULT_TTL),
    ),
)
def test_the_ttl_of_a_secret_is_its_lease_duration(secret: dict[str, object], seconds: int) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "t", secret)
        answer = await kv("GET", "t")
        assert answer.json["lease_duration"] == seconds
        assert answer.json["lease_id"] == ""
        assert answer.json["renewable"] is False

    run(scenario, version=V1)


def test_what_cannot_be_written() -> None:
    async def scenario(kv: Clocked) -> None:
        assert await kv.refused("POST", "a") == "missing data fields"
        assert await kv.refused("POST", "a", {}) == "missing data fields"
        assert await kv.refused("POST", "dir/", {"x": 1}) == "cannot write to a path ending in '/'"
        assert await kv.refused("POST", "", {"x": 1}) == "cannot write to a path ending in '/'"
        assert (await kv("PATCH", "a", {"x": 1})).status == 405

    run(scenario, version=V1)


def test_a_secret_may_hold_keys_that_are_parameters_elsewhere() -> None:
    async def scenario(kv: Clocked) -> None:
        secret = {"path": "p", "after": {"not": "text"}, "limit": ["x"], "version": 1}
        await kv.done("POST", "a", secret)
        assert await kv.get("a") == secret

    run(scenario, version=V1)


def test_listings_and_scans() -> None:
    async def scenario(kv: Clocked) -> None:
        assert (await kv("LIST", "")).status == 404
        assert (await kv("SCAN", "")).data == {}
        for path in ("b", "a", "dir/x", "dir/y/z", "B", "a/b"):
            await kv.done("POST", path, {"v": 1})
        assert await kv.keys("") == ["B", "a", "a/", "b", "dir/"]
        assert await kv.keys("dir") == ["x", "y/"]
        assert await kv.keys("b") == []
        assert await kv.keys("?after=a&limit=2") == ["a/", "b"]
        assert await kv.keys("", "SCAN") == ["B", "a", "a/b", "b", "dir/x", "dir/y/z"]
        assert await kv.keys("dir", "SCAN") == ["x", "y/z"]
        assert await kv.keys("?after=a&limit=2", "SCAN") == ["a/b", "b"]
        assert "limit" in await kv.refused("LIST", "?limit=many")

    run(scenario, version=V1)


def test_the_limit_of_a_policy_holds_for_listings_that_name_none() -> None:
    async def scenario(kv: Clocked) -> None:
        for path in ("a", "b", "c"):
            await kv.done("POST", path, {"v": 1})
        rules = 'path "m/*" { capabilities = ["list", "scan"]\n pagination_limit = 2 }'
        token = await kv.api.policy_token(rules)
        for verb in ("LIST", "SCAN"):
            assert (await kv(verb, "", token=token)).data == {"keys": ["a", "b"]}
            assert (await kv(verb, "?after=b", token=token)).data == {"keys": ["c"]}
            assert (await kv(verb, "?limit=1", token=token)).data == {"keys": ["a"]}
            assert (await kv(verb, "?limit=3", token=token)).status == 403

    run(scenario, version=V1)


def test_generic_is_another_name_of_version_1() -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "a", {"x": 1})
        assert await kv.get("a") == {"x": 1}

    run(scenario, kind="generic")


def test_create_and_update_are_told_apart() -> None:
    async def scenario(kv: Clocked) -> None:
        token = await kv.api.policy_token('path "m/*" { capabilities = ["create"] }')
        assert (await kv("POST", "a", {"x": 1}, token=token)).status == 204
        assert (await kv("POST", "a", {"x": 2}, token=token)).status == 403
        assert await kv.get("a") == {"x": 1}

    run(scenario, version=V1)
