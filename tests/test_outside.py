"""Leases of systems outside: queues, limits, breakers, deadlines, and what a restart or a crash leaves."""

from __future__ import annotations

import asyncio
import logging

import pytest

from strongroom import outside, registry
from strongroom.breaker import MAX_ATTEMPTS
from strongroom.core import Core
from strongroom.handler import Handler
from strongroom.mount import Degraded
from strongroom.outside import LIMIT
from tests.distant import Distant, World, irrevocable, issue, mounted, stored, world
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows

__all__ = ["world"]  # a fixture

pytestmark = pytest.mark.usefixtures("world")


async def restarted(api: InProcess) -> InProcess:
    """Another server on the same storage, unsealed, of which nobody has asked anything."""
    await api.core.lifecycle.seal()
    core = Core(api.core.config, api.core.store.physical)
    core.leases.chance = lambda: 0.5
    now = api.core.clock
    core.clock = now
    await core.start()
    await core.lifecycle.submit(api.key)
    return InProcess(core, Handler(core), api.key)


def test_what_is_due_is_taken_back_and_leaves_nothing(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "one", 30)
        await issue(api, "two", 3)
        await issue(api, "two", 1, ttl=600)
        with later(api.core, 61):
            await reap(api.core)
            assert (world.left("one"), world.left("two")) == (0, 1)
            assert world.asked == {"one": 30, "two": 3}
            assert len(await stored(api.core, "id")) == len(await stored(api.core, "at")) == 1
            assert not await stored(api.core, "wait")

    inprocess(scenario)


def test_only_so_many_at_once_at_one_system_while_others_go_on(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "slow", 3 * LIMIT)
        await issue(api, "quick", 3 * LIMIT)
        world.hanging.add("slow")
        with later(api.core, 61):
            async with asyncio.timeout(10):
                while world.left("quick"):
                    await api.core.reaper.look()
                    await asyncio.sleep(0.001)
            assert (world.left("slow"), world.busy["slow"]) == (3 * LIMIT, LIMIT)
            world.hanging.clear()
            await reap(api.core)
        assert world.most["slow"] == LIMIT
        assert not world.users
        assert world.asked["slow"] == 3 * LIMIT

    inprocess(scenario)


def test_a_silent_system_is_asked_by_one_at_a_time_and_ever_less_often(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 20)
        world.silent.add("db")
        with later(api.core, 61):
            await reap(api.core)
        first = world.asked["db"]
        assert first <= LIMIT
        pauses: list[float] = []
        waited = last = 61.0
        while len(pauses) < 10:
            waited += 0.5
            before = world.asked["db"]
            with later(api.core, waited):
                await reap(api.core)
            assert world.asked["db"] - before <= 1
            if world.asked["db"] > before:
                pauses.append(waited - last)
                last = waited
        assert pauses == sorted(pauses)
        assert pauses[-1] >= 250
        [row] = (await api("GET", "sys/leases/systems")).data["systems"]
        assert (row["mount"], row["system"], row["answers"], row["error"]) == (
            "out/",
            "db",
            False,
            "no answer",
        )
        assert row["waiting"] >= 20 - LIMIT
        world.silent.clear()
        with later(api.core, waited + 1000):
            await reap(api.core)
            assert not world.users
            assert not await rows(api.core, "sys/expire/")

    inprocess(scenario, seconds=60)


