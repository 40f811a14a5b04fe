"""Many at once on one secret, on the storage of real servers: every version has exactly one writer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from strongroom.storage.lmdb import LMDB
from tests.secrets.clocked import Clocked, run

WRITERS = 50


def test_of_many_writers_with_one_cas_one_wins(tmp_path: Path) -> None:
    async def scenario(kv: Clocked) -> None:
        for current in range(5):

            async def write(writer: int, current: int = current) -> int:
                body = {"data": {"writer": writer}, "options": {"cas": current}}
                answer = await kv("POST", "data/a", body)
                assert answer.status in {200, 400}, answer
                if answer.status == 400:
                    assert answer.errors == ["check-and-set parameter did not match the current version"]
                return answer.status

            statuses = await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
            assert statuses.count(200) == 1
            winner = (await kv.get("data/a"))["data"]["writer"]
            assert statuses[winner] == 200
        assert (await kv.get("metadata/a"))["current_version"] == 5

    run(scenario, lambda: LMDB(tmp_path / "data"))


def test_writers_without_cas_lose_nothing_silently(tmp_path: Path) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "metadata/a", {"max_versions": 1000})

        async def write(writer: int) -> int | None:
            answer = await kv("POST", "data/a", {"data": {"writer": writer}})
            assert answer.status in {200, 409}, answer
            version: int | None = answer.data["version"] if answer.status == 200 else None
            return version

        given = await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        versions = [version for version in given if version is not None]
        assert sorted(versions) == list(range(1, len(versions) + 1)), "each version was given once"
        for writer, version in enumerate(given):
            if version is not None:
                found = await kv.get(f"data/a?version={version}")
                assert found["data"] == {"writer": writer}
        assert (await kv.get("metadata/a"))["current_version"] == len(versions)

    run(scenario, lambda: LMDB(tmp_path / "data"))


def test_patches_at_once_all_arrive_or_are_refused(tmp_path: Path) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.put("a", {})

        async def patch(key: int) -> tuple[int, int]:
            answer = await kv("PATCH", "data/a", {"data": {f"k{key}": key}})
            assert answer.status in {200, 409}, answer
            return key, answer.status

        answers = await asyncio.gather(*(patch(key) for key in range(20)))
        arrived = {f"k{key}": key for key, status in answers if status == 200}
        assert (await kv.get("data/a"))["data"] == arrived
        assert arrived

    run(scenario, lambda: LMDB(tmp_path / "data"))


def test_long_paths_and_large_values_on_lmdb(tmp_path: Path) -> None:
    async def scenario(kv: Clocked) -> None:
        path = "/".join(["segment" * 10] * 55)
        value = {"blob": "x" * 5_000_000}
        await kv.put(path, value)
        assert len(path) > 3_900
        assert (await kv.get(f"data/{path}"))["data"] == value
        assert await kv.keys("metadata", "SCAN") == [path]

    run(scenario, lambda: LMDB(tmp_path / "data"))
