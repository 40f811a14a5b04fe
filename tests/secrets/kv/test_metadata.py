"""KV version 2: metadata, its check-and-set, listings, and the mount's settings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.secrets.clocked import Clocked, run

UNSET: dict[str, Any] = {
    "cas_required": False,
    "current_metadata_version": 0,
    "current_version": 0,
    "custom_metadata": None,
    "delete_version_after": "0s",
    "max_versions": 0,
    "metadata_cas_required": False,
    "oldest_version": 0,
    "versions": {},
}


def test_metadata_before_data() -> None:
    async def scenario(kv: Clocked) -> None:
        assert (await kv("GET", "metadata/a")).status == 404
        given = {
            "max_versions": "2",
            "custom_metadata": {"n": 1},
            "delete_version_after": 90,
            "cas_required": 1,
        }
        await kv.done("POST", "metadata/a", given)
        assert await kv.get("metadata/a") == UNSET | {
            "max_versions": 2,
            "custom_metadata": {"n": "1"},
            "delete_version_after": "1m30s",
            "cas_required": True,
            "current_metadata_version": 1,
            "created_time": kv.clock.text(),
            "updated_time": kv.clock.text(),
        }
        assert (await kv("GET", "data/a")).status == 404
        written = await kv.put("a", {}, cas=0)
        assert written["version"] == 1
        assert written["custom_metadata"] == {"n": "1"}
        assert written["deletion_time"] == kv.clock.text(90)

    run(scenario)


@pytest.mark.parametrize("body", (None, {}, {"unknown": 1}, {"metadata_cas": 7}))
def test_a_write_that_sets_nothing_changes_nothing(body: Any) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "metadata/a", body)
        assert (await kv("GET", "metadata/a")).status == 404
        await kv.put("a", {})
        before = await kv.get("metadata/a")
        kv.clock.advance(5)
        await kv.done("POST", "metadata/a", body)
        await kv.done("PATCH", "metadata/a", body)
        assert await kv.get("metadata/a") == before

    run(scenario)


def test_history_in_the_metadata() -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "metadata/a", {"max_versions": 2})
        times = []
        for number in range(3):
            times.append(kv.clock.text())
            await kv.put("a", {"v": number})
            kv.clock.advance(1)
        found = await kv.get("metadata/a")
        assert (found["current_version"], found["oldest_version"]) == (3, 2)
        assert (found["created_time"], found["updated_time"]) == (times[0], times[2])
        assert found["versions"] == {
            str(number): {"created_time": times[number - 1], "deletion_time": "", "destroyed": False}
            for number in (2, 3)
        }
        assert (await kv("GET", "data/a?version=1")).status == 404
        await kv.done("DELETE", "metadata/a")
        assert (await kv("GET", "metadata/a")).status == (await kv("GET", "data/a")).status == 404
        await kv.done("DELETE", "metadata/a")
        assert (await kv.put("a", {}))["version"] == 1

    run(scenario)


def test_nothing_of_a_deleted_secret_stays_in_storage() -> None:
    async def scenario(kv: Clocked) -> None:
        for number in range(12):
            await kv.put("a", {"v": number})
        await kv.done("DELETE", "metadata/a")
        tx = kv.api.core.store.begin(write=False)
        assert await tx.scan(kv.api.core.mounts.by_prefix["m/"].storage_prefix) == []
        tx.close()

    run(scenario)


def test_patch_sets_back_with_null() -> None:
    async def scenario(kv: Clocked) -> None:
        missing = await kv("PATCH", "metadata/a", {"max_versions": 1})
        assert (missing.status, missing.body) == (404, b"")
        custom = {"a": "1", "b": "2"}
        settings = {"max_versions": 3, "cas_required": True, "delete_version_after": "10m"}
        await kv.done("POST", "metadata/a", settings | {"custom_metadata": custom})
        await kv.done("PATCH", "metadata/a", {"custom_metadata": {"a": None, "c": "3"}})
        assert (await kv.get("metadata/a"))["custom_metadata"] == {"b": "2", "c": "3"}
        await kv.done("PATCH", "metadata/a", {"custom_metadata": {}})
        assert (await kv.get("metadata/a"))["custom_metadata"] == {"b": "2", "c": "3"}
        await kv.done("PATCH", "metadata/a", dict.fromkeys(settings))
        found = await kv.get("metadata/a")
        assert {name: found[name] for name in settings} == {name: UNSET[name] for name in settings}
        await kv.done("PATCH", "metadata/a", {"custom_metadata": None})
        assert (await kv.get("metadata/a"))["custom_metadata"] is None
        assert "ending in '/'" in await kv.refused("PATCH", "metadata/dir/", {"max_versions": 1})

    run(scenario)


@pytest.mark.parametrize("cleared", ({}, [], None))
def test_a_write_replaces_custom_metadata(cleared: Any) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "metadata/a", {"custom_metadata": {"a": "1"}})
        await kv.done("POST", "metadata/a", {"custom_metadata": {"b": "2"}})
        assert (await kv.get("metadata/a"))["custom_metadata"] == {"b": "2"}
        await kv.done("POST", "metadata/a", {"custom_metadata": cleared})
        assert (await kv.get("metadata/a"))["custom_metadata"] is None

    run(scenario)


@pytest.mark.parametrize(
    ("body", "word"),
    (
        ({"max_versions": -1}, "max_versions"),
        ({"max_versions": 1.5}, "max_versions"),
        ({"max_versions": "x"}, "max_versions"),
        ({"cas_required": "maybe"}, "cas_required"),
        ({"delete_version_after": "soon"}, "delete_version_after"),
        ({"delete_version_after": "-5s"}, "delete_version_after"),
        ({"delete_version_after": []}, "delete_version_after"),
        ({"custom_metadata": "text"}, "custom_metadata"),
        ({"custom_metadata": ["a=b"]}, "custom_metadata"),
        ({"custom_metadata": {"k": ""}}, "custom_metadata"),
    ),
)
def test_refused_settings_change_nothing(body: dict[str, Any], word: str) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.done("POST", "metadata/a", {"max_versions": 4})
        before = await kv.get("metadata/a")
        for verb in ("POST", "PATCH"):
            assert word in await kv.refused(verb, "metadata/a", {"cas_required": True} | body)
        assert await kv.get("metadata/a") == before

    run(scenario)


@pytest.mark.parametrize("place", ("mount", "secret"))
def test_metadata_check_and_set(place: str) -> None:
    async def scenario(kv: Clocked) -> None:
        where = "config" if place == "mount" else "metadata/a"
        await kv.done("POST", where, {"metadata_cas_required": True})
        base = 0 if place == "mount" else 1
        for verb in ("POST", "PATCH") if place == "secret" else ("POST",):
            required = await kv.refused(verb, "metadata/a", {"max_versions": 1})
            assert required == "metadata check-and-set parameter required for this call"
            mismatch = await kv.refused(verb, "metadata/a", {"max_versions": 1, "metadata_cas": 9})
            assert mismatch == "metadata check-and-set parameter does not match the current version"
        await kv.done("POST", "metadata/a", {"max_versions": 1, "metadata_cas": base})
        await kv.done("PATCH", "metadata/a", {"max_versions": 2, "metadata_cas": base + 1})
        await kv.put("a", {})
        found = await kv.get("metadata/a")
        assert (found["max_versions"], found["current_metadata_version"]) == (2, base + 2)

    run(scenario)


def test_listings() -> None:
    async def scenario(kv: Clocked) -> None:
        assert (await kv("LIST", "metadata")).status == 404
        assert (await kv("SCAN", "metadata")).data == {}
        assert (await kv("SCAN", "detailed-metadata")).data == {}
        for path in ("b", "a", "dir/x", "dir/y/z", "é"):
            await kv.put(path, {})
        assert await kv.keys("metadata") == ["a", "b", "dir/", "é"]
        assert await kv.keys("metadata/dir") == ["x", "y/"]
        assert await kv.keys("metadata/?after=a&limit=2") == ["b", "dir/"]
        assert await kv.keys("metadata", "SCAN") == ["a", "b", "dir/x", "dir/y/z", "é"]
        assert await kv.keys("metadata/dir", "SCAN") == ["x", "y/z"]
        detailed = (await kv("LIST", "detailed-metadata")).data
        assert detailed["keys"] == ["a", "b", "dir/", "é"]
        assert detailed["key_info"]["dir/"] == {}
        assert detailed["key_info"]["a"] == await kv.get("metadata/a")
        deep = (await kv("SCAN", "detailed-metadata/dir")).data
        assert deep["key_info"] == {path: await kv.get(f"metadata/dir/{path}") for path in ("x", "y/z")}
        await kv.done("DELETE", "data/a")
        assert "a" in await kv.keys("metadata"), "a deleted version is still listed"
        await kv.done("DELETE", "metadata/dir/x")
        await kv.done("DELETE", "metadata/dir/y/z")
        assert await kv.keys("metadata") == ["a", "b", "é"]

    run(scenario)


def test_ten_thousand_names_in_pages() -> None:
    async def scenario(kv: Clocked) -> None:
        names = [f"k{i:05d}" for i in range(10_000)]
        await kv.get("config")  # from here on the mount is known
        core = kv.api.core
        tx = core.store.begin(write=True)
        view = core.view(tx, core.mounts.by_prefix["m/"].storage_prefix)
        for name in names:
            view.put(f"metadata/folder/{name}", b"{}")
        await core.store.commit(tx)
        assert await kv.keys("metadata/folder") == names
        for verb in ("LIST", "SCAN"):
            found = [""]
            while page := await kv.keys(f"metadata/folder/?limit=999&after={found[-1]}", verb):
                assert len(page) <= 999
                found += page
            assert found[1:] == names

    run(scenario)


def test_settings_of_the_mount() -> None:
    async def scenario(kv: Clocked) -> None:
        unset = {"cas_required": False, "delete_version_after": "0s", "max_versions": 0}
        unset |= {"metadata_cas_required": False}
        assert await kv.get("config") == unset
        await kv.done("POST", "config", {"max_versions": 2, "cas_required": "true"})
        await kv.done("PUT", "config", {"delete_version_after": "2h"})
        await kv.done("POST", "config")
        expected = {"max_versions": 2, "cas_required": True, "delete_version_after": "2h0m0s"}
        assert await kv.get("config") == unset | expected
        assert (
            await kv.refused("POST", "data/a", {"data": {}})
            == "check-and-set parameter required for this call"
        )
        for number in range(4):
            await kv.put("a", {"v": number}, cas=number)
        assert set((await kv.get("metadata/a"))["versions"]) == {"3", "4"}
        await kv.done("POST", "metadata/b", {"delete_version_after": "1h", "max_versions": 1})
        assert (await kv.put("b", {}, cas=0))["deletion_time"] == kv.clock.text(3600)
        await kv.done("POST", "config", {"delete_version_after": "-1s"})
        assert (await kv.get("config"))["delete_version_after"] == "-1s"
        assert (await kv.put("b", {}, cas=1))["deletion_time"] == ""
        for body in ({"max_versions": -2}, {"max_versions": "x"}, {"delete_version_after": "x"}):
            await kv.refused("POST", "config", body)

    run(scenario)
