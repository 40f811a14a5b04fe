from __future__ import annotations

from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.leasing import Leasing, leasing, reap, rows

__all__ = ["leasing"]  # a fixture

SECRET_READ = 'path "own/*" { capabilities = ["read"] }'


def test_an_engine_serves_from_its_mount_to_its_end() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "own/a")).status == 404
        body = {"type": "kv", "description": "d", "options": {"version": "1"}}
        assert (await api("POST", "sys/mounts/own", body)).status == 204
        assert (await api("PUT", "own/a", {"x": "y"})).status == 204
        one = (await api("GET", "sys/mounts/own")).data
        listed = (await api("GET", "sys/mounts")).json
        assert one == listed["own/"] == listed["data"]["own/"]
        assert (one["type"], one["description"], one["options"]) == ("kv", "d", {"version": "1"})
        prefix = api.core.mounts.by_prefix["own/"].storage_prefix
        assert await rows(api.core, prefix)
        assert (await api("DELETE", "sys/mounts/own")).status == 204
        assert (await api("GET", "own/a")).status == 404
        assert (await api("GET", "sys/mounts/own")).status == 400
        await reap(api.core)
        assert not await rows(api.core, prefix)
        assert (await api("DELETE", "sys/mounts/own")).status == 204

    inprocess(scenario)


def test_a_second_mount_of_the_same_name_has_nothing_of_the_first() -> None:
    async def scenario(api: InProcess) -> None:
        accessors = set()
        for _ in range(2):
            await api("POST", "sys/mounts/own", {"type": "kv"})
            assert (await api("GET", "own/a")).status == 404
            await api("PUT", "own/a", {"x": "y"})
            accessors.add((await api("GET", "sys/mounts/own")).data["accessor"])
            await api("DELETE", "sys/mounts/own")
        assert len(accessors) == 2

    inprocess(scenario)


