"""KV version 2: deleting, undeleting and destroying versions."""

from __future__ import annotations

import pytest

from tests.secrets.clocked import Clocked, run


async def three_versions(kv: Clocked) -> None:
    for number in (1, 2, 3):
        await kv.put("a", {"v": number})
        kv.clock.advance(1)


async def readable(kv: Clocked) -> list[int]:
    return [n for n in (1, 2, 3) if (await kv("GET", f"data/a?version={n}")).status == 200]


def test_deleted_versions_come_back() -> None:
    async def scenario(kv: Clocked) -> None:
        await three_versions(kv)
        await kv.done("DELETE", "data/a")
        deleted = kv.clock.text()
        kv.clock.advance(10)
        gone = await kv("GET", "data/a")
        assert gone.status == 404
        assert gone.data["data"] is None
        assert gone.data["metadata"]["deletion_time"] == deleted
        assert gone.data["metadata"]["destroyed"] is False
        await kv.done("DELETE", "data/a")
        await kv.done("POST", "delete/a", {"versions": [1, 3]})
        assert (await kv("GET", "data/a")).data["metadata"]["deletion_time"] == deleted
        assert await readable(kv) == [2]
        await kv.done("PUT", "undelete/a", {"versions": "1,3"})
        assert await readable(kv) == [1, 2, 3]
        assert (await kv.get("data/a"))["data"] == {"v": 3}

    run(scenario)


def test_destroyed_versions_do_not() -> None:
    async def scenario(kv: Clocked) -> None:
        await three_versions(kv)
        await kv.done("POST", "destroy/a", {"versions": [1, 3, 99]})
        gone = await kv("GET", "data/a")
        assert (gone.status, gone.data["metadata"]["destroyed"]) == (404, True)
        await kv.done("POST", "undelete/a", {"versions": [1, 3]})
        assert await readable(kv) == [2]
        store, prefix = kv.api.core.store, kv.api.core.mounts.by_prefix["m/"].storage_prefix
        tx = store.begin(write=False)
        assert await tx.scan(f"{prefix}versions/") == ["a/2"]
        tx.close()

    run(scenario)


@pytest.mark.parametrize("versions", ([2], ["2"], "2", 2, "1,2", [1, 2, 99], [-1, 0, 2]))
def test_forms_of_version_numbers(versions: object) -> None:
    async def scenario(kv: Clocked) -> None:
        await three_versions(kv)
        await kv.done("POST", "delete/a", {"versions": versions})
        assert 2 not in await readable(kv)
        assert 3 in await readable(kv)

    run(scenario)


def test_no_versions() -> None:
    async def scenario(kv: Clocked) -> None:
        await three_versions(kv)
        bodies: tuple[dict[str, object], ...] = ({}, {"versions": []}, {"versions": ""}, {"versions": None})
        for body in bodies:
            for path, sentence in (("delete", "No"), ("undelete", "No"), ("destroy", "no")):
                assert await kv.refused("POST", f"{path}/a", body) == f"{sentence} version number provided"
        assert '"versions"' in await kv.refused("POST", "destroy/a", {"versions": ["x"]})
        assert await readable(kv) == [1, 2, 3]

    run(scenario)


def test_of_no_secret() -> None:
    async def scenario(kv: Clocked) -> None:
        for path in ("delete", "undelete", "destroy"):
            await kv.done("POST", f"{path}/none", {"versions": [1]})
            assert (await kv("GET", f"{path}/none")).status == 405
        await kv.done("DELETE", "data/none")
        assert (await kv("GET", "metadata/none")).status == 404

    run(scenario)


def test_versions_expire_and_undelete_gives_them_their_time_again() -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "config", {"delete_version_after": "1h"})
        written = await kv.put("a", {"v": 1})
        assert written["deletion_time"] == kv.clock.text(3600)
        kv.clock.advance(3599.999)
        assert (await kv("GET", "data/a")).status == 200
        kv.clock.advance(0.001)
        assert (await kv("GET", "data/a")).status == 404
        kv.clock.advance(60)
        await kv.done("POST", "undelete/a", {"versions": [1]})
        assert (await kv.get("data/a"))["metadata"]["deletion_time"] == kv.clock.text(3600)

    run(scenario)
