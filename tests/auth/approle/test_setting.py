"""Settings: each parameter of a role at its own path, in step with the role."""

from __future__ import annotations

from typing import Any

import pytest

from tests.auth.approle.machine import METHOD, ROLE, enable
from tests.auth.approle.test_role import NEW
from tests.inprocess import InProcess, inprocess

SETTINGS: tuple[tuple[str, Any, Any], ...] = (
    ("policies", "a,b", ["a", "b"]),
    ("period", "1h", 3600),
    ("bind-secret-id", False, False),
    ("secret-id-bound-cidrs", "10.0.0.0/8", ["10.0.0.0/8"]),
    ("secret-id-num-uses", "4", 4),
    ("secret-id-ttl", "1h", 3600),
    ("token-bound-cidrs", ["10.0.0.0/8", "10.0.0.1"], ["10.0.0.0/8", "10.0.0.1"]),
    ("token-num-uses", 4, 4),
    ("token-ttl", "1m", 60),
    ("token-max-ttl", 90, 90),
)


def parameter(path: str) -> str:
    name = path.replace("-", "_")
    return f"token_{name}" if name in {"policies", "period"} else name


@pytest.mark.parametrize(("path", "given", "shown"), SETTINGS)
def test_it_is_set_read_and_put_back(path: str, given: Any, shown: Any) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, token_bound_cidrs="10.0.0.1")
        name = parameter(path)
        before = (await api("GET", ROLE)).data
        assert (await api("GET", f"{ROLE}/{path}")).data == {name: before[name]}
        assert (await api("POST", f"{ROLE}/{path}", {name: given})).status == 204
        assert (await api("GET", f"{ROLE}/{path}")).data == {name: shown}
        assert (await api("GET", ROLE)).data == before | {name: shown}
        assert (await api("DELETE", f"{ROLE}/{path}")).status == 204
        assert (await api("GET", ROLE)).data == before | {name: NEW[name]}

    inprocess(scenario)


@pytest.mark.parametrize("path", tuple(path for path, _, _ in SETTINGS))
def test_without_the_role_there_is_none(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        place = f"{METHOD}/role/nobody/{path}"
        assert (await api("GET", place)).status == 404
        assert (await api("POST", place, {parameter(path): "1"})).status == 404
        assert (await api("DELETE", place)).status == 204
        assert (await api("POST", f"{ROLE}/{path}", {})).status == 400

    inprocess(scenario)


@pytest.mark.parametrize(
    ("path", "value"),
    (
        ("token-ttl", 101),
        ("token-max-ttl", 49),
        ("period", "9999h"),
        ("secret-id-num-uses", -1),
        ("secret-id-bound-cidrs", "nonsense"),
        ("token-bound-cidrs", "nonsense"),
        ("token-num-uses", -1),
        ("bind-secret-id", False),
        ("bind-secret-id", "maybe"),
    ),
)
def test_what_the_role_cannot_be_is_refused(path: str, value: Any) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, token_ttl=50, token_max_ttl=100)
        before = (await api("GET", ROLE)).data
        assert (await api("POST", f"{ROLE}/{path}", {parameter(path): value})).status == 400
        assert (await api("GET", ROLE)).data == before

    inprocess(scenario)


def test_the_last_constraint_stays() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, bind_secret_id=False, secret_id_bound_cidrs="10.0.0.0/8")
        for path in ("secret-id-bound-cidrs", "bound-cidr-list"):
            assert (await api("DELETE", f"{ROLE}/{path}")).status == 400
        assert (await api("DELETE", f"{ROLE}/bind-secret-id")).status == 204
        assert (await api("DELETE", f"{ROLE}/secret-id-bound-cidrs")).status == 204

    inprocess(scenario)


def test_the_older_name_of_the_networks_is_the_same_setting() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        older, networks = f"{ROLE}/bound-cidr-list", ["10.0.0.0/8"]
        assert (await api("POST", older, {"bound_cidr_list": networks})).status == 204
        assert (await api("GET", older)).data == {"bound_cidr_list": networks}
        read = await api("GET", f"{ROLE}/secret-id-bound-cidrs")
        assert read.data == {"secret_id_bound_cidrs": networks}
        assert (await api("POST", older, {})).status == 400
        assert (await api("DELETE", older)).status == 204
        assert (await api("GET", older)).data == {"bound_cidr_list": None}
        assert (await api("GET", f"{METHOD}/role/nobody/bound-cidr-list")).status == 404

    inprocess(scenario)


def test_a_policy_can_give_one_setting_alone() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        token = await api.policy_token(f'path "{ROLE}/token-ttl" {{ capabilities = ["update"] }}')
        assert (await api("POST", f"{ROLE}/token-ttl", {"token_ttl": 5}, token=token)).status == 204
        assert (await api("POST", ROLE, {"token_ttl": 5}, token=token)).status == 403

    inprocess(scenario)


def test_where_secret_ids_stay_is_said_once() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, local_secret_ids=True)
        assert (await api("GET", f"{ROLE}/local-secret-ids")).data == {"local_secret_ids": True}
        assert (await api("POST", f"{ROLE}/local-secret-ids", {"local_secret_ids": False})).status == 405

    inprocess(scenario)