@pytest.mark.parametrize(
    ("path", "body"),
    (
        ("own", {}),
        ("own", {"type": "nonsense"}),
        ("own", {"type": "token"}),
        ("own", {"type": "system"}),
        ("own", {"type": "kv", "options": {"version": "3"}}),
        ("own", {"type": "kv", "plugin_version": "v9"}),
        ("own", {"type": "kv", "config": {"default_lease_ttl": "soon"}}),
        ("own", {"type": "kv", "config": {"default_lease_ttl": "2h", "max_lease_ttl": "1h"}}),
        ("own", {"type": "kv", "config": {"default_lease_ttl": "100000h"}}),
        ("own", {"type": "kv", "config": {"listing_visibility": "everybody"}}),
        ("own", {"type": "kv", "config": {"passthrough_request_headers": [1]}}),
        ("secret", {"type": "kv"}),
        ("secret/below", {"type": "kv"}),
        ("sys/own", {"type": "kv"}),
        ("auth/own", {"type": "kv"}),
        ("cubbyhole", {"type": "kv"}),
        ("a*b", {"type": "kv"}),
    ),
)
def test_what_cannot_be_mounted(path: str, body: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        before = (await api("GET", "sys/mounts")).data
        assert (await api("POST", f"sys/mounts/{path}", body)).status == 400
        assert (await api("GET", "sys/mounts")).data == before

    inprocess(scenario)


def test_a_mount_may_not_lie_above_another_one() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/mounts/a/b", {"type": "kv"})).status == 204
        assert (await api("POST", "sys/mounts/a", {"type": "kv"})).status == 400
        assert (await api("POST", "sys/mounts/a/b/c", {"type": "kv"})).status == 400
        assert (await api("POST", "sys/mounts/a/bc", {"type": "kv"})).status == 204

    inprocess(scenario)


@pytest.mark.parametrize("path", ("mounts/sys", "mounts/cubbyhole", "mounts/identity", "auth/token"))
def test_what_the_server_needs_stays_where_it_is(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("DELETE", f"sys/{path}")).status == 400
        source = path.removeprefix("mounts/")
        assert (
            await api("POST", "sys/remount", {"from": source, "to": "auth/x" if "auth" in path else "x"})
        ).status == 400
        assert (await api("GET", f"sys/{path}")).status == 200

    inprocess(scenario)


def test_a_disabled_mount_takes_its_leases_along(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/db", {"type": "leasing"})
        lease = (await api("GET", "db/creds/a")).json["lease_id"]
        assert (await api("DELETE", "sys/mounts/db")).status == 204
        assert (await api("POST", "sys/leases/lookup", {"lease_id": lease})).status == 400

    inprocess(scenario)


# -- tuning --------------------------------------------------------------------------------------------


def test_tuned_settings_hold_and_the_rest_stays(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/db", {"type": "leasing", "description": "d"})
        before = (await api("GET", "sys/mounts/db/tune")).data
        assert (before["default_lease_ttl"], before["max_lease_ttl"]) == (2_764_800, 2_764_800)
        tune = {"max_lease_ttl": "30m", "audit_non_hmac_request_keys": "a,b", "listing_visibility": "unauth"}
        assert (await api("POST", "sys/mounts/db/tune", tune)).status == 204
        after = (await api("GET", "sys/mounts/db/tune")).data
        assert (after["default_lease_ttl"], after["max_lease_ttl"]) == (1_800, 1_800)
        assert after["audit_non_hmac_request_keys"] == ["a", "b"]
        assert after["description"] == "d"
        assert (await api("GET", "db/creds/a?ttl=7200")).json["lease_duration"] == 1_800
        await api("POST", "sys/mounts/db/tune", {"max_lease_ttl": "system", "description": ""})
        assert (await api("GET", "sys/mounts/db/tune")).data["max_lease_ttl"] == 2_764_800
        assert (await api("GET", "sys/mounts/db")).data["description"] == ""

    inprocess(scenario)


def test_the_engine_keeps_its_data_when_it_is_tuned() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/own", {"type": "kv", "options": {"version": "1"}})
        await api("PUT", "own/a", {"x": "y"})
        accessor = (await api("GET", "sys/mounts/own")).data["accessor"]
        await api("POST", "sys/mounts/own/tune", {"default_lease_ttl": "1h"})
        assert (await api("GET", "own/a")).data == {"x": "y"}
        assert (await api("GET", "own/a")).json["lease_duration"] == 3_600
        assert (await api("GET", "sys/mounts/own")).data["accessor"] == accessor

    inprocess(scenario)


@pytest.mark.parametrize(
    ("path", "body"),
    (
        ("mounts/none", {"description": "x"}),
        ("auth/none", {"description": "x"}),
        ("mounts/secret", {"default_lease_ttl": "2h", "max_lease_ttl": "1h"}),
        ("mounts/secret", {"token_type": "batch"}),
        ("auth/token", {"token_type": "batch"}),
        ("mounts/secret", {"user_lockout_config": {"lockout_threshold": 1}}),
        ("mounts/secret", {"listing_visibility": "everybody"}),
        ("mounts/secret", {"passthrough_request_headers": ["X-Vault-Token"]}),
        ("mounts/secret", {"options": {"version": "3"}}),
    ),
)
def test_settings_that_cannot_be(path: str, body: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        before = (await api("GET", "sys/mounts/secret/tune")).data
        assert (await api("POST", f"sys/{path}/tune", body)).status == 400
        assert (await api("GET", "sys/mounts/secret/tune")).data == before

    inprocess(scenario)


def test_auth_methods_are_tuned_by_either_path() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/auth/token/tune", {"description": "one"})).status == 204
        assert (await api("GET", "sys/mounts/auth/token/tune")).data["description"] == "one"
        assert (await api("POST", "sys/mounts/auth/token/tune", {"description": "two"})).status == 204
        assert (await api("GET", "sys/auth/token/tune")).data["description"] == "two"
        assert (await api("GET", "sys/auth")).data["token/"]["description"] == "two"

    inprocess(scenario)


# -- moving --------------------------------------------------------------------------------------------


def test_a_move_takes_the_data_along_and_says_so() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/own", {"type": "kv"})
        await api("PUT", "own/a", {"x": "y"})
        answer = await api("POST", "sys/remount", {"from": "own", "to": "deep/er"})
        migration = answer.data["migration_id"]
        assert (await api("GET", "own/a")).status == 404
        assert (await api("GET", "deep/er/a")).data == {"x": "y"}
        status = (await api("GET", f"sys/remount/status/{migration}")).data
        assert status["migration_info"] == {
            "source_mount": "own/",
            "target_mount": "deep/er/",
            "status": "success",
        }
        assert (await api("GET", "sys/remount/status/none")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    ("source", "target"),
    (
        ("own", ""),
        ("", "x"),
        ("none", "x"),
        ("own", "own"),
        ("own", "secret"),
        ("own", "auth/x"),
        ("own", "sys/x"),
    ),
)
def test_moves_that_cannot_be(source: str, target: str) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/own", {"type": "kv"})
        assert (await api("POST", "sys/remount", {"from": source, "to": target})).status == 400
        assert (await api("GET", "sys/mounts/own")).status == 200

    inprocess(scenario)


# -- who may know what there is ------------------------------------------------------------------------


def test_interfaces_see_what_their_caller_may_use() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/own", {"type": "kv"})
        await api("POST", "sys/mounts/open", {"type": "kv", "config": {"listing_visibility": "unauth"}})
        token = await api.policy_token(SECRET_READ)
        path = "sys/internal/ui/mounts"
        mine = (await api("GET", path, token=token)).data["secret"]
        assert {"own/", "open/"} <= set(mine)
        assert "secret/" not in mine
        nobodys = (await api("GET", path, token=None)).data["secret"]
        assert nobodys == {"open/": {"description": "", "options": {}, "type": "kv"}}
        assert (await api("GET", path, token="nobody")).status == 403
        one = (await api("GET", f"{path}/own/deep/er", token=token)).data
        assert (one["path"], one["type"]) == ("own/", "kv")
        for hidden in ("secret/data/a", "none"):
            assert (await api("GET", f"{path}/{hidden}", token=token)).status == 403
        assert (await api("GET", f"{path}/own/a", token=None)).status == 403

    inprocess(scenario)


def test_auth_methods_need_sudo() -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token('path "sys/auth/*" { capabilities = ["create", "update", "read"] }')
        assert (await api("GET", "sys/auth/token", token=token)).status == 403
        assert (await api("POST", "sys/auth/token/tune", {"description": "x"}, token=token)).status == 403

    inprocess(scenario)
