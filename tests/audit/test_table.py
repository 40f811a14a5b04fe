"""Devices enabled and disabled by API: they begin and end with the commit that says so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.errors import Conflict, StorageFailed
from strongroom.storage.physical import Batch
from tests.inprocess import InProcess, inprocess


def device(path: Path) -> dict[str, Any]:
    return {"type": "file", "options": {"file_path": str(path)}}


def paths(log: Path) -> list[str]:
    return [orjson.loads(line)["request"]["path"] for line in log.read_bytes().splitlines()]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_device_works_from_its_own_answer_on(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "f"))).status == 204
        await api("GET", "sys/mounts")
        assert (await api("DELETE", "sys/audit/f")).status == 204
        await api("GET", "sys/policies/acl/default")
        written = paths(tmp_path / "f")
        assert written == ["sys/audit/test", "sys/audit/f", "sys/mounts", "sys/mounts", "sys/audit/f"]

    inprocess(scenario)


def test_lost_race_runs_again_without_meeting_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        commit, turns = api.core.store.commit, 0

        async def losing(tx: Any) -> int:
            nonlocal turns
            turns += 1
            if turns < 3:
                raise Conflict
            return await commit(tx)

        monkeypatch.setattr(api.core.store, "commit", losing)
        answer = await api("PUT", "sys/audit/f", device(tmp_path / "f"))
        assert answer.status == 204, answer
        assert turns == 3
        assert list(api.core.audit.devices) == ["f/"]

    inprocess(scenario)


def test_commit_that_fails_leaves_no_device_and_no_open_file(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        physical = api.core.store.physical
        commit = physical.commit

        async def full(batch: Batch) -> None:
            raise StorageFailed(cause="no space left")

        before = open_files()
        physical.commit = full  # type: ignore[method-assign]
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "f"))).status == 500
        assert not api.core.audit.devices
        assert open_files() == before
        physical.commit = commit  # type: ignore[method-assign]
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "f"))).status == 204
        physical.commit = full  # type: ignore[method-assign]
        assert (await api("DELETE", "sys/audit/f")).status == 500
        assert list(api.core.audit.devices) == ["f/"]
        physical.commit = commit  # type: ignore[method-assign]

    inprocess(scenario)


def test_of_two_devices_for_one_path_at_once_one_is_made(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        answers = await asyncio.gather(
            *(api("PUT", "sys/audit/f", device(tmp_path / name)) for name in ("a", "b"))
        )
        assert sorted(answer.status for answer in answers) == [204, 400]
        (refused,) = (answer.errors for answer in answers if answer.status == 400)
        assert refused == ["path already in use"]
        await api("PUT", "sys/seal")
        await api("PUT", "sys/unseal", {"key": api.key.hex()}, token=None)
        assert list(api.core.audit.devices) == ["f/"]

    inprocess(scenario)


def test_device_made_again_at_once_stays(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(3):
            assert (await api("PUT", "sys/audit/f", device(tmp_path / "f"))).status == 204
            assert (await api("DELETE", "sys/audit/f")).status == 204
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "f"))).status == 204
        await asyncio.sleep(0.1)
        assert list(api.core.audit.devices) == ["f/"]

    inprocess(scenario)


def test_target_that_takes_no_line_is_no_device(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        for target in (tmp_path, Path("/dev/full")):
            refused = await api("PUT", "sys/audit/f", device(target))
            assert refused.status == 400
        assert (await api("GET", "sys/audit")).data == {}

    inprocess(scenario)
