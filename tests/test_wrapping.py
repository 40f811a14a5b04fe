from __future__ import annotations

from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.leasing import Leasing, later, leasing, reap, rows

__all__ = ["leasing"]  # a fixture

WRAP = {"X-Vault-Wrap-TTL": "60"}


async def wrapped(api: InProcess, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    answer = await api(method, path, body, WRAP | headers)
    assert answer.status == 200, answer
    assert {name: answer.json[name] for name in ("data", "auth", "lease_id")} == {
        "data": None,
        "auth": None,
        "lease_id": "",
    }
    info: dict[str, Any] = answer.json["wrap_info"]
    return info


async def unwrapped(api: InProcess, token: str) -> Any:
    return (await api("POST", "sys/wrapping/unwrap", token=token)).json


def test_any_answer_can_be_wrapped_and_comes_out_as_it_was() -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", "secret/data/a", {"data": {"x": "y"}})
        plain = (await api("GET", "secret/data/a")).json
        info = await wrapped(api, "GET", "secret/data/a")
        assert info["creation_path"] == "secret/data/a"
        inner = await unwrapped(api, info["token"])
        assert inner.pop("request_id") != plain.pop("request_id")
        assert inner == plain

    inprocess(scenario)


def test_a_new_token_in_an_envelope_is_named_by_its_accessor_alone() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, "POST", "auth/token/create", {"policies": ["default"]})
        auth = (await unwrapped(api, info["token"]))["auth"]
        assert auth["accessor"] == info["wrapped_accessor"]
        assert (await api("GET", "auth/token/lookup-self", token=auth["client_token"])).status == 200

    inprocess(scenario)


def test_a_lease_in_an_envelope_is_good(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/db", {"type": "leasing"})
        info = await wrapped(api, "GET", "db/creds/a")
        lease = (await unwrapped(api, info["token"]))["lease_id"]
        assert (await api("POST", "sys/leases/lookup", {"lease_id": lease})).status == 200

    inprocess(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    (
        ("GET", "secret/data/none", 404),
        ("DELETE", "cubbyhole/a", 204),
        ("GET", "secret/data/a?help=1", 200),
        ("GET", "sys/health", 200),
    ),
)
def test_what_is_not_wrapped(method: str, path: str, status: int) -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core, "sys/token/id/")
        answer = await api(method, path, None, WRAP)
        assert answer.status == status
        assert b"wrap_info" not in answer.body or answer.json["wrap_info"] is None
        assert (await rows(api.core, "sys/token/id/")).keys() == before.keys()

    inprocess(scenario)


def test_a_wrapping_token_can_do_nothing_else() -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", "secret/data/a", {"data": {"x": "y"}})
        for method, path in (("GET", "secret/data/a"), ("POST", "auth/token/create"), ("GET", "sys/mounts")):
            info = await wrapped(api, "GET", "secret/data/a")
            assert (await api(method, path, token=info["token"])).status == 403

    inprocess(scenario)


def test_an_envelope_may_be_read_from_its_cubbyhole_once_as_older_clients_do() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, "POST", "sys/wrapping/wrap", {"x": "y"})
        answer = await api("GET", "cubbyhole/response", token=info["token"])
        assert '"x":"y"' in answer.data["response"].replace(" ", "")
        assert (await api("GET", "cubbyhole/response", token=info["token"])).status == 403
        assert (await api("POST", "sys/wrapping/unwrap", token=info["token"])).status == 400

    inprocess(scenario)


def test_an_envelope_that_nobody_opens_leaves_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core)
        await wrapped(api, "POST", "sys/wrapping/wrap", {"x": "y"})
        assert len(await rows(api.core)) > len(before)
        with later(api.core, 61):
            await reap(api.core)
        assert (await rows(api.core)).keys() == before.keys()

    inprocess(scenario)


def test_a_signed_envelope_carries_no_more_than_it_must() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, "POST", "sys/wrapping/wrap", {"x": "y"}, **{"X-Vault-Wrap-Format": "jwt"})
        claims = api.core.wrapping_key.verify(info["token"])
        assert claims["exp"] - claims["iat"] == 60
        assert claims["accessor"] == ""
        assert (await api("GET", "cubbyhole/response", token=info["token"])).status == 200

    inprocess(scenario)
