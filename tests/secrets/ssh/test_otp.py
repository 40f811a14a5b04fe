"""Passwords for one login: good once, for one user at one host, until their lease ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.inprocess import Answer
from tests.leasing import reap, rows
from tests.secrets.clocked import Clocked, run

ROLE = {
    "key_type": "otp",
    "default_user": "ann",
    "allowed_users": "bob, deploy",
    "cidr_list": "10.0.0.0/8, fd00::/8",
}
DEFAULT_TTL = 768 * 3600


async def made(served: Clocked, **fields: Any) -> Answer:
    answer = await served("POST", "creds/r", {"ip": "10.2.3.4", **fields})
    assert answer.status == 200, answer
    return answer


async def verified(served: Clocked, password: str) -> Any:
    """What a password is good for; None when it is none."""
    answer = await served("POST", "verify", {"otp": password}, token=None)
    if answer.status == 400:
        assert answer.errors == ["OTP not found"]
        return None
    assert answer.status == 200, answer
    return answer.data


def test_a_password_is_good_once_for_one_user_at_one_host() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", {**ROLE, "port": 2222})
        answer = await made(served, username="deploy")
        assert answer.data["port"] == 2222
        assert answer.json["lease_duration"] == DEFAULT_TTL
        wanted = {"ip": "10.2.3.4", "username": "deploy", "role_name": "r"}
        assert await verified(served, answer.data["key"]) == wanted
        assert await verified(served, answer.data["key"]) is None

    run(scenario, kind="ssh")


def test_a_password_is_used_once_however_many_bring_it() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", ROLE)
        key = (await made(served)).data["key"]
        answers = await asyncio.gather(*(verified(served, key) for _ in range(20)))
        assert sum(answer is not None for answer in answers) == 1

    run(scenario, kind="ssh")


def test_a_password_ends_with_its_lease() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", ROLE)
        revoked, late, reaped = [await made(served) for _ in range(3)]
        body = {"lease_id": revoked.json["lease_id"], "sync": True}
        assert (await served.api("POST", "sys/leases/revoke", body)).status == 204
        assert await verified(served, revoked.data["key"]) is None
        served.clock.advance(DEFAULT_TTL)
        assert await verified(served, late.data["key"]) is None
        await reap(served.api.core)
        assert await verified(served, reaped.data["key"]) is None
        assert not [name for name in await rows(served.api.core) if "/otp/" in name]

    run(scenario, kind="ssh")


def test_what_is_left_of_a_used_password_is_a_lease_that_ends() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", ROLE)
        answer = await made(served)
        assert await verified(served, answer.data["key"])
        assert not [name for name in await rows(served.api.core) if "/otp/" in name]
        body = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await served.api("POST", "sys/leases/revoke", body)).status == 204

    run(scenario, kind="ssh")


def test_a_password_is_not_stored() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", ROLE)
        key = (await made(served)).data["key"]
        stored = await rows(served.api.core)
        assert stored
        assert not [name for name, value in stored.items() if key in name or key.encode() in value]

    run(scenario, kind="ssh")


def test_a_password_of_another_mount_is_none_here() -> None:
    async def scenario(served: Clocked) -> None:
        assert (await served.api("POST", "sys/mounts/other", {"type": "ssh"})).status == 204
        await served.done("POST", "roles/r", ROLE)
        key = (await made(served)).data["key"]
        assert (await served.api("POST", "other/verify", {"otp": key}, token=None)).status == 400
        assert await verified(served, key)

    run(scenario, kind="ssh")


@pytest.mark.parametrize(
    ("address", "belongs"),
    (
        ("10.2.3.4", True),
        ("::ffff:10.2.3.4", True),
        ("fd00::1", True),
        ("10.1.2.3", False),
        ("11.0.0.1", False),
        ("fe80::1", False),
        ("::ffff:10.1.2.3", False),
        ("010.2.3.4", False),
        ("10.2.3.4/8", False),
        ("10.2.3", False),
        ("167903236", False),
        ("10.2.3.4 ", False),
        ("fd00::1%eth0", False),
    ),
)
def test_which_hosts_belong_to_a_role(address: str, belongs: bool) -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", {**ROLE, "exclude_cidr_list": "10.1.0.0/16"})
        answer = await served("POST", "creds/r", {"ip": address})
        assert answer.status == (200 if belongs else 400), answer
        found = await served("POST", "lookup", {"ip": address})
        if found.status == 200:
            assert found.data["roles"] == (["r"] if belongs else None)

    run(scenario, kind="ssh")


@pytest.mark.parametrize(
    ("user", "allowed"), (("ann", True), ("bob", True), ("root", False), ("bob, deploy", False))
)
def test_which_users_belong_to_a_role(user: str, allowed: bool) -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", ROLE)
        answer = await served("POST", "creds/r", {"ip": "10.2.3.4", "username": user})
        assert answer.status == (200 if allowed else 400), answer

    run(scenario, kind="ssh")


def test_roles_for_every_address() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "roles/r", {"key_type": "otp", "default_user": "ann"})
        await served.refused("POST", "creds/r", {"ip": "9.9.9.9"})
        await served.done("POST", "config/zeroaddress", {"roles": "r"})
        await made(served, ip="9.9.9.9")
        assert (await served("POST", "lookup", {"ip": "9.9.9.9"})).data["roles"] == ["r"]
        await served.done("DELETE", "roles/r")
        assert await served.get("config/zeroaddress") == {"roles": []}
        await served.done("POST", "roles/r", {"key_type": "otp", "default_user": "ann"})
        await served.refused("POST", "creds/r", {"ip": "9.9.9.9"})

    run(scenario, kind="ssh")
