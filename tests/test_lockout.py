from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from strongroom import lockout
from strongroom.config.load import dev, load
from strongroom.config.stanza import ServerConfig
from strongroom.lockout import Failures, Limits, limits_of
from strongroom.logical import SECOND
from strongroom.mount import LockoutConfig
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows

HASH = "$2b$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q"  # of pw
Scenario = Callable[[InProcess], Awaitable[None]]
LIMITS = Limits(threshold=3, duration=60, counter_reset=100)


def with_users(scenario: Scenario, config: ServerConfig | None = None) -> None:
    async def run(api: InProcess) -> None:
        assert (await api("POST", "sys/auth/userpass", {"type": "userpass"})).status == 204
        for name in ("ann", "bob"):
            answer = await api("POST", f"auth/userpass/users/{name}", {"password_hash": HASH})
            assert answer.status == 204, answer
        await scenario(api)

    inprocess(run, config)


async def login(api: InProcess, password: str = "pw", name: str = "ann", **options: Any) -> int:
    path = f"auth/userpass/login/{name}"
    return (await api("POST", path, {"password": password}, token=None, **options)).status


async def fail(api: InProcess, times: int, name: str = "ann") -> list[int]:
    return [await login(api, "no", name) for _ in range(times)]


async def locked(api: InProcess) -> list[str]:
    answer = await api("GET", "sys/locked-users")
    found = [mount["alias_identifiers"] for mount in answer.data["by_namespace"][0]["mount_accessors"]]
    assert answer.data["total"] == sum(len(names) for names in found)
    return [name for names in found for name in names]


async def accessor(api: InProcess) -> str:
    found: str = (await api("GET", "sys/auth/userpass")).data["accessor"]
    return found


async def tune(api: InProcess, **config: Any) -> None:
    answer = await api("POST", "sys/auth/userpass/tune", {"user_lockout_config": config})
    assert answer.status == 204, answer


# -- what decides ------------------------------------------------------------------------------------


def test_a_lock_begins_at_the_threshold_and_ends() -> None:
    for count, seconds, expected in (
        (2, 0, False),
        (3, 0, True),
        (3, 59, True),
        (3, 60, False),
        (9, 5, True),
    ):
        assert Failures("ann", count, 1).locked(LIMITS, 1 + seconds * SECOND) is expected


def test_old_failures_no_longer_count() -> None:
    assert not Failures("ann", 2, 1).stale(LIMITS, 1 + 99 * SECOND)
    assert Failures("ann", 2, 1).stale(LIMITS, 1 + 100 * SECOND)


def test_the_mount_decides_before_its_type_and_that_before_all(tmp_path: Any) -> None:
    file = tmp_path / "server.hcl"
    file.write_text(
        'storage "inmem" {}\nlistener "tcp" { tls_disable = true }\n'
        'user_lockout "all" { lockout_threshold = "7" lockout_duration = "10m" '
        'lockout_counter_reset = "11m" }\n'
        'user_lockout "ldap" { lockout_threshold = "4" }\n'
        'user_lockout "approle" { disable_lockout = true }\n'
    )
    config = load([str(file)], {})
    assert limits_of(config, "userpass", None) == Limits(7, 600, 660)
    assert limits_of(config, "ldap", None) == Limits(4, 600, 660)
    assert limits_of(config, "ldap", LockoutConfig(threshold=2, duration=5)) == Limits(2, 5, 660)
    assert limits_of(config, "ldap", LockoutConfig(disable=True)) is None
    assert limits_of(config, "approle", None) is None
    assert limits_of(config, "cert", None) is None
    assert limits_of(load([str(file)], {"VAULT_DISABLE_USER_LOCKOUT": "true"}), "ldap", None) is None
    assert limits_of(dev(address="127.0.0.1:0"), "userpass", None) == Limits(5, 900, 900)


# -- logins ------------------------------------------------------------------------------------------


def test_five_failures_lock_and_time_unlocks() -> None:
    async def scenario(api: InProcess) -> None:
        assert await fail(api, 6) == [400] * 5 + [403]
        assert await login(api) == 403
        assert await login(api, name="bob") == 200
        assert await locked(api) == ["ann"]
        with later(api.core, 899):
            assert await login(api) == 403
        with later(api.core, 901):
            assert await locked(api) == []
            assert await login(api) == 200
        assert await fail(api, 1) == [400]

    with_users(scenario)


def test_a_success_ends_the_count() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(3):
            assert await fail(api, 4) == [400] * 4
            assert await login(api) == 200
        assert not await rows(api.core, "core/lockout/")

    with_users(scenario)


def test_failures_far_apart_do_not_add_up() -> None:
    async def scenario(api: InProcess) -> None:
        assert await fail(api, 4) == [400] * 4
        with later(api.core, 901):
            assert await fail(api, 4) == [400] * 4
            assert await login(api) == 200

    with_users(scenario)


