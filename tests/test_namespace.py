from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from strongroom import namespace as namespaces
from strongroom import registry
from strongroom.breaker import MAX_ATTEMPTS
from strongroom.core import Core
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path
from strongroom.handler import Handler
from strongroom.logical import ROOT, SECOND, Namespace, Request, home_of, prefix_of
from strongroom.wire import ListenerTraits
from tests.inprocess import InProcess, inprocess
from tests.leasing import Leasing, later, leasing, reap, rows
from tests.namespaces import Call, inside, made, token_in

__all__ = ["leasing"]


# -- naming ----------------------------------------------------------------------------------------


def test_a_reference_names_its_namespace_by_its_end() -> None:
    assert home_of("srs.CAESIJ0123456789abcdef.Ab12Cd") == "Ab12Cd"
    assert home_of("srs.0123456789abcdefghijklmn") == "root"
    assert home_of("root") == home_of("") == home_of(".") == "root"
    assert prefix_of("root") == ROOT.prefix == ROOT.ending == ""
    team = Namespace("Ab12Cd", "team/", "u")
    assert (team.prefix, team.ending) == ("namespaces/Ab12Cd/", ".Ab12Cd")
    assert home_of("x" + team.ending) == team.id


@pytest.mark.parametrize("name", ("", "/", "root", "root/", "/root", "//", " / "))
def test_forms_of_root_are_root(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        assert (await inside(api, name)("GET", "sys/namespaces/team")).status == 200
        assert (await inside(api, name)("GET", "team/sys/namespaces/team")).status == 404
        assert (await team("GET", "sys/namespaces/team")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize("name", ("team/web", "/team/web", "team/web/", "//team//web//"))
def test_forms_of_a_path_and_half_of_it_in_the_path(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        _, web = await made(api, "team", "team/web")
        assert (await web("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        assert (await inside(api, name)("POST", "kv1/a", {"x": 1})).status == 204
        for call, path in (
            (inside(api, name), "kv1/a"),
            (inside(api, "team"), "web/kv1/a"),
            (inside(api, "root"), "team/web/kv1/a"),
            (api, "team/web/kv1/a"),
        ):
            assert (await call("GET", path)).data == {"x": 1}
        assert (await api("LIST", "team/web/kv1")).data == {"keys": ["a"]}
        assert (await inside(api, "team")("GET", "team/web/kv1/a")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    "name",
    ("none", "TEAM", "team/none", "root/team", "team/root", "team/../team", ".", "..", "team/..", "x" * 600),
)
def test_what_is_no_namespace_is_not_found(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        await made(api, "team")
        answer = await inside(api, name)("GET", "sys/mounts")
        assert (answer.status, answer.errors) == (404, ["namespace not found"])
        assert (await inside(api, name)("GET", "sys/mounts", token="nobody")).status == 404

    inprocess(scenario)


def test_a_path_that_was_no_namespace_becomes_one_and_ceases_to_be() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(2):
            for _ in range(2):
                assert (await api("GET", "team/sys/mounts")).status == 404
                assert (await api("GET", "team")).status == 404
            await made(api, "team")
            for _ in range(2):
                assert (await api("GET", "team")).status == 404
                assert (await api("GET", "team/sys/mounts")).status == 200
            assert (await api("DELETE", "sys/namespaces/team")).status == 200

    inprocess(scenario)


def test_what_is_looked_up_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "_CACHE_SIZE", 4)

    async def scenario(api: InProcess) -> None:
        await made(api, "team")
        for number in range(20):
            assert (await api("GET", f"n{number}/a")).status == 404
            assert (await inside(api, f"n{number}")("GET", "sys/mounts")).status == 404
            assert (await api("GET", "team/sys/mounts")).status == 200
        assert len(api.core.namespaces.outside) <= 4
        assert len(api.core.namespaces._paths) <= 4

    inprocess(scenario)


# -- at once ---------------------------------------------------------------------------------------


def test_two_that_make_the_same_namespace_make_one() -> None:
    async def scenario(api: InProcess) -> None:
        answers = await asyncio.gather(*(api("POST", "sys/namespaces/team", {}) for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.data["id"] for answer in answers}) == 1

    inprocess(scenario)


def test_a_namespace_and_a_mount_of_one_name_do_not_both_come_to_be() -> None:
    async def scenario(api: InProcess) -> None:
        for number in range(10):
            answers = await asyncio.gather(
                api("POST", f"sys/namespaces/n{number}", {}),
                api("POST", f"sys/mounts/n{number}/x", {"type": "kv"}),
            )
            assert sorted(answer.status for answer in answers) in ([200, 400], [204, 400]), answers

    inprocess(scenario)


def test_what_is_under_way_in_a_namespace_that_goes_leaves_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        assert (await team("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        writes = [team("POST", f"kv1/{number}", {"x": number}) for number in range(20)]
        answers = await asyncio.gather(*writes, api("DELETE", "sys/namespaces/team"))
        assert {answer.status for answer in answers} <= {200, 204, 404}
        assert (await team("POST", "kv1/a", {"x": 1})).status == 404
        await reap(api.core)
        assert await rows(api.core, "namespaces/") == {}

    inprocess(scenario)


class Alarm(Path):
    """Asks to be called in a minute."""

    pattern = "alarm"

    async def write(self, engine: Sleeping, request: Request) -> None:
        """Ask."""
        request.wake_at(request.now + 60 * SECOND, "x")


class Sleeping(Backend):
    """Notes that it was called."""

    type: ClassVar[str] = "sleeping"
    paths = (Alarm,)

    async def wake(self, request: Request, reference: str) -> None:
        request.view.put(f"woken-{reference}", b"{}")


@pytest.mark.parametrize("deleted", (True, False))
def test_engines_in_a_namespace_are_woken_while_it_is_there(
    monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    monkeypatch.setitem(registry.BUILTIN["mounts"], "sleeping", f"{__name__}:Sleeping")

    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        assert (await team("POST", "sys/mounts/bed", {"type": "sleeping"})).status == 204
        assert (await team("POST", "bed/alarm", {})).status == 204
        if deleted:
            assert (await api("DELETE", "sys/namespaces/team")).status == 200
        with later(api.core, 61):
            await reap(api.core)
        woken = [row for row in await rows(api.core, "namespaces/") if row.endswith("woken-x")]
        assert len(woken) == (0 if deleted else 1)
        assert [row for row in await rows(api.core, "sys/expire/at/") if "/w" in row] == []

    inprocess(scenario)


class Slow(Path):
    """A write that waits before it is done."""

    pattern = "wait"

    async def write(self, engine: Waiting, request: Request) -> None:
        """Store something once that is allowed."""
        request.view.put("late", b"{}")
        engine.arrived.set()
        await engine.allowed.wait()


class Waiting(Backend):
    """An engine that takes its time."""

    type: ClassVar[str] = "waiting"
    paths = (Slow,)
    arrived: ClassVar[asyncio.Event]
    allowed: ClassVar[asyncio.Event]


@pytest.mark.parametrize("cleared", (True, False))
def test_a_write_that_takes_longer_than_its_namespace_lives_is_not_made(
    monkeypatch: pytest.MonkeyPatch, cleared: bool
) -> None:
    monkeypatch.setitem(registry.BUILTIN["mounts"], "waiting", f"{__name__}:Waiting")

    async def scenario(api: InProcess) -> None:
        Waiting.arrived, Waiting.allowed = asyncio.Event(), asyncio.Event()
        (team,) = await made(api, "team")
        assert (await team("POST", "sys/mounts/slow", {"type": "waiting"})).status == 204
        write = asyncio.ensure_future(team("POST", "slow/wait", {}))
        await Waiting.arrived.wait()
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        if cleared:
            await reap(api.core)
            assert await rows(api.core, "namespaces/") == {}
        Waiting.allowed.set()
        assert (await write).status == 404
        await reap(api.core)
        assert await rows(api.core, "namespaces/") == {}

    inprocess(scenario)


# -- deletion --------------------------------------------------------------------------------------


async def filled(api: InProcess) -> dict[str, str]:
    """A namespace with everything in it; gives a token and leases of it."""
    (team,) = await made(api, "team")
    assert (await team("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
    assert (await team("POST", "sys/mounts/lease", {"type": "leasing"})).status == 204
    assert (await team("POST", "kv1/a", {"x": 1})).status == 204
    assert (await team("POST", "cubbyhole/a", {"x": 1})).status == 204
    own = await token_in(team, 'path "*" { capabilities = ["read", "update", "create", "sudo"] }')
    child = (await team("POST", "auth/token/create", {"policies": ["own"]}, token=own)).json["auth"]
    lease = (await team("GET", "lease/creds/app?ttl=3600")).json["lease_id"]
    theirs = (await team("GET", "lease/creds/app?ttl=3600", token=own)).json["lease_id"]
    quota = {"rate": 1000, "path": "team"}
    assert (await api("POST", "sys/quotas/rate-limit/q", quota)).status == 204
    return {"own": own, "child": child["client_token"], "lease": lease, "theirs": theirs}


@pytest.mark.usefixtures("leasing")
def test_a_deleted_namespace_is_out_of_reach_at_once_and_gone_soon() -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core)
        known = await filled(api)
        team = inside(api, "team")
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        assert (await team("GET", "kv1/a")).status == 404
        for name in ("own", "child"):
            for call in (api, team):
                assert (await call("GET", "auth/token/lookup-self", token=known[name])).status in (403, 404)
        await reap(api.core)
        with later(api.core, namespaces.WAIT + 1):
            await reap(api.core)
        after = await rows(api.core)
        assert {row for row in after if row not in before} <= {"core/index"}
        assert (await api("GET", "sys/quotas/rate-limit/q")).status == 404

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_nothing_of_a_namespace_survives_into_another_of_its_name() -> None:
    async def scenario(api: InProcess) -> None:
        known = await filled(api)
        first = (await api("GET", "sys/namespaces/team")).data
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        (team,) = await made(api, "team")
        second = (await api("GET", "sys/namespaces/team")).data
        assert first["id"] != second["id"]
        for _ in range(2):
            assert (await team("GET", "kv1/a")).status == 404
            assert (await team("GET", "cubbyhole/a")).status == 404
            assert (await team("GET", "sys/policies/acl/own")).status == 404
            for name in ("own", "child"):
                assert (await team("GET", "auth/token/lookup-self", token=known[name])).status == 403
            for name in ("lease", "theirs"):
                body = {"lease_id": known[name]}
                for path in ("lookup", "renew"):
                    assert (await team("PUT", f"sys/leases/{path}", body)).status == 400
            assert (await team("LIST", "sys/leases/lookup/")).status == 404
            with later(api.core, namespaces.WAIT + 1):
                await reap(api.core)
        assert (await team("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        assert (await team("GET", "kv1/a")).status == 404

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_leases_are_revoked_before_the_data_goes_and_tried_again_when_that_fails() -> None:
    async def scenario(api: InProcess) -> None:
        await filled(api)
        Leasing.failing.add("app")
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        for seconds in (0, 5):
            with later(api.core, seconds):
                await reap(api.core)
        assert [row for row in await rows(api.core, "namespaces/") if "/issued/" in row]
        Leasing.failing.clear()
        with later(api.core, 1000):
            await reap(api.core)
        with later(api.core, 1010):
            await reap(api.core)
        assert await rows(api.core, "namespaces/") == {}

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_leases_that_can_never_be_revoked_do_not_keep_a_namespace(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: InProcess) -> None:
        await filled(api)
        Leasing.failing.add("app")
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        for attempt in range(MAX_ATTEMPTS + 3):
            with later(api.core, attempt * 1000):
                await reap(api.core)
        assert await rows(api.core, "namespaces/") == {}
        assert await rows(api.core, "core/namespaces/") == {}

    inprocess(scenario)
    assert "2 leases of a deleted namespace could not be revoked" in caplog.text


@pytest.mark.usefixtures("leasing")
def test_a_deletion_goes_on_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "BULK", 1)
    monkeypatch.setattr("strongroom.lease.PURGE", 2)

    async def scenario(api: InProcess) -> None:
        await filled(api)
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        await api.core.lifecycle.seal()
        for round_ in range(200):
            core = Core(api.core.config, api.core.store.physical)
            await core.start()
            await core.lifecycle.submit(api.key)
            try:
                with later(core, round_ * 3):
                    for when, kind, reference in (await _due(core))[:3]:
                        await namespaces_step(core, when, kind, reference)
            finally:
                await core.lifecycle.seal()
            if not await rows(core, "namespaces/"):
                break
        else:
            raise AssertionError("never done")
        again = Core(api.core.config, api.core.store.physical)
        await again.start()
        await again.lifecycle.submit(api.key)
        fresh = InProcess(again, Handler(again), api.key)
        assert (await fresh("GET", "sys/namespaces/team")).status == 404
        await again.lifecycle.seal()

    inprocess(scenario)


async def _due(core: Core) -> list[tuple[int, str, str]]:
    tx = core.store.begin(write=False)
    try:
        return await core.leases.due(tx, core.clock(), 10)
    finally:
        tx.close()


async def namespaces_step(core: Core, when: int, kind: str, reference: str) -> None:
    await core.reaper._end((when, kind, reference))


def test_the_reaper_reads_one_index_whatever_the_number_of_namespaces() -> None:
    """What is read grows with what is due, not with the namespaces there are."""

    async def scenario(api: InProcess) -> None:
        await made(api, *(f"n{number}" for number in range(12)))
        for number in range(12):
            await inside(api, f"n{number}")("POST", "auth/token/create", {"ttl": "1h"})
        reads = _count_reads(api)
        await reap(api.core)
        assert reads() <= 2
        with later(api.core, 3601):
            await reap(api.core)
        for number in range(12):
            listed = await inside(api, f"n{number}")("LIST", "auth/token/accessors")
            assert listed.status == 404

    inprocess(scenario)


def _count_reads(api: InProcess) -> Callable[[], int]:
    physical, counted = api.core.store.physical, [0]
    snapshot: Callable[[], Any] = physical.snapshot

    def counting() -> Any:
        counted[0] += 1
        return snapshot()

    physical.snapshot = counting  # type: ignore[method-assign]

    def read() -> int:
        physical.snapshot = snapshot  # type: ignore[method-assign]
        return counted[0]

    return read


# -- quotas, audit ---------------------------------------------------------------------------------


def test_rate_limits_by_namespace_and_those_below() -> None:
    async def scenario(api: InProcess) -> None:
        team, web, other = await made(api, "team", "team/web", "other")
        rule = {"rate": 1, "interval": 3600, "path": "team"}
        assert (await api("POST", "sys/quotas/rate-limit/q", rule)).status == 204
        assert (await api("GET", "sys/quotas/rate-limit/q")).data["path"] == "team/"
        assert [(await team("GET", "sys/mounts")).status for _ in range(2)] == [200, 429]
        for call in (api, web, other):
            assert [(await call("GET", "sys/mounts")).status for _ in range(2)] == [200, 200]
        rule["inheritable"] = True
        assert (await api("POST", "sys/quotas/rate-limit/q", rule)).status == 204
        assert [(await web("GET", "sys/mounts")).status for _ in range(2)] == [200, 429]
        assert (await api("GET", "team/sys/mounts")).status == 429
        assert (await other("GET", "sys/mounts")).status == 200
        assert (await api("DELETE", "sys/quotas/rate-limit/q")).status == 204
        assert (await web("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        rule = {"rate": 1, "interval": 3600, "path": "team/web/kv1/a"}
        assert (await api("POST", "sys/quotas/rate-limit/q", rule)).status == 204
        assert [(await web("GET", "kv1/a")).status for _ in range(2)] == [404, 429]
        assert (await web("GET", "kv1/b")).status == 404
        refused = await api("POST", "sys/quotas/rate-limit/r", {"rate": 1, "path": "team/none"})
        assert refused.errors == ['invalid mount path "none/"']

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_bounds_on_leases_by_namespace() -> None:
    async def scenario(api: InProcess) -> None:
        calls: list[Call] = [api, *await made(api, "team", "team/web", "other")]
        for call in calls:
            assert (await call("POST", "sys/mounts/lease", {"type": "leasing"})).status == 204
        team, web = calls[1:3]
        rule: dict[str, object] = {"max_leases": 1, "path": "team"}
        assert (await api("POST", "sys/quotas/lease-count/q", rule)).status == 204
        assert [(await team("GET", "lease/creds/app")).status for _ in range(2)] == [200, 429]
        assert [(await web("GET", "lease/creds/app")).status for _ in range(2)] == [200, 200]
        read = (await api("GET", "sys/quotas/lease-count/q")).data
        assert (read["path"], read["counter"], read["inheritable"]) == ("team/", 1, False)
        rule = {"max_leases": 4, "path": "team", "inheritable": True}
        assert (await api("POST", "sys/quotas/lease-count/q", rule)).status == 204
        assert (await web("GET", "lease/creds/app")).status == 200
        assert (await web("GET", "lease/creds/app")).status == 429
        assert (await team("GET", "lease/creds/app")).status == 429
        for call in (calls[0], calls[3]):
            assert (await call("GET", "lease/creds/app")).status == 200

    inprocess(scenario)


def test_audit_lines_name_the_namespaces_of_request_and_policy(tmp_path: Any) -> None:
    import orjson  # noqa: PLC0415  for the lines only

    log = tmp_path / "audit.log"

    async def scenario(api: InProcess) -> None:
        team, _ = await made(api, "team", "team/web")
        device = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("POST", "sys/audit/log", device)).status == 204
        own = await token_in(team, 'path "web/sys/mounts" { capabilities = ["read"] }')
        log.write_bytes(b"")
        assert (await api("GET", "team/web/sys/mounts", token=own)).status == 200
        ids = [(await api("GET", "sys/namespaces/team")).data["id"]]
        ids.append((await team("GET", "sys/namespaces/web")).data["id"])
        line = orjson.loads(log.read_bytes().splitlines()[1])
        assert line["request"]["namespace"] == {"id": ids[1], "path": "team/web/"}
        assert (line["request"]["path"], line["request"]["mount_point"]) == ("sys/mounts", "team/web/sys/")
        assert line["response"]["mount_point"] == "team/web/sys/"
        assert line["auth"]["policy_results"]["granting_policies"] == [
            {"name": "own", "namespace_id": ids[0], "namespace_path": "team/", "type": "acl"}
        ]

    inprocess(scenario)


# -- other places ----------------------------------------------------------------------------------


def test_capabilities_are_told_for_paths_as_seen_from_the_request() -> None:
    async def scenario(api: InProcess) -> None:
        team, web, other = await made(api, "team", "team/web", "other")
        value = await token_in(team, 'path "web/kv/*" { capabilities = ["read"] }')
        for call, path in ((api, "team/web/kv/a"), (team, "web/kv/a"), (web, "kv/a")):
            told = (await call("POST", "sys/capabilities", {"paths": [path, "kv/b"], "token": value})).data
            assert told[path] == ["read"]
            assert told["kv/b"] == (["read"] if call is web else ["deny"])
        told = (await other("POST", "sys/capabilities", {"paths": ["kv/a"], "token": value})).data
        assert told["kv/a"] == ["deny"]
        why = (await team("POST", "sys/internal/explain", {"path": "web/kv/a", "token": value})).data
        assert why["allowed"] is True

    inprocess(scenario)


def test_mounts_of_namespaces_below_are_told_to_who_may_use_them() -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        assert (await team("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        reader = await api.policy_token('path "team/kv1/*" { capabilities = ["read"] }')
        for call, path, shown in ((api, "team/kv1/a", "team/kv1/"), (team, "kv1/a", "kv1/")):
            told = await call("GET", f"sys/internal/ui/mounts/{path}", token=reader)
            assert told.data["path"] == shown
        assert list((await team("GET", "sys/internal/ui/mounts", token=reader)).data["secret"]) == ["kv1/"]
        assert (await team("GET", "sys/internal/ui/mounts", token=None)).data == {"auth": {}, "secret": {}}
        own = await token_in(team)
        assert (await api("GET", "sys/internal/ui/mounts", token=own)).status == 403

    inprocess(scenario)


def test_a_listener_may_show_a_namespace_as_if_it_were_the_root() -> None:
    async def scenario(api: InProcess) -> None:
        team, _ = await made(api, "team", "team/web")
        await team("POST", "sys/mounts/kv", {"type": "kv"})
        await team("POST", "kv/a", {"of": "team"})
        await api("POST", "sys/mounts/kv", {"type": "kv"})
        await api("POST", "kv/a", {"of": "root"})
        door = replace(api, traits=ListenerTraits(chroot_namespace="team"))
        for spelling in ("", "/", "root", "root/"):
            assert (await inside(door, spelling)("GET", "kv/a")).data == {"of": "team"}
        assert (await door("GET", "kv/a")).data == {"of": "team"}
        assert (await door("LIST", "sys/namespaces")).data["keys"] == ["web/"]
        assert (await inside(door, "web")("GET", "kv/a")).status == 404
        for outside in ("..", "team", "../", "web/../..", "root/kv"):
            assert (await inside(door, outside)("GET", "kv/a")).status == 404, outside
        assert (await door("GET", "sys/health")).status == 200
        assert (await door("POST", "sys/seal")).status in (400, 404)
        assert not api.core.barrier.sealed
        assert (await api("GET", "kv/a")).data == {"of": "root"}

    inprocess(scenario)
