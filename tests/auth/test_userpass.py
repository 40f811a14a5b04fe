from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from strongroom.crypto import password as passwords
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later, rows

HASH = "$2b$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q"  # of pw
Scenario = Callable[[InProcess], Awaitable[None]]


def with_users(scenario: Scenario, **fields: Any) -> None:
    """Run a scenario where ``ann`` has the password pw."""

    async def run(api: InProcess) -> None:
        assert (await api("POST", "sys/auth/userpass", {"type": "userpass"})).status == 204
        await user(api, "ann", **fields)
        await scenario(api)

    inprocess(run)


async def user(api: InProcess, name: str, **fields: Any) -> None:
    answer = await api("POST", f"auth/userpass/users/{name}", {"password_hash": HASH, **fields})
    assert answer.status == 204, answer


async def login(api: InProcess, name: str = "ann", password: str = "pw", **options: Any) -> Answer:
    return await api("POST", f"auth/userpass/login/{name}", {"password": password}, token=None, **options)


async def token_of(api: InProcess, name: str = "ann") -> str:
    answer = await login(api, name)
    assert answer.status == 200, answer
    token: str = answer.json["auth"]["client_token"]
    return token


def test_a_login_says_who_it_was() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, "ANN")
        auth = answer.json["auth"]
        assert auth["metadata"] == {"username": "ann"}
        assert auth["policies"] == ["default", "p"]
        assert auth["lease_duration"] == 3600
        seen = await api("GET", "auth/token/lookup-self", token=auth["client_token"])
        assert seen.data["display_name"] == "userpass-ann"
        assert seen.data["path"] == "auth/userpass/login/ANN"

    with_users(scenario, token_policies="p", token_ttl="1h")


@pytest.mark.parametrize(
    ("name", "password"), (("ann", "pW"), ("ann", "p"), ("nobody", "pw"), ("ann", "x" * 99))
)
def test_what_does_not_fit_is_refused_in_the_same_words(name: str, password: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, name, password)
        assert (answer.status, answer.errors) == (400, ["invalid username or password"])

    with_users(scenario)


def test_a_longer_password_is_not_its_first_72_bytes() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "auth/userpass/users/ann", {"password": "x" * 72})
        assert (await login(api, "ann", "x" * 72)).status == 200
        assert (await login(api, "ann", "x" * 73)).status == 400
        answer = await api("POST", "auth/userpass/users/ann", {"password": "ä" * 37})
        assert answer.errors == ["password length exceeds 72 bytes"]

    with_users(scenario)


def test_neither_password_nor_hash_is_ever_shown_or_stored_in_the_clear() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "auth/userpass/users/ann", {"password": "planted-password"})
        answer = await api("GET", "auth/userpass/users/ann")
        assert "password" not in answer.json["data"]
        assert b"$2b$" not in answer.body
        for value in (await rows(api.core)).values():
            assert b"planted-password" not in value
            assert b"$2b$" not in value
        refused = await api("POST", "auth/userpass/users/bob", {"password_hash": "planted-hash"})
        assert b"planted" not in refused.body

    with_users(scenario)


def test_a_loser_of_a_race_does_not_hash_again(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    real = passwords.matches

    def matches(password: bytes, kept: str) -> bool:
        counted.append(threading.current_thread().name)
        return real(password, kept)

    monkeypatch.setattr(passwords, "matches", matches)

    async def scenario(api: InProcess) -> None:
        first = await asyncio.gather(*(login(api, password="no") for _ in range(4)))
        assert [answer.status for answer in first] == [400] * 4
        assert len(counted) == 4
        assert all(name.startswith("password") for name in counted), "hashed on the event loop"

    with_users(scenario)


def test_renewal_follows_the_user() -> None:
    async def scenario(api: InProcess) -> None:
        token = await token_of(api)
        await api("POST", "auth/userpass/users/ann", {"token_ttl": "30m"})
        renewed = await api("POST", "auth/token/renew-self", {}, token=token)
        assert renewed.json["auth"]["lease_duration"] == 1800
        await api("POST", "auth/userpass/users/ann/policies", {"token_policies": "q"})
        refused = await api("POST", "auth/token/renew-self", {}, token=token)
        assert (refused.status, refused.errors) == (400, ["policies have changed, not renewing"])
        await api("POST", "auth/userpass/users/ann/policies", {"token_policies": "P"})
        assert (await api("POST", "auth/token/renew-self", {}, token=token)).status == 200
        await api("DELETE", "auth/userpass/users/ann")
        assert (await api("POST", "auth/token/renew-self", {}, token=token)).status == 400
        assert (await api("GET", "auth/token/lookup-self", token=token)).status == 200

    with_users(scenario, token_policies="p", token_ttl="1h")


def test_a_password_that_was_replaced_no_longer_counts() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "auth/userpass/users/Ann/password", {"password": "other"})
        assert (await login(api, password="pw")).status == 400
        assert (await login(api, password="other")).status == 200

    with_users(scenario)


def test_networks_bind_the_login() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await login(api, address="10.1.2.3")).status == 200
        assert (await login(api, address="192.0.2.1")).status == 403
        assert (await login(api, password="no", address="192.0.2.1")).status == 400

    with_users(scenario, token_bound_cidrs="10.0.0.0/8")


def test_a_rate_limit_counts_logins() -> None:
    async def scenario(api: InProcess) -> None:
        rule = {"rate": 2, "interval": "60s", "path": "auth/userpass/login/*"}
        assert (await api("POST", "sys/quotas/rate-limit/r", rule)).status == 204
        found = [(await login(api, name)).status for name in ("ann", "nobody", "ANN")]
        assert found == [200, 400, 429]
        assert (await login(api, address="192.0.2.9")).status == 200
        assert (await api("GET", "auth/userpass/users/ann")).status == 200
        with later(api.core, 61):
            assert (await login(api)).status == 200

    with_users(scenario)


@pytest.mark.parametrize(
    ("kept", "sentence"),
    (
        ("$2b$05$" + "a" * 53, "password_hash is not a valid bcrypt hash"),  # a salt that is none
        (HASH[:-1], "password_hash is not a valid bcrypt hash"),
        (HASH + "x", "password_hash is not a valid bcrypt hash"),
        (HASH.replace("$2b$", "$1$"), "password_hash is not a valid bcrypt hash"),
        (HASH.replace("$05$", "$04$"), "bcrypt cost of 4 is too low, want 5 at minimum"),
        (HASH.replace("$05$", "$31$"), "bcrypt cost of 31 exceeds maximum cost of 12"),
    ),
)
def test_a_hash_from_outside_is_checked(kept: str, sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "auth/userpass/users/bob", {"password_hash": kept})
        assert (answer.status, answer.errors) == (400, [sentence])

    with_users(scenario)


@pytest.mark.parametrize("prefix", ("$2a$", "$2b$", "$2y$"))
def test_hashes_of_other_makers_match(prefix: str) -> None:
    kept = HASH.replace("$2b$", prefix)
    assert passwords.acceptable(kept)
    assert passwords.matches(b"pw", kept)
    assert not passwords.matches(b"pw ", kept)
