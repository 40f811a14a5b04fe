"""What an answer says has been changed holds for every later request, and survives a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from strongroom.audit.device import Device
from strongroom.core import Core
from strongroom.handler import Handler
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows

READ = 'path "secret/data/*" { capabilities = ["read"] }'
DENY = 'path "secret/data/*" { capabilities = ["deny"] }'


async def stored(api: InProcess) -> None:
    assert (await api("POST", "secret/data/x", {"data": {"a": 1}})).status == 200


def test_a_revoked_token_is_refused() -> None:
    async def scenario(api: InProcess) -> None:
        await stored(api)
        token = await api.policy_token(READ)
        for _ in range(3):
            assert (await api("GET", "secret/data/x", token=token)).status == 200
        assert (await api("POST", "auth/token/revoke", {"token": token})).status == 204
        assert (await api("GET", "secret/data/x", token=token)).status == 403

    inprocess(scenario)


def test_a_changed_policy_judges_the_next_request() -> None:
    async def scenario(api: InProcess) -> None:
        await stored(api)
        token = await api.policy_token(READ)
        name = (await api("GET", "auth/token/lookup-self", token=token)).data["policies"][1]
        for text, status in ((READ, 200), (DENY, 403), (READ, 200)):
            assert (await api("PUT", f"sys/policies/acl/{name}", {"policy": text})).status == 204
            assert (await api("GET", "secret/data/x", token=token)).status == status
        assert (await api("DELETE", f"sys/policies/acl/{name}")).status == 204
        assert (await api("GET", "secret/data/x", token=token)).status == 403

    inprocess(scenario)


def test_a_policy_ends_when_it_said() -> None:
    async def scenario(api: InProcess) -> None:
        await stored(api)
        assert (await api("PUT", "sys/policies/acl/brief", {"policy": READ, "ttl": "1m"})).status == 204
        made = await api("POST", "auth/token/create", {"policies": ["brief"], "ttl": "1h"})
        token = made.json["auth"]["client_token"]
        assert (await api("GET", "secret/data/x", token=token)).status == 200
        with later(api.core, 61):
            assert (await api("GET", "secret/data/x", token=token)).status == 403
            assert (await api("GET", "sys/policies/acl/brief")).status == 404
            assert "brief" not in (await api("LIST", "sys/policies/acl")).data["keys"]

    inprocess(scenario)


def test_a_mount_is_there_and_gone_at_once() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(3):
            assert (await api("POST", "sys/mounts/kv", {"type": "kv"})).status == 204
            assert (await api("GET", "kv/a")).errors == []
            assert (await api("POST", "kv/a", {"x": 1})).status == 204
            assert (await api("DELETE", "sys/mounts/kv")).status == 204
            assert (await api("GET", "kv/a")).status == 404
            assert (await api("POST", "kv/a", {"x": 1})).status == 404

    inprocess(scenario)


def test_of_two_mounts_for_one_path_one_is_made() -> None:
    async def scenario(api: InProcess) -> None:
        paths = ["x", "x", "x/y", "x/y/z"]
        answers = await asyncio.gather(*(api("POST", f"sys/mounts/{path}", {"type": "kv"}) for path in paths))
        assert sorted(answer.status for answer in answers) == [204, 400, 400, 400]

    inprocess(scenario)


def test_a_tune_never_brings_a_disabled_mount_back() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(5):
            assert (await api("POST", "sys/mounts/kv", {"type": "kv"})).status == 204
            answers = await asyncio.gather(
                api("DELETE", "sys/mounts/kv"), api("POST", "sys/mounts/kv/tune", {"description": "new"})
            )
            assert answers[0].status == 204
            assert (await api("GET", "sys/mounts/kv")).status == 400

    inprocess(scenario)


def test_a_moved_mount_keeps_its_data() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/old", {"type": "kv"})
        await api("POST", "old/a/b", {"x": 1})
        before = (await api("GET", "sys/mounts/old")).data
        assert (await api("POST", "sys/remount", {"from": "old", "to": "new/deep"})).status == 200
        assert (await api("GET", "old/a/b")).status == 404
        assert (await api("GET", "new/deep/a/b")).data == {"x": 1}
        after = (await api("GET", "sys/mounts/new/deep")).data
        assert (after["uuid"], after["accessor"]) == (before["uuid"], before["accessor"])

    inprocess(scenario)


def test_data_of_a_disabled_mount_goes_in_the_background_and_through_a_restart() -> None:
    async def scenario(api: InProcess) -> None:
        before = set(await rows(api.core))
        await api("POST", "sys/mounts/kv", {"type": "kv"})
        for number in range(20):
            await api("POST", f"kv/{number}", {"x": number})
        assert (await api("DELETE", "sys/mounts/kv")).status == 204
        assert len(await rows(api.core)) > len(before) + 20  # the data and the job
        await api.core.lifecycle.seal()
        core = Core(api.core.config, api.core.store.physical)
        await core.start()
        await core.lifecycle.submit(api.key)
        try:
            assert (await InProcess(core, Handler(core))("GET", "kv/1")).status == 404
            await reap(core)
            assert set(await rows(core)) == before
        finally:
            await core.lifecycle.seal()

    inprocess(scenario)


def test_without_a_healthy_audit_device_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(api: InProcess) -> None:
        options = {"file_path": str(tmp_path / "audit" / "log")}
        (tmp_path / "audit").mkdir()
        answer = await api("PUT", "sys/audit/file", {"type": "file", "options": options})
        assert answer.status == 204, answer
        await stored(api)

        def broken(*_: object) -> OSError:
            return OSError("no space left on device")

        monkeypatch.setattr(Device, "log_request", broken)
        index, before = api.core.store.index, await rows(api.core)
        for method, path, body in (
            ("POST", "secret/data/x", {"data": {"a": 2}}),
            ("POST", "auth/token/create", {}),
            ("DELETE", "sys/mounts/secret", None),
            ("GET", "secret/data/x", None),
        ):
            assert (await api(method, path, body)).status == 500
        assert (api.core.store.index, await rows(api.core)) == (index, before)
        monkeypatch.undo()
        assert (await api("GET", "secret/data/x")).data["data"] == {"a": 1}

    inprocess(scenario)


def test_a_wrapping_token_opens_once_whoever_races() -> None:
    async def scenario(api: InProcess) -> None:
        await stored(api)
        for _ in range(5):
            answer = await api("GET", "secret/data/x", None, {"X-Vault-Wrap-TTL": "60"})
            token = answer.json["wrap_info"]["token"]
            doors = [api("POST", "sys/wrapping/unwrap", {"token": token}) for _ in range(10)]
            doors += [api("POST", "sys/wrapping/unwrap", token=token) for _ in range(10)]
            doors += [api("POST", "sys/wrapping/rewrap", {"token": token}) for _ in range(5)]
            statuses = sorted(answer.status for answer in await asyncio.gather(*doors))
            assert statuses == [200] + [400] * 24

    inprocess(scenario)


def test_no_token_or_accessor_stands_in_a_key_or_a_value() -> None:
    async def scenario(api: InProcess) -> None:
        own = "a-token-id-of-ones-own"
        made = (await api("POST", "auth/token/create", {"id": own, "ttl": "1h"})).json["auth"]
        other = (await api("POST", "auth/token/create", {"ttl": "1h"})).json["auth"]
        assert made["client_token"] == own
        secrets = [made["accessor"], own, other["client_token"], other["accessor"], api.token + "/"]
        for name, row in (await rows(api.core)).items():
            for secret in secrets:
                assert secret not in name
                assert secret.encode() not in row

    inprocess(scenario)
