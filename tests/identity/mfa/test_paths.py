"""Methods, secrets and enforcements through their paths."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.entering import Entering, enable, entering, login
from tests.identity.mfa.totp_device import METHOD, device, enforce, method
from tests.inprocess import InProcess, inprocess
from tests.leasing import rows

__all__ = ["entering"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"issuer": ""}, "issuer must be set"),
        ({"period": 0}, "period must be greater than zero"),
        ({"digits": 7}, "digits can only be 6 or 8"),
        ({"algorithm": "MD5"}, "unrecognized algorithm"),
        ({"skew": 2}, "skew must be 0 or 1"),
        ({"skew": -1}, "skew must be 0 or 1"),
        ({"key_size": 0}, "key_size must be greater than zero"),
        ({"key_size": 9}, "key_size must be 10 to 128"),
        ({"qr_size": -1}, "qr_size must be 0 to 2000"),
        ({"qr_size": 1_000_000}, "qr_size must be 0 to 2000"),
        ({"max_validation_attempts": 0}, "max_validation_attempts must be greater than zero"),
    ),
)
def test_what_no_method_can_be(fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        made = await method(api)
        for path in (METHOD, f"{METHOD}/{made}"):
            answer = await api("POST", path, {"issuer": "x", **fields})
            assert (answer.status, answer.errors) == (400, [sentence])
        assert len((await api("LIST", METHOD)).data["keys"]) == 1

    inprocess(scenario)


def test_a_name_leads_to_one_method() -> None:
    async def scenario(api: InProcess) -> None:
        made = await method(api, method_name="phone", period=60)
        assert await method(api, method_name="Phone", digits=8) == made
        found = (await api("GET", f"identity/mfa/method/{made}")).data
        assert (found["period"], found["digits"], found["name"]) == (30, 8, "Phone")
        other = await method(api, method_name="other")
        clash = await api("POST", f"{METHOD}/{other}", {"issuer": "x", "method_name": "phone"})
        assert clash.status == 400
        assert (await api("POST", f"{METHOD}/{other}", {"issuer": "x", "method_name": "new"})).status == 204
        assert await method(api, method_name="other") != other
        assert (await api("POST", f"{METHOD}/nobody", {"issuer": "x"})).status == 400
        listed = (await api("LIST", "identity/mfa/method")).data
        assert listed == (await api("LIST", METHOD)).data
        assert len(listed["keys"]) == 3
        assert (await api("LIST", f"{METHOD}?limit=1")).data["keys"] == listed["keys"][:1]

    inprocess(scenario)


def test_what_is_asked_for_stays(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        accessor = await enable(api)
        entity = (await login(api, "ann"))["entity_id"]
        made, other = await method(api), await method(api)
        await device(api, made, entity)
        await enforce(api, "e", made, auth_method_accessors=[accessor])
        refused = await api("DELETE", f"{METHOD}/{made}")
        assert (refused.status, "e" in refused.errors[0]) == (400, True)
        await enforce(api, "e", other)
        assert (await api("DELETE", f"{METHOD}/{made}")).status == 204
        assert (await api("DELETE", f"{METHOD}/{other}")).status == 400
        assert (await api("DELETE", "identity/mfa/login-enforcement/e")).status == 204
        assert (await api("DELETE", f"{METHOD}/{other}")).status == 204
        left = [name for name in await rows(api.core) if "/mfa/" in name]
        assert not left, left

    inprocess(scenario)


def test_a_secret_is_shown_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        rules = 'path "identity/mfa/method/totp/generate" { capabilities = ["update"] }'
        await api("PUT", "sys/policies/acl/own", {"policy": rules})
        auth = await login(api, "ann", policies=["own"])
        made = await method(api, qr_size=300)
        ask = {"method_id": made}
        assert (await api("POST", f"{METHOD}/generate", ask)).errors == ["missing entityID"]
        first = await api("POST", f"{METHOD}/generate", ask, token=auth["client_token"])
        png = base64.b64decode(first.data["barcode"])
        assert png.startswith(b"\x89PNG")
        assert int.from_bytes(png[16:20], "big") == int.from_bytes(png[20:24], "big") == 300
        again = await api("POST", f"{METHOD}/generate", ask, token=auth["client_token"])
        assert (again.status, again.json["data"]) == (200, None)
        assert "already has a secret" in again.json["warnings"][0]
        fields = ask | {"entity_id": auth["entity_id"]}
        assert (await api("POST", f"{METHOD}/admin-generate", fields)).json["data"] is None
        assert (await api("POST", f"{METHOD}/admin-destroy", fields)).status == 204
        third = await api("POST", f"{METHOD}/admin-generate", fields)
        assert third.data["url"] != first.data["url"]
        secret = first.data["url"].partition("secret=")[2]
        assert secret not in str((await api("GET", f"{METHOD}/{made}")).json)

    inprocess(scenario)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"mfa_method_ids": []}, "missing method ids"),
        ({"mfa_method_ids": ["nope"]}, "one of the provided method ids doesn't exist"),
        ({"auth_method_accessors": "nope"}, "one of the auth method accessors provided is invalid"),
        ({"auth_method_types": "nope"}, "one of the auth method types provided is invalid"),
        ({"identity_group_ids": "nope"}, "one of the provided group ids doesn't exist"),
        ({"identity_entity_ids": "nope"}, "one of the provided entity ids doesn't exist"),
        ({}, "must be specified"),
    ),
)
def test_what_no_enforcement_can_be(fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        body = {"mfa_method_ids": [await method(api)], **fields}
        answer = await api("POST", "identity/mfa/login-enforcement/e", body)
        assert (answer.status, sentence in answer.errors[0]) == (400, True)
        assert (await api("LIST", "identity/mfa/login-enforcement")).status == 404

    inprocess(scenario)
