from __future__ import annotations

import pytest

from strongroom.errors import BadRequest, Conflict
from strongroom.mount import AUTH, SECRET, clean_path, new_entry, route_prefix
from tests.inprocess import InProcess, inprocess


@pytest.mark.parametrize(
    ("path", "expected"),
    (("a", "a/"), ("/a/", "a/"), ("a/b", "a/b/"), ("a b", "a b/"), ("größe", "größe/"), ("a.b-c", "a.b-c/")),
)
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    assert clean_path(path, SECRET) == expected
    assert clean_path(expected, SECRET) == expected


@pytest.mark.parametrize(
    "path",
    ("", "/", "a//b", "a/../b", ".", "..", "a/.", "a*", "a+", "a?", "a#", "a%41", "a\n", "a\x00", " a", "a "),
)
def test_paths_that_cannot_be(path: str) -> None:
    for table in (SECRET, AUTH):
        with pytest.raises(BadRequest):
            clean_path(path, table)


@pytest.mark.parametrize("path", ("sys", "sys/a", "auth", "auth/a", "cubbyhole", "identity/x", "audit"))
def test_paths_that_are_the_servers(path: str) -> None:
    with pytest.raises(BadRequest):
        clean_path(path, SECRET)


def test_every_row_is_one_of_a_kind() -> None:
    entries = [new_entry(AUTH, "a/", "userpass") for _ in range(50)]
    assert len({entry.uuid for entry in entries}) == len({entry.accessor for entry in entries}) == 50
    assert all(entry.accessor.startswith("auth_userpass_") for entry in entries)
    assert new_entry(SECRET, "a/", "kv").accessor.startswith("kv_")
    assert route_prefix(entries[0]) == "auth/a/"


def test_the_table_finds_the_mount_of_any_path() -> None:
    async def scenario(api: InProcess) -> None:
        for path in ("a", "b/c/d", "b/cd"):
            await api("POST", f"sys/mounts/{path}", {"type": "kv"})
        await api.core.mounts.load()
        find = api.core.mounts.find
        for path, expected in (
            ("a/", "a/"),
            ("a/x/y", "a/"),
            ("b/c/d/x", "b/c/d/"),
            ("b/c/dx", None),
            ("b/cd/x", "b/cd/"),
            ("b/", None),
            ("a", None),
            ("", None),
            ("auth/token/create", "auth/token/"),
            ("auth/x", None),
        ):
            mount = find(path)
            assert (mount.prefix if mount else None) == expected, path

    inprocess(scenario)


def test_a_change_is_known_to_the_next_request_and_engines_that_did_not_change_are_kept() -> None:
    async def scenario(api: InProcess) -> None:
        mounts = api.core.mounts
        await api("GET", "sys/mounts")
        backend = mounts.by_prefix["secret/"].backend
        await api("POST", "sys/mounts/a", {"type": "kv"})
        before = mounts.stale
        await api("GET", "sys/mounts")
        assert (before, mounts.stale) == (True, False)
        assert "a/" in mounts.by_prefix
        assert mounts.by_prefix["secret/"].backend is backend
        await api("POST", "sys/mounts/secret/tune", {"description": "d"})
        await api("GET", "sys/mounts")
        assert mounts.by_prefix["secret/"].backend is backend
        assert backend.mount.entry.description == "d"

    inprocess(scenario)


def test_who_holds_a_mount_that_changes_begins_again() -> None:
    async def scenario(api: InProcess) -> None:
        core = api.core
        await core.mounts.load()
        request = core.internal_request()
        core.mounts.hold(request.tx, core.mounts.by_prefix["secret/"])
        request.tx.put("x", b"1")
        await api("POST", "sys/mounts/secret/tune", {"description": "d"})
        with pytest.raises(Conflict):
            await core.store.commit(request.tx)
        late = core.internal_request()
        with pytest.raises(Conflict):
            core.mounts.hold(late.tx, core.mounts.by_prefix["secret/"])
        late.tx.close()

    inprocess(scenario)


def test_an_engine_that_cannot_start_does_not_stop_the_server() -> None:
    async def scenario(api: InProcess) -> None:
        core = api.core
        entry = new_entry(SECRET, "broken/", "engine-of-another-version")
        request = core.internal_request()
        core.mounts.put(request.tx, entry)
        await core.store.commit(request.tx)
        answer = await api("GET", "broken/a")
        assert answer.status == 500
        assert (await api("GET", "secret/data/a")).status == 404
        assert (await api("GET", "sys/mounts")).data["broken/"]["type"] == "engine-of-another-version"
        assert (await api("DELETE", "sys/mounts/broken")).status == 204

    inprocess(scenario)
