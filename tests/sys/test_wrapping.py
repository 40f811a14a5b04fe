from __future__ import annotations

from typing import Any

import pytest

from strongroom.crypto.jwt import SigningKey
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later

WRAP = {"X-Vault-Wrap-TTL": "5m"}


async def wrapped(api: InProcess, data: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await api("POST", "sys/wrapping/wrap", data, WRAP | headers)
    assert answer.status == 200, answer
    info: dict[str, Any] = answer.json["wrap_info"]
    return info


async def unwrap(api: InProcess, token: str) -> Answer:
    return await api("POST", "sys/wrapping/unwrap", {"token": token})


def test_what_was_wrapped_comes_out_once() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, {"a": {"b": [1, None]}})
        assert (info["ttl"], info["creation_path"]) == (300, "sys/wrapping/wrap")
        assert (await unwrap(api, info["token"])).data == {"a": {"b": [1, None]}}
        again = await unwrap(api, info["token"])
        assert (again.status, again.errors) == (400, ["wrapping token is not valid or does not exist"])

    inprocess(scenario)


def test_the_wrapping_token_may_be_the_callers_own() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, {"a": 1})
        answer = await api("POST", "sys/wrapping/unwrap", token=info["token"])
        assert answer.data == {"a": 1}
        assert (await api("POST", "sys/wrapping/unwrap", token=info["token"])).status == 400

    inprocess(scenario)


def test_a_lookup_tells_facts_and_uses_nothing_up() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, {"a": 1})
        for _ in range(2):
            answer = await api("POST", "sys/wrapping/lookup", {"token": info["token"]}, token=None)
            assert answer.data == {
                "creation_time": info["creation_time"],
                "creation_ttl": 300,
                "creation_path": "sys/wrapping/wrap",
            }
        assert (await api("GET", "sys/wrapping/lookup", token=info["token"])).data["creation_ttl"] == 300
        assert (await unwrap(api, info["token"])).status == 200
        assert (await api("POST", "sys/wrapping/lookup", {"token": info["token"]}, token=None)).status == 400

    inprocess(scenario)


def test_a_new_envelope_makes_the_old_one_void() -> None:
    async def scenario(api: InProcess) -> None:
        first = await wrapped(api, {"a": 1})
        answer = await api("POST", "sys/wrapping/rewrap", {"token": first["token"]})
        second = answer.json["wrap_info"]
        assert second["token"] != first["token"]
        assert (second["ttl"], second["creation_path"]) == (300, "sys/wrapping/wrap")
        assert (await unwrap(api, first["token"])).status == 400
        assert (await unwrap(api, second["token"])).data == {"a": 1}

    inprocess(scenario)


def test_an_envelope_ends_with_its_time() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, {"a": 1})
        with later(api.core, 299):
            assert (await api("POST", "sys/wrapping/lookup", {"token": info["token"]})).status == 200
        with later(api.core, 301):
            assert (await unwrap(api, info["token"])).status == 400

    inprocess(scenario)


def test_a_signed_envelope_opens_and_can_be_verified() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, {"a": 1}, **{"X-Vault-Wrap-Format": "jwt"})
        assert info["token"].count(".") == 2
        key = (await api("GET", "sys/wrapping/pubkey", token=None)).data["public_key"]
        assert key == api.core.wrapping_key.public_pem()
        assert api.core.wrapping_key.verify(info["token"])["type"] == "wrapping"
        assert (await unwrap(api, info["token"])).data == {"a": 1}
        assert (await unwrap(api, info["token"])).status == 400

    inprocess(scenario)


def test_an_envelope_signed_by_somebody_else_does_not_open() -> None:
    async def scenario(api: InProcess) -> None:
        info = await wrapped(api, {"a": 1}, **{"X-Vault-Wrap-Format": "jwt"})
        claims = api.core.wrapping_key.verify(info["token"])
        forged = SigningKey.generate().sign(claims)
        assert (await unwrap(api, forged)).status == 400
        assert (await unwrap(api, info["token"])).status == 200

    inprocess(scenario)


@pytest.mark.parametrize("path", ("unwrap", "rewrap", "lookup"))
def test_no_other_token_is_an_envelope(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        plain = await api.policy_token('path "x" { capabilities = ["read"] }')
        for token in (plain, api.token, "nobody"):
            answer = await api("POST", f"sys/wrapping/{path}", {"token": token})
            assert (answer.status, answer.errors) == (400, ["wrapping token is not valid or does not exist"])
        assert (await api("GET", "auth/token/lookup-self", token=plain)).status == 200

    inprocess(scenario)


def test_to_wrap_needs_a_time() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/wrapping/wrap", {"a": 1})).status == 400
        for text in ("-1", "soon"):
            answer = await api("POST", "sys/wrapping/wrap", {"a": 1}, {"X-Vault-Wrap-TTL": text})
            assert answer.status == 400

    inprocess(scenario)
