"""Logins and second factors."""

from __future__ import annotations

import pytest

from strongroom.crypto import password as passwords
from tests.auth.approle import machine
from tests.entering import Entering, enable, entering
from tests.entering import login as enter
from tests.identity.mfa import totp_device
from tests.identity.mfa.totp_device import Device, device, enforce, validate
from tests.inprocess import InProcess, inprocess

__all__ = ["entering"]


async def with_ann(api: InProcess, cost: int) -> None:
    """Enable userpass, with a user whose password costs so much to compare."""
    assert (await api("POST", "sys/auth/userpass", {"type": "userpass"})).status == 204
    body = {"password_hash": passwords.hashed(b"pw", cost)}
    assert (await api("POST", "auth/userpass/users/ann", body)).status == 204


async def login(api: InProcess, name: str, password: str) -> int:
    path = f"auth/userpass/login/{name}"
    return (await api("POST", path, {"password": password}, token=None)).status


@pytest.mark.parametrize("cost", (5, 8))
def test_cve_2025_6011_a_name_that_nobody_has_costs_what_any_costs(
    monkeypatch: pytest.MonkeyPatch, cost: int
) -> None:
    compared: list[int] = []
    real = passwords.matches

    def matches(password: bytes, kept: str) -> bool:
        compared.append(passwords.cost_of(kept))
        return real(password, kept)

    monkeypatch.setattr(passwords, "matches", matches)

    async def scenario(api: InProcess) -> None:
        await with_ann(api, cost)
        before = api.core.store.index
        for name in ("ann", "nobody"):
            assert await login(api, name, "no") == 400
            assert await login(api, name, "x" * 73) == 400
        assert compared == [cost] * 4, "both compare one hash, of the same cost"
        assert api.core.store.index == before + 4, "both write, as the count of failures is kept"

    inprocess(scenario)


def test_cve_2025_6004_no_spelling_of_a_name_has_tries_of_its_own() -> None:
    async def scenario(api: InProcess) -> None:
        await with_ann(api, 5)
        spellings = ("ann", "ANN", "Ann", "aNN", "anN")
        for name in spellings:
            assert await login(api, name, "no") == 400
        for name in (*spellings, "AnN"):
            assert await login(api, name, "pw") == 403
        for path in ("auth/userpass/login/ann/", "auth/userpass//login/ann", "auth/userpass/login/%61nn"):
            answer = await api("POST", path, {"password": "pw"}, token=None)
            assert answer.status in (307, 400, 403, 404), answer

    inprocess(scenario)


def test_hardening_userpass_no_hash_from_outside_is_cheap_to_guess_or_costs_the_server_minutes() -> None:
    async def scenario(api: InProcess) -> None:
        await with_ann(api, 5)
        kept = passwords.hashed(b"pw", 5)
        for cost in ("04", "13", "31"):
            body = {"password_hash": kept.replace("$05$", f"${cost}$")}
            for path in ("auth/userpass/users/ann", "auth/userpass/users/ann/password"):
                assert (await api("POST", path, body)).status == 400


@pytest.mark.parametrize("by", ("secret_id", "secret_id_accessor"))
def test_cve_2023_24999_a_secret_id_of_another_role_is_not_destroyed(by: str) -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await machine.enable(api)
        made = await machine.secret(api)
        await machine.make_role(api, "other")
        rules = 'path "auth/approle/role/other/*" { capabilities = ["create", "update", "delete", "list"] }'
        token = await api.policy_token(rules)
        what = "secret-id" if by == "secret_id" else "secret-id-accessor"
        for verb in ("lookup", "destroy"):
            body = {by: made[by]}
            answer = await api("POST", f"auth/approle/role/other/{what}/{verb}", body, token=token)
            assert answer.status in {204, 404}
            assert b"creation_time" not in answer.body
        assert (await machine.login(api, role_id, made["secret_id"])).status == 200

    inprocess(scenario)


async def held_login(api: InProcess) -> tuple[str, Device]:
    """A login that needs a code: the ID of the method, and the device that makes the codes."""
    accessor = await enable(api)
    entity = (await enter(api, "ann"))["entity_id"]
    asked = await totp_device.method(api, max_validation_attempts=1_000)
    found = await device(api, asked, entity)
    await enforce(api, "e", asked, auth_method_accessors=[accessor])
    return asked, found


async def second_phase(api: InProcess, asked: str, code: str) -> int:
    request_id = (await enter(api, "ann"))["mfa_requirement"]["mfa_request_id"]
    return (await validate(api, request_id, **{asked: code})).status


def test_cve_2025_6015_a_code_of_a_login_is_not_accepted_twice(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        asked, phone = await held_login(api)
        code = phone.now(api)
        assert await second_phase(api, asked, code) == 200
        for _ in range(3):
            assert await second_phase(api, asked, code) == 403
        header = {"X-Vault-MFA": f"{asked}:{code}"}
        assert (await api("POST", "auth/door/login/ann", {}, header, token=None)).status == 403

    inprocess(scenario)


def test_cve_2025_6014_a_code_in_another_spelling_is_no_other_code(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        asked, phone = await held_login(api)
        code = phone.now(api)
        assert await second_phase(api, asked, code) == 200
        wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
        for other in (f" {code}", f"{code} ", f"{code}\t", f"0{code}", f"+{code}", f"{code}.0", wide):
            assert await second_phase(api, asked, other) == 403
            assert await second_phase(api, asked, f"passcode={other}") == 403

    inprocess(scenario)