def test_silence_uses_up_no_attempts_and_refusals_do(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        [lease_id] = await issue(api, "db")
        world.silent.add("db")
        waited = 61
        for _ in range(3 * MAX_ATTEMPTS):
            with later(api.core, waited):
                await reap(api.core)
            waited += 1500
        assert await irrevocable(api) == []
        world.silent.clear()
        world.refusing.add("db")
        with caplog.at_level(logging.ERROR):
            for _ in range(MAX_ATTEMPTS):
                with later(api.core, waited):
                    assert await irrevocable(api) == []
                    await reap(api.core)
                waited += 1500
        [given_up] = await irrevocable(api)
        assert given_up["lease_id"] == lease_id
        assert given_up["error"].endswith("not allowed to")
        assert "cannot be revoked and needs attention: not allowed to" in caplog.text
        metrics = await api("GET", "sys/metrics?format=prometheus")
        assert b"expire_num_irrevocable_leases 1" in metrics.body.replace(b"vault_", b"")

    inprocess(scenario, seconds=60)


def test_irrevocable_leases_of_namespaces_below_are_counted_on_demand(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        assert (await api("POST", "sys/namespaces/team")).status == 200
        inside = {"X-Vault-Namespace": "team"}
        assert (await api("POST", "sys/mounts/out", {"type": "distant"}, inside)).status == 204
        await issue(api, "db")
        issued = await api("GET", "out/creds/db?ttl=60", None, inside)
        world.refusing.add("db")
        waited = 61
        for _ in range(MAX_ATTEMPTS):
            with later(api.core, waited):
                await reap(api.core)
            waited += 1500
        for query, count in (("", 1), ("&include_child_namespaces=true", 2)):
            listed = await api("GET", f"sys/leases?type=irrevocable{query}")
            counted = await api("GET", f"sys/leases/count?type=irrevocable{query}")
            assert listed.data["lease_count"] == counted.data["lease_count"] == count
            assert len(counted.data["counts"]) == count
        below = await api("GET", "sys/leases?type=irrevocable", None, inside)
        assert [one["lease_id"] for one in below.data["leases"]] == [issued.json["lease_id"]]
        world.refusing.clear()
        other = await api("POST", "sys/leases/retry", None, inside)
        assert other.data["lease_count"] == 1, "each namespace has its own"
        leaked = {"lease_id": issued.json["lease_id"]}
        assert (await api("PUT", "sys/leases/renew", leaked)).status == 400
        assert (await api("PUT", "sys/leases/revoke", leaked)).status == 204, "none of that ID here"
        assert world.left("db") == 2
        with later(api.core, waited):
            await reap(api.core)
            assert world.left("db") == 1

    inprocess(scenario, seconds=60)


def test_a_lease_that_is_refused_holds_up_no_other_of_its_system(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        [bad] = await issue(api, "db")
        world.refusing.update(world.users)
        await issue(api, "db", 20)
        with later(api.core, 61):
            await reap(api.core)
        assert len(world.users) == 1
        assert await stored(api.core, "id") == [bad]

    inprocess(scenario)


def test_a_day_of_silence_is_enough(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 12)
        world.silent.add("db")
        waited = 61
        for _ in range(200):
            with later(api.core, waited):
                await reap(api.core)
            waited += 400
        assert await irrevocable(api) == []
        late = await issue(api, "db", ttl=waited + 10)
        for _ in range(60):
            with later(api.core, waited):
                await reap(api.core)
            waited += 400
        found = [lease["lease_id"] for lease in await irrevocable(api)]
        assert len(found) >= 12 - LIMIT, "what never came to be tried is given up as well"
        assert late[0] not in found, "what has waited for less than a day waits on"
        with later(api.core, waited):
            world.silent.clear()
            answer = await api("POST", "sys/leases/retry")
            assert (answer.status, answer.data["lease_count"]) == (202, len(found))
        with later(api.core, waited + 2000):
            await reap(api.core)
            assert not world.users
            assert not await rows(api.core, "sys/expire/")

    inprocess(scenario, seconds=60)


def test_the_time_of_a_sealed_server_counts_for_nothing(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 12)
        world.silent.add("db")
        with later(api.core, 61):
            await reap(api.core)
        with later(api.core, 30 * 24 * 3600):
            other = await restarted(api)
            await reap(other.core)
            assert not await stored(other.core, "stuck")
            assert len(await stored(other.core, "id")) == 12
            await other.core.lifecycle.seal()

    inprocess(scenario)


def test_a_revocation_has_a_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "DEADLINE", 0.05)

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 3)
        world.hanging.add("db")
        with later(api.core, 61):
            await reap(api.core)
            [row] = (await api("GET", "sys/leases/systems")).data["systems"]
            assert (row["answers"], row["error"], row["under_way"]) == (False, "TimeoutError", 0)

    inprocess(scenario)


def test_a_restarted_server_takes_back_what_is_due_though_nobody_asks_it_anything(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 5)
        with later(api.core, 61):
            other = await restarted(api)
            await reap(other.core)
            assert not world.users
            assert not await stored(other.core, "id")
            await other.core.lifecycle.seal()

    inprocess(scenario)


def test_queues_and_breakers_outlive_a_restart(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 20)
        world.silent.add("db")
        with later(api.core, 61):
            await reap(api.core)
            waiting = await stored(api.core, "wait")
            assert len(waiting) >= 20 - LIMIT
            other = await restarted(api)
            before = world.asked["db"]
            await reap(other.core)
            assert world.asked["db"] == before + 1, "who has just come looks once"
        world.silent.clear()
        with later(other.core, 600):
            await reap(other.core)
            assert not world.users
            assert not await rows(other.core, "sys/expire/")
            await other.core.lifecycle.seal()

    inprocess(scenario)


def test_a_crash_between_the_act_and_its_commit_has_it_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise asyncio.CancelledError

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db")
        with later(api.core, 61):
            with monkeypatch.context() as patch:
                patch.setattr(api.core.leases.outside, "_finish", crash)
                await reap_interrupted(api.core)
                assert not world.users
                assert len(await stored(api.core, "id")) == 1
            other = await restarted(api)
            await reap(other.core)
            assert world.asked["db"] >= 2
            assert not await rows(other.core, "sys/expire/")
            await other.core.lifecycle.seal()

    inprocess(scenario)


async def reap_interrupted(core: Core) -> None:
    """Two looks, whatever comes of them."""
    for _ in range(2):
        await core.reaper.look()
        await core.reaper.settle()


def test_what_an_engine_writes_is_committed_with_the_end_of_the_lease(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Distant, "counting", True)
    world.turns = 3

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 30)
        for waited in (61, 62, 63):
            with later(api.core, waited):
                for _ in range(60):
                    await api.core.reaper.look()
                    await api.core.reaper.settle()
        mount = api.core.mounts.by_prefix["out/"]
        tx = api.core.store.begin(write=False)
        counted = await api.core.view(tx, mount.storage_prefix).get("revoked")
        tx.close()
        assert counted == b"30", "each counted once, though they ran side by side"
        assert not await stored(api.core, "id")

    inprocess(scenario)


