from __future__ import annotations

from typing import Any

import pytest

from strongroom.errors import BadRequest, PermissionDenied
from strongroom.login import clean_policies, refuse_child_of
from strongroom.token import TokenEntry
from tests.claiming import Claiming, claiming
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import rows

__all__ = ["claiming"]  # a fixture


async def login(api: InProcess, name: str = "ann", /, **claims: Any) -> Answer:
    await api("POST", "sys/auth/who", {"type": "claiming"})
    return await api("POST", f"auth/who/login/{name}", {"auth": claims}, token=None)


async def looked_up(api: InProcess, answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = (
        await api("GET", "auth/token/lookup-self", token=answer.json["auth"]["client_token"])
    ).data
    return found


@pytest.mark.parametrize(
    ("given", "default", "expected"),
    (
        ([], True, ["default"]),
        ([], False, []),
        (["B", " a ", "b", ""], True, ["a", "b", "default"]),
        (["a", "Root", "b"], True, ["root"]),
        (["root"], False, ["root"]),
    ),
)
def test_policy_names_are_clean(given: list[str], default: bool, expected: list[str]) -> None:
    assert clean_policies(given, default=default) == expected


@pytest.mark.parametrize(
    ("fields", "error"),
    (
        ({"type": "batch"}, BadRequest),
        ({"num_uses": 3}, BadRequest),
        ({"policies": ["response-wrapping"]}, PermissionDenied),
    ),
)
def test_who_may_have_no_children(fields: dict[str, Any], error: type[Exception]) -> None:
    refuse_child_of(TokenEntry("k", "a", ["default"], "auth/token/create"))
    with pytest.raises(error):
        refuse_child_of(TokenEntry(**({"key": "k", "accessor": "a", "policies": [], "path": "p"} | fields)))


def test_a_login_gives_a_token_that_says_whose_it_is(claiming: type[Claiming]) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, policies=["B", "a"], ttl=600, renewable=True, metadata={"team": "red"})
        auth = answer.json["auth"]
        assert auth["policies"] == auth["token_policies"] == ["a", "b", "default"]
        assert (auth["lease_duration"], auth["renewable"], auth["orphan"]) == (600, True, True)
        assert auth["metadata"] == {"team": "red"}
        found = await looked_up(api, answer)
        assert (found["display_name"], found["path"]) == ("who-ann", "auth/who/login/ann")
        assert found["meta"] == {"team": "red"}
        assert found["creation_ttl"] == 600
        assert found["accessor"] == auth["accessor"]

    inprocess(scenario)


def test_no_method_makes_a_root_token(claiming: type[Claiming]) -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core, "sys/token/id/")
        for policies in (["root"], ["ROOT"], ["a", " root "]):
            answer = await login(api, policies=policies)
            assert (answer.status, answer.errors) == (400, ["auth methods cannot create root tokens"])
        assert (await rows(api.core, "sys/token/id/")).keys() == before.keys()

    inprocess(scenario)


def test_a_method_may_leave_the_default_policy_out(claiming: type[Claiming]) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, policies=["a"], no_default_policy=True)
        assert answer.json["auth"]["policies"] == ["a"]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("tune", "claims", "expected"),
    (
        ({}, {}, 2_764_800),
        ({"default_lease_ttl": "1h"}, {}, 3_600),
        ({"max_lease_ttl": "30m"}, {}, 1_800),
        ({"max_lease_ttl": "30m"}, {"ttl": 7_200}, 1_800),
        ({}, {"ttl": 7_200, "max_ttl": 600}, 600),
        ({}, {"ttl": 7_200, "explicit_max_ttl": 900}, 900),
        ({}, {"ttl": 60, "period": 300}, 300),
    ),
)
def test_the_mount_bounds_the_time(
    claiming: type[Claiming], tune: dict[str, str], claims: dict[str, int], expected: int
) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/auth/who", {"type": "claiming", "config": tune})
        answer = await login(api, **claims)
        assert answer.json["auth"]["lease_duration"] == expected
        assert expected - 20 <= (await looked_up(api, answer))["ttl"] <= expected
        cut = 0 < expected < claims.get("ttl", 0)
        assert bool(answer.json["warnings"]) is cut

    inprocess(scenario)


@pytest.mark.parametrize(
    ("tuned", "claimed", "expected"),
    (
        ("", "service", "service"),
        ("", "batch", "batch"),
        ("", "default", "service"),
        ("", "default-batch", "batch"),
        ("default-batch", "default", "batch"),
        ("default-batch", "service", "service"),
        ("batch", "service", "batch"),
        ("service", "batch", "service"),
    ),
)
def test_the_mount_has_the_last_word_about_the_kind(
    claiming: type[Claiming], tuned: str, claimed: str, expected: str
) -> None:
    async def scenario(api: InProcess) -> None:
        await api(
            "POST", "sys/auth/who", {"type": "claiming", "config": {"token_type": tuned} if tuned else {}}
        )
        auth = (await login(api, token_type=claimed, renewable=True)).json["auth"]
        assert auth["token_type"] == expected
        assert auth["client_token"].startswith("srb." if expected == "batch" else "srs.")
        assert auth["renewable"] is (expected == "service")

    inprocess(scenario)


@pytest.mark.parametrize("field", ("num_uses", "period", "explicit_max_ttl"))
def test_a_batch_token_has_nothing_that_needs_a_row(claiming: type[Claiming], field: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, token_type="batch", **{field: 60})
        assert (answer.status, answer.errors) == (400, [f'batch tokens cannot have "{field}" set'])

    inprocess(scenario)


def test_networks_and_uses_bind_the_token(claiming: type[Claiming]) -> None:
    async def scenario(api: InProcess) -> None:
        auth = (await login(api, bound_cidrs=["10.0.0.0/8"], num_uses=2)).json["auth"]
        path, token = "auth/token/lookup-self", auth["client_token"]
        assert (await api("GET", path, token=token, address="192.0.2.1")).status == 403
        statuses = [(await api("GET", path, token=token, address="10.1.2.3")).status for _ in range(3)]
        assert statuses == [200, 200, 403]

    inprocess(scenario)


def test_a_disabled_method_takes_its_tokens_along(claiming: type[Claiming]) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, ttl=600)
        assert (await api("DELETE", "sys/auth/who")).status == 204
        token = answer.json["auth"]["client_token"]
        assert (await api("GET", "auth/token/lookup-self", token=token)).status == 403

    inprocess(scenario)
