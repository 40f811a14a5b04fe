"""From version 1 to 2: every secret becomes the first version of itself, all at once or not at all."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from strongroom.errors import StorageFailed
from strongroom.storage.lmdb import LMDB
from strongroom.storage.physical import Batch
from tests.secrets.clocked import Clocked, run, start

UPGRADE = {"options": {"version": "2"}}


async def tune(kv: Clocked, body: object) -> int:
    answer = await kv.api("POST", "sys/mounts/m/tune", body)
    return answer.status


def test_secrets_become_first_versions() -> None:
    async def scenario(kv: Clocked) -> None:
        secrets = {"a": {"x": 1}, "dir/b": {"y": [1.5]}, "é": {"data": {}}, "a/b/c": {"z": None}}
        for path, secret in secrets.items():
            await kv.done("POST", path.replace("é", "%C3%A9"), secret)
        await kv.done("POST", "n", b'{"n": 1.10}')
        kv.clock.advance(60)
        assert await tune(kv, UPGRADE) == 204
        for path, secret in secrets.items():
            found = await kv.get(f"data/{path.replace('é', '%C3%A9')}")
            assert found["data"] == secret
            assert found["metadata"]["version"] == 1
            assert found["metadata"]["created_time"] == kv.clock.text()
        assert b'"data":{"n":1.10}' in (await kv("GET", "data/n")).body
        assert await kv.keys("metadata", "SCAN") == sorted([*secrets, "n"], key=str.encode)
        assert (await kv.put("a", {}, cas=1))["version"] == 2
        assert (await kv("GET", "a")).status == 404

    run(scenario, version="1")


def test_there_is_no_way_back() -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.put("a", {"x": 1})
        assert await tune(kv, {"options": {"version": "1"}}) == 400
        assert await tune(kv, UPGRADE) == 204
        assert await tune(kv, {"options": {"version": "3"}}) == 400
        assert (await kv.get("data/a"))["data"] == {"x": 1}

    run(scenario)


class Failing(LMDB):
    """Fails instead of committing while told to, as a machine that dies before the commit."""

    dead = False

    async def commit(self, batch: Batch) -> None:
        if self.dead:
            raise StorageFailed
        await super().commit(batch)


async def rows(storage: LMDB) -> dict[str, bytes | None]:
    """Everything that is stored, as it is stored."""
    with closing(storage.snapshot()) as snapshot:
        return {key: await snapshot.get(key) for key in await snapshot.scan("")}


@pytest.mark.parametrize("count", (1, 200))
def test_an_upgrade_that_is_cut_short_changes_nothing(tmp_path: Path, count: int) -> None:
    async def scenario() -> None:
        storage = Failing(tmp_path / "data")
        kv = await start(storage, version="1")
        for number in range(count):
            await kv.done("POST", f"s{number}", {"v": number})
        before = await rows(storage)
        storage.dead = True
        assert await tune(kv, UPGRADE) == 500
        storage.dead = False
        assert await rows(storage) == before
        assert await kv.get("s0") == {"v": 0}
        assert await tune(kv, UPGRADE) == 204
        assert (await kv.get("data/s0"))["data"] == {"v": 0}
        await kv.api.close()

    asyncio.run(scenario())