def test_leases_wait_for_an_engine_that_is_not_in_service(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 3)
        with later(api.core, 61):
            with monkeypatch.context() as patch:
                patch.setitem(registry.BUILTIN["mounts"], "distant", "tests.nowhere:Distant")
                degraded = await restarted(api)
                for _ in range(3):
                    await reap(degraded.core)
                assert isinstance(degraded.core.mounts.by_prefix["out/"].backend, Degraded)
                assert len(await stored(degraded.core, "id")) == len(world.users) == 3
                assert not await stored(degraded.core, "stuck")
            other = await restarted(degraded)
            await reap(other.core)
        with later(other.core, 600):
            await reap(other.core)
            assert not world.users
            assert not await rows(other.core, "sys/expire/")
            await other.core.lifecycle.seal()

    inprocess(scenario)


# -- at the wish of a request ----------------------------------------------------------------------


def test_a_synchronous_revocation_is_done_or_leaves_the_lease_as_it_was(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        refused, done = await issue(api, "db", 2, ttl=600)
        world.refusing.add("db")
        answer = await api("PUT", "sys/leases/revoke", {"lease_id": refused})
        assert (answer.status, answer.errors) == (400, ["failed to revoke entry: not allowed to"])
        assert (await api("PUT", "sys/leases/renew", {"lease_id": refused})).status == 200
        answer = await api("PUT", "sys/leases/revoke-prefix/out/creds/db")
        assert (answer.status, "not allowed to" in answer.errors[0]) == (400, True)
        world.refusing.clear()
        assert (await api("PUT", "sys/leases/revoke", {"lease_id": done})).status == 204
        assert len(world.users) == 1
        assert (await api("PUT", "sys/leases/revoke-prefix/out")).status == 204
        assert not world.users
        assert not await rows(api.core, "sys/expire/")

    inprocess(scenario)


def test_force_does_not_wait_for_a_silent_system(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api, "db", 50)
        world.silent.add("db")
        with later(api.core, 61):
            await reap(api.core)
            before = world.asked["db"]
            assert (await api("PUT", "sys/leases/revoke-force/out")).status == 204
            assert world.asked["db"] - before <= 1
            await reap(api.core)
            assert not await stored(api.core, "id")
            assert not await stored(api.core, "wait")
            assert (await api("DELETE", "sys/mounts/out")).status == 204
        with later(api.core, 7200):
            await reap(api.core)
            assert not await rows(api.core, "sys/expire/")

    inprocess(scenario)


def test_what_is_being_taken_back_is_not_renewed(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        [lease_id] = await issue(api, "db", ttl=600)
        world.silent.add("db")
        assert (await api("PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": False})).status == 202
        await reap(api.core)
        answer = await api("PUT", "sys/leases/renew", {"lease_id": lease_id})
        assert (answer.status, answer.errors) == (400, ["lease expired"])

    inprocess(scenario)


def test_the_leases_of_a_revoked_token_are_not_renewed(world: World) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        token = await api.policy_token('path "out/*" { capabilities = ["read"] }', ttl="1h")
        [lease_id] = await issue(api, "db", ttl=600, token=token)
        assert (await api("PUT", "sys/leases/renew", {"lease_id": lease_id})).status == 200
        with later(api.core, 3601):  # expired, though nobody has noticed
            fresh = await api("PUT", "sys/leases/renew", {"lease_id": lease_id})
            assert fresh.status == 400
        assert (await api("POST", "auth/token/revoke", {"token": token})).status == 204
        assert (await api("PUT", "sys/leases/renew", {"lease_id": lease_id})).status == 400

    inprocess(scenario)


@pytest.mark.parametrize("turns", (0, 1, 3))
@pytest.mark.parametrize("head_start", range(0, 24, 2))
def test_a_renewal_and_an_expiry_have_one_outcome(world: World, turns: int, head_start: int) -> None:
    world.turns = turns

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        [lease_id] = await issue(api, "db", ttl=60)
        renewing = asyncio.ensure_future(
            api("PUT", "sys/leases/renew", {"lease_id": lease_id, "increment": 900})
        )
        for _ in range(head_start):
            await asyncio.sleep(0)
        with later(api.core, 61):
            await asyncio.gather(reap(api.core), renewing)
            await reap(api.core)
            status = renewing.result().status
            found = (await api("PUT", "sys/leases/lookup", {"lease_id": lease_id})).status
            outcome = (status, found, len(world.users), len(await stored(api.core, "id")))
            assert outcome in {(200, 200, 1, 1), (400, 400, 0, 0)}

    inprocess(scenario)