def test_a_lock_that_ended_begins_again_with_the_next_failure_while_the_count_holds() -> None:
    async def scenario(api: InProcess) -> None:
        await tune(api, lockout_threshold=2, lockout_duration="10s", lockout_counter_reset_duration="1h")
        assert await fail(api, 3) == [400, 400, 403]
        with later(api.core, 11):
            assert await fail(api, 2) == [400, 403]

    with_users(scenario)


def test_the_count_is_exact_however_many_try_at_once() -> None:
    async def scenario(api: InProcess) -> None:
        tries = await asyncio.gather(*(login(api, "no") for _ in range(7)))
        assert sorted(tries) == [400] * 5 + [403] * 2
        assert await login(api) == 403

    with_users(scenario)


def test_only_wrong_credentials_count() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(6):
            assert (await api("POST", "auth/userpass/login/ann", {}, token=None)).status == 400
        await api("POST", "auth/userpass/users/ann", {"token_bound_cidrs": "10.0.0.0/8"})
        for _ in range(6):
            assert await login(api) == 403
        assert await login(api, address="10.0.0.1") == 200

    with_users(scenario)


def test_an_operator_unlocks() -> None:
    async def scenario(api: InProcess) -> None:
        path = f"sys/locked-users/{await accessor(api)}/unlock"
        await fail(api, 5)
        assert (await api("POST", f"{path}/bob")).status == 204
        assert await login(api) == 403
        assert (await api("POST", f"{path}/ann")).status == 204
        assert await login(api) == 200

    with_users(scenario)


def test_who_may_not_unlock_does_not() -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token('path "sys/locked-users" { capabilities = ["read"] }')
        await fail(api, 5)
        assert (await api("GET", "sys/locked-users", token=token)).status == 200
        path = f"sys/locked-users/{await accessor(api)}/unlock/ann"
        assert (await api("POST", path, token=token)).status == 403
        assert await login(api) == 403

    with_users(scenario)


def test_a_mount_can_be_tuned_and_switched_off() -> None:
    async def scenario(api: InProcess) -> None:
        await tune(api, lockout_threshold=2)
        assert await fail(api, 3) == [400, 400, 403]
        await tune(api, lockout_disable=True)
        assert await login(api) == 200
        assert await fail(api, 9) == [400] * 9
        refused = await api(
            "POST", "sys/auth/userpass/tune", {"user_lockout_config": {"lockout_threshold": -1}}
        )
        assert refused.status == 400
        refused = await api(
            "POST", "sys/auth/userpass/tune", {"user_lockout_config": {"lockout_duration": "-1s"}}
        )
        assert refused.status == 400

    with_users(scenario)


def test_a_method_is_enabled_with_limits_of_its_own() -> None:
    async def scenario(api: InProcess) -> None:
        config = {"user_lockout_config": {"lockout_threshold": 2}}
        assert (await api("POST", "sys/auth/up", {"type": "userpass", "config": config})).status == 204
        assert (await api("GET", "sys/auth/up/tune")).data["user_lockout_threshold"] == 2
        refused = await api("POST", "sys/auth/other", {"type": "app-id", "config": config})
        assert refused.status == 400

    with_users(scenario)


def test_the_server_can_switch_it_off() -> None:
    async def scenario(api: InProcess) -> None:
        assert await fail(api, 9) == [400] * 9

    with_users(scenario, replace(dev(address="127.0.0.1:0"), disable_user_lockout=True))


def test_a_lock_outlives_a_restart() -> None:
    async def scenario(api: InProcess) -> None:
        await fail(api, 5)
        assert (await api("PUT", "sys/seal")).status == 204
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        assert await login(api) == 403

    with_users(scenario)


# -- names that nobody has ---------------------------------------------------------------------------


def test_a_name_that_nobody_has_is_locked_alike_and_not_listed() -> None:
    async def scenario(api: InProcess) -> None:
        assert await fail(api, 6, "nobody") == await fail(api, 6, "ann")
        assert await locked(api) == ["ann"]
        await api("POST", "auth/userpass/users/nobody", {"password_hash": HASH})
        assert await login(api, name="nobody") == 200
        path = f"sys/locked-users/{await accessor(api)}/unlock/nobody"
        assert (await api("POST", path)).status == 204

    with_users(scenario)


def test_a_million_names_leave_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "_SLOTS", 8)

    async def scenario(api: InProcess) -> None:
        assert await fail(api, 3) == [400] * 3
        for number in range(60):
            assert await login(api, "no", f"n{number}") == 400
        assert len(await rows(api.core, "core/lockout/")) <= 8 + 1
        assert await fail(api, 3) == [400, 400, 403], "names made up do not disturb a count"

    with_users(scenario)


def test_rows_go_with_the_mount() -> None:
    async def scenario(api: InProcess) -> None:
        await fail(api, 5)
        await fail(api, 5, "nobody")
        assert await rows(api.core, "core/lockout/")
        assert (await api("DELETE", "sys/auth/userpass")).status == 204
        await reap(api.core)
        assert not await rows(api.core, "core/lockout/")

    with_users(scenario)
