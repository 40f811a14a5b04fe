from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import StorageFailed
from strongroom.storage.inmem import InMem
from strongroom.storage.physical import Batch
from tests.inprocess import InProcess, inprocess
from tests.sealing import initialize, started, static, unseal

ONE = {"secret_shares": 1, "secret_threshold": 1}
RECOVERY = {"recovery_shares": 3, "recovery_threshold": 2}
OLD_KEY, NEW_KEY = "11" * 32, "22" * 32


def empty(scenario: Any) -> None:
    inprocess(scenario, initialized=False)


# -- init ------------------------------------------------------------------------------------------


def test_of_many_inits_at_once_one_wins() -> None:
    async def scenario(api: InProcess) -> None:
        answers = await asyncio.gather(*(api("PUT", "sys/init", ONE, token=None) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400]
        losers = [answer.errors for answer in answers if answer.status == 400]
        assert losers == [["Vault is already initialized"]] * 4
        (won,) = (answer.json for answer in answers if answer.status == 200)
        assert (await unseal(api, *won["keys"]))["sealed"] is False
        assert (await api("GET", "auth/token/lookup-self", token=won["root_token"])).status == 200

    empty(scenario)


def test_init_of_an_open_server_leaves_it_open() -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("PUT", "sys/init", ONE, token=None)
        assert (refused.status, refused.errors) == (400, ["Vault is already initialized"])
        assert (await api("GET", "sys/mounts")).status == 200

    inprocess(scenario)


def test_init_that_cannot_be_stored_leaves_nothing() -> None:
    class Full(InMem):
        async def commit(self, batch: Batch) -> None:
            raise StorageFailed(cause="no space left")

    async def scenario() -> None:
        async with started(Full()) as api:
            assert (await api("PUT", "sys/init", ONE, token=None)).status == 500
            assert api.core.barrier.sealed
            assert (await api("GET", "sys/init", token=None)).json == {"initialized": False}

    asyncio.run(scenario())


def test_unseal_and_init_at_once() -> None:
    async def scenario(api: InProcess) -> None:
        keys = (await initialize(api, secret_shares=2, secret_threshold=2))["keys"]
        answers = await asyncio.gather(
            api("PUT", "sys/init", ONE, token=None),
            *(api("PUT", "sys/unseal", {"key": key}, token=None) for key in keys),
            api("PUT", "sys/init", ONE, token=None),
        )
        assert [answer.status for answer in answers] == [400, 200, 200, 400]
        assert (await api("GET", "sys/mounts")).status == 200

    empty(scenario)


def test_same_last_share_twice_at_once_unseals_once() -> None:
    async def scenario(api: InProcess) -> None:
        (key,) = (await initialize(api, **ONE))["keys"]
        answers = await asyncio.gather(
            *(api("PUT", "sys/unseal", {"key": key}, token=None) for _ in range(4))
        )
        assert [answer.json["sealed"] for answer in answers] == [False] * 4

    empty(scenario)


# -- sealing ---------------------------------------------------------------------------------------


def test_who_has_the_answer_of_seal_finds_it_sealed() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/seal")).status == 204
        assert (await api("GET", "sys/seal-status", token=None)).json["sealed"] is True
        refused = await api("GET", "secret/data/x")
        assert (refused.status, refused.errors) == (503, ["Vault is sealed"])
        assert (await unseal(api, api.key.hex()))["sealed"] is False
        await asyncio.sleep(0.1)
        assert (await api("GET", "sys/mounts")).status == 200

    inprocess(scenario)


def test_shares_given_right_after_sealing_are_not_forgotten() -> None:
    async def scenario(api: InProcess) -> None:
        keys = (await initialize(api, secret_shares=3, secret_threshold=2))["keys"]
        await unseal(api, *keys[:2])
        for _ in range(5):
            assert (await api("PUT", "sys/seal")).status == 204
            assert (await unseal(api, keys[2]))["progress"] == 1
            assert (await unseal(api, keys[0]))["sealed"] is False

    empty(scenario)


def test_audit_device_that_does_not_close_does_not_keep_the_server_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(api: InProcess) -> None:
        async def broken() -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr(api.core.audit_table, "sealed", broken)
        await api.core.lifecycle.seal()
        assert api.core.barrier.sealed
        assert not api.core.audit.devices
        monkeypatch.undo()
        assert (await unseal(api, api.key.hex()))["sealed"] is False

    inprocess(scenario)


def test_requests_under_way_end_cleanly_when_the_server_is_sealed() -> None:
    async def scenario(api: InProcess) -> None:
        writes = [
            asyncio.ensure_future(api("POST", f"secret/data/{number}", {"data": {"a": number}}))
            for number in range(200)
        ]
        await asyncio.sleep(0)
        assert (await api("PUT", "sys/seal")).status == 204
        answers = await asyncio.gather(*writes)
        assert {answer.status for answer in answers} <= {200, 503}
        await unseal(api, api.key.hex())
        for number, answer in enumerate(answers):
            stored = await api("GET", f"secret/data/{number}")
            assert stored.status == (200 if answer.status == 200 else 404), (number, answer)

    inprocess(scenario)


def test_seal_during_unseal_ends_sealed() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(20):
            await api("PUT", "sys/seal")
            opening = asyncio.ensure_future(api("PUT", "sys/unseal", {"key": api.key.hex()}, token=None))
            await asyncio.sleep(0)
            await api.core.lifecycle.seal()
            await opening
            await api.core.lifecycle.seal()
            assert api.core.barrier.sealed
            assert (await unseal(api, api.key.hex()))["sealed"] is False
            assert (await api("GET", "sys/mounts")).status == 200

    inprocess(scenario)


def test_keyring_change_under_way_does_not_open_a_sealed_server() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(20):
            rotating = [asyncio.ensure_future(api("PUT", "sys/rotate")) for _ in range(3)]
            await asyncio.sleep(0)
            await api.core.lifecycle.seal()
            assert api.core.barrier.sealed
            assert {answer.status for answer in await asyncio.gather(*rotating)} <= {204, 503}
            assert api.core.barrier.sealed
            assert (await unseal(api, api.key.hex()))["sealed"] is False

    inprocess(scenario)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_sealing_and_unsealing_often_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        options = {"file_path": str(tmp_path / "audit.log")}
        assert (await api("PUT", "sys/audit/f", {"type": "file", "options": options})).status == 204

        async def turn() -> tuple[int, int]:
            assert (await api("PUT", "sys/seal")).status == 204
            assert (await unseal(api, api.key.hex()))["sealed"] is False
            assert (await api("GET", "sys/mounts")).status == 200
            await asyncio.sleep(0.01)
            return len(asyncio.all_tasks()), open_files()

        first = await turn()
        for _ in range(49):
            last = await turn()
        assert last <= first

    inprocess(scenario, seconds=60)


def test_unseal_that_fails_leaves_the_server_sealed_and_ready_for_the_next(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        folder = tmp_path / "logs"
        options = {"file_path": str(folder / "audit.log")}
        assert (await api("PUT", "sys/audit/f", {"type": "file", "options": options})).status == 204
        await api("PUT", "sys/seal")
        wrong = await api("PUT", "sys/unseal", {"key": "ab" * 32}, token=None)
        assert wrong.status == 400
        assert wrong.errors[0].startswith("unable to retrieve stored keys: invalid key: ")
        assert (await unseal(api, api.key.hex()))["sealed"] is False

    inprocess(scenario)


# -- a seal that unseals by itself -------------------------------------------------------------------


async def generate_root(api: InProcess, keys: list[str]) -> int:
    """Generate a root token with ``keys``; the status of the last step."""
    begun = await api("PUT", "sys/generate-root-token/attempt", {})
    nonce = begun.data["nonce"]
    for key in keys:
        step = await api("PUT", "sys/generate-root-token/update", {"key": key, "nonce": nonce})
    return step.status


def test_static_seal_opens_the_server_at_init_and_at_every_start() -> None:
    async def scenario() -> None:
        disk, seal = InMem(), static("k1", OLD_KEY)
        async with started(disk, seal) as api:
            made = await initialize(api, **RECOVERY)
            assert made["keys"] == made["keys_base64"] == []
            assert len(made["recovery_keys"]) == len(made["recovery_keys_base64"]) == 3
            token = api.token
            assert (await api("GET", "sys/mounts")).status == 200
        async with started(disk, seal) as api:
            api.token = token
            status = (await api("GET", "sys/seal-status", token=None)).json
            assert (status["sealed"], status["type"], status["recovery_seal"]) == (False, "static", True)
            assert (status["t"], status["n"], status["recovery_seal_type"]) == (2, 3, "shamir")
            assert (await api("GET", "auth/token/lookup-self")).status == 200

    asyncio.run(scenario())


def test_recovery_keys_authorise_but_only_a_quorum_of_the_right_ones() -> None:
    async def scenario() -> None:
        async with started(InMem(), static("k1", OLD_KEY)) as api:
            first, second, third = (await initialize(api, **RECOVERY))["recovery_keys"]
            assert await generate_root(api, [first, second]) == 200
            assert await generate_root(api, [third, "ab" * 33]) == 400
            await api("DELETE", "sys/generate-root-token/attempt")
            begun = await api("PUT", "sys/rotate/recovery/init", {"secret_shares": 1, "secret_threshold": 1})
            nonce = begun.data["nonce"]
            for key in (first, third):
                step = await api("PUT", "sys/rotate/recovery/update", {"key": key, "nonce": nonce})
            (fresh,) = step.data["keys"]
            assert await generate_root(api, [fresh]) == 200
            assert await generate_root(api, [first]) == 400

    asyncio.run(scenario())


def test_sealed_by_hand_the_recovery_keys_open_it_again() -> None:
    async def scenario() -> None:
        async with started(InMem(), static("k1", OLD_KEY)) as api:
            keys = (await initialize(api, **RECOVERY))["recovery_keys"]
            assert (await api("PUT", "sys/seal")).status == 204
            assert (await unseal(api, keys[0]))["progress"] == 1
            refused = await api("PUT", "sys/unseal", {"key": "ab" * 33}, token=None)
            assert refused.status == 400
            assert (await unseal(api, keys[0], keys[2]))["sealed"] is False
            assert (await api("GET", "sys/mounts")).status == 200

    asyncio.run(scenario())


def test_static_seal_moves_on_to_another_key() -> None:
    async def scenario() -> None:
        disk = InMem()
        async with started(disk, static("k1", OLD_KEY)) as api:
            recovery = (await initialize(api, **RECOVERY))["recovery_keys"]
            token = api.token
        async with started(disk, static("k2", NEW_KEY, previous=("k1", OLD_KEY))) as api:
            assert not api.core.barrier.sealed
        async with started(disk, static("k2", NEW_KEY)) as api:
            api.token = token
            assert (await api("GET", "sys/mounts")).status == 200
            assert await generate_root(api, recovery[:2]) == 200

    asyncio.run(scenario())


# -- moving to another seal --------------------------------------------------------------------------


def test_migration_from_shares_to_a_static_seal_and_back() -> None:
    async def scenario() -> None:
        disk = InMem()
        async with started(disk) as api:
            keys = (await initialize(api, secret_shares=3, secret_threshold=2))["keys"]
            token = api.token
            await unseal(api, *keys[:2])
            assert (await api("PUT", "cubbyhole/x", {"a": "b"})).status == 204
        async with started(disk, static("k1", OLD_KEY)) as api:
            api.token = token
            await migrate(api, keys)
        async with started(disk, static("k1", OLD_KEY)) as api:
            api.token = token
            assert (await api("GET", "cubbyhole/x")).data == {"a": "b"}
            assert await generate_root(api, keys[1:]) == 200
        async with started(disk, static("k1", OLD_KEY, disabled=True)) as api:
            api.token = token
            await migrate(api, keys)
        async with started(disk) as api:
            api.token = token
            assert (await api("GET", "sys/seal-status", token=None)).json["migration"] is False
            await unseal(api, *keys[1:])
            assert (await api("GET", "cubbyhole/x")).data == {"a": "b"}

    asyncio.run(scenario())


async def migrate(api: InProcess, keys: list[str]) -> None:
    status = (await api("GET", "sys/seal-status", token=None)).json
    assert (status["sealed"], status["migration"], status["t"], status["n"]) == (True, True, 2, 3)
    refused = await api("PUT", "sys/unseal", {"key": keys[0]}, token=None)
    assert (refused.status, refused.errors) == (
        400,
        ["migrate option not passed, but seal migration is pending"],
    )
    wrong = await api("PUT", "sys/unseal", {"key": keys[0], "migrate": True}, token=None)
    assert wrong.json["progress"] == 1
    wrong = await api("PUT", "sys/unseal", {"key": "ab" * 32 + "07", "migrate": True}, token=None)
    assert wrong.status == 400
    status = await unseal(api, *keys[:2], migrate=True)
    assert (status["sealed"], status["migration"]) == (False, False)
    assert (await api("GET", "sys/mounts")).status == 200


def test_migration_that_is_not_configured_is_refused() -> None:
    async def scenario(api: InProcess) -> None:
        (key,) = (await initialize(api, **ONE))["keys"]
        refused = await api("PUT", "sys/unseal", {"key": key, "migrate": True}, token=None)
        assert (refused.status, refused.errors) == (
            400,
            ["can't perform a seal migration, no migration seal found"],
        )
        assert api.core.barrier.sealed

    empty(scenario)
