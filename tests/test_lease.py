"""Leases through a whole server: issued, renewed, ended by time, by hand and by the thousand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import lease as leases
from strongroom.breaker import MAX_ATTEMPTS
from strongroom.core import Core
from strongroom.errors import BadRequest
from strongroom.framework.lease import Terms, effective_ttl
from strongroom.logical import ROOT, Request, SecretLease
from tests.inprocess import InProcess, inprocess
from tests.leasing import HOUR, Leasing, later, leasing, reap, rows

__all__ = ["leasing"]  # a fixture

pytestmark = pytest.mark.usefixtures("leasing")


async def mounted(api: InProcess) -> None:
    assert (await api("POST", "sys/mounts/db", {"type": "leasing"})).status == 204


async def issue(api: InProcess, name: str = "app", query: str = "", token: str = "") -> dict[str, Any]:
    answer = await api("GET", f"db/creds/{name}{query}", token=token)
    assert answer.status == 200, answer
    issued: dict[str, Any] = answer.json
    return issued


async def issued(core: Core) -> int:
    """How many credentials stand in the engine's storage."""
    return sum("/issued/" in name for name in await rows(core, "logical/"))


async def lookup(api: InProcess, lease_id: str) -> int:
    return (await api("PUT", "sys/leases/lookup", {"lease_id": lease_id})).status


def test_a_lease_says_what_it_is() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        body = await issue(api, query="?ttl=600")
        assert (body["lease_duration"], body["renewable"]) == (600, True)
        assert body["lease_id"].startswith("db/creds/app/")
        found = (await api("PUT", "sys/leases/lookup", {"lease_id": body["lease_id"]})).data
        assert (found["path"], found["renewable"], found["last_renewal"]) == ("db/creds/app", True, None)
        assert 598 <= found["ttl"] <= 600
        assert (await api("LIST", "sys/leases/lookup/db/creds/app")).data["keys"] == [
            body["lease_id"].rpartition("/")[2]
        ]

    inprocess(scenario)


def test_it_ends_by_time_and_not_before() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        lease_id = (await issue(api, query="?ttl=600"))["lease_id"]
        with later(api.core, 599):
            await reap(api.core)
            assert (await lookup(api, lease_id), await issued(api.core)) == (200, 1)
        with later(api.core, 601):
            await reap(api.core)
            assert (await lookup(api, lease_id), await issued(api.core)) == (400, 0)

    inprocess(scenario)


def test_renewal_moves_the_end_and_no_further_than_the_maximum() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        lease_id = (await issue(api, query="?ttl=600&max_ttl=1000"))["lease_id"]
        with later(api.core, 500):
            answer = await api("PUT", "sys/leases/renew", {"lease_id": lease_id, "increment": 600})
            assert answer.status == 200
            assert 499 <= answer.json["lease_duration"] <= 500
        with later(api.core, 900):
            await reap(api.core)
            assert await lookup(api, lease_id) == 200
        with later(api.core, 1001):
            assert (await api("PUT", "sys/leases/renew", {"lease_id": lease_id})).status == 400
            await reap(api.core)
            assert await issued(api.core) == 0

    inprocess(scenario)


def test_what_a_batch_token_is_given_ends_with_it_and_its_parent() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        policy = 'path "db/creds/*" { capabilities = ["read"] }'
        assert (await api("PUT", "sys/policies/acl/db", {"policy": policy})).status == 204
        parent = (await api("POST", "auth/token/create", {"ttl": "1h"})).json["auth"]["client_token"]
        fields = {"type": "batch", "policies": ["db"], "ttl": "10m"}
        batch = (await api("POST", "auth/token/create", fields, token=parent)).json["auth"]["client_token"]
        body = await issue(api, token=batch)
        assert body["lease_duration"] <= 600
        await api("POST", "auth/token/revoke", {"token": parent})
        await reap(api.core)
        assert await issued(api.core) == 0

    inprocess(scenario)


def test_a_revocation_that_fails_is_tried_again_ever_later_and_then_given_up() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        lease_id = (await issue(api, query="?ttl=60"))["lease_id"]
        Leasing.failing.add("app")
        waited = 61
        for attempt in range(1, MAX_ATTEMPTS + 1):
            with later(api.core, waited):
                await reap(api.core)
                await reap(api.core)  # not due again yet
                stored = await api.core.leases.get(api.core.store.begin(write=False), ROOT, lease_id)
                assert stored is not None
                assert (stored.attempts, stored.error) == (attempt, "RuntimeError")
            waited += 2000
        answer = await api("GET", "sys/leases?type=irrevocable")
        [shown] = answer.data["leases"]
        mount = (await api("GET", "sys/mounts/db")).data["accessor"]
        assert (shown["lease_id"], shown["mount_id"]) == (lease_id, mount)
        assert shown["error"].endswith("failed to revoke entry: RuntimeError")
        found = (await api("PUT", "sys/leases/lookup", {"lease_id": lease_id})).data
        assert (found["renewable"], found["revoke_error"]) == (False, shown["error"])
        counted = (await api("GET", "sys/leases/count?type=irrevocable")).data
        assert counted["lease_count"] == 1
        assert list(counted["counts"].values()) == [1]
        Leasing.failing.clear()
        with later(api.core, waited):
            await reap(api.core)
            assert await issued(api.core) == 1, "given up means given up"
            queued = await api("PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": False})
            assert queued.status == 202
            await reap(api.core)
        assert await issued(api.core) == 0
        assert (await api("GET", "sys/leases/count?type=irrevocable")).data["lease_count"] == 0
        assert not await rows(api.core, "sys/expire/")

    inprocess(scenario)


def test_force_forgets_what_cannot_be_revoked() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api)
        Leasing.failing.add("app")
        answer = await api("PUT", "sys/leases/revoke-prefix/db", {"sync": True})
        assert answer.status == 400
        assert len(await rows(api.core, "sys/expire/id/")) == 1
        assert (await api("PUT", "sys/leases/revoke-force/db")).status == 204
        assert not await rows(api.core, "sys/expire/")

    inprocess(scenario)


def test_a_prefix_ends_at_a_slash() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        one, other = await issue(api, "app"), await issue(api, "apple")
        assert (await api("PUT", "sys/leases/revoke-prefix/db/creds/app", {"sync": True})).status == 204
        assert (await lookup(api, one["lease_id"]), await lookup(api, other["lease_id"])) == (400, 200)
        whole = other["lease_id"]
        assert (await api("PUT", f"sys/leases/revoke-prefix/{whole}", {"sync": True})).status == 204
        assert await lookup(api, whole) == 400

    inprocess(scenario)


@pytest.mark.parametrize("body", ({"sync": False}, {"sync": True}))
def test_many_leases_end_in_steps(monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]) -> None:
    monkeypatch.setattr(leases, "BULK", 16)

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for _ in range(50):
            await issue(api)
        assert (await api("PUT", "sys/leases/revoke-prefix/db", body)).status in {202, 204}
        if body["sync"]:
            assert await issued(api.core) == 0
        await reap(api.core)
        assert await issued(api.core) == 0
        assert not await rows(api.core, "sys/expire/")

    inprocess(scenario, seconds=60)


def test_one_lease_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BULK", 4)

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for name in ("a", "bad", "c", "d", "e", "f", "g", "h"):
            await issue(api, name)
        Leasing.failing.add("bad")
        assert (await api("PUT", "sys/leases/revoke-prefix/db", {"sync": False})).status == 202
        await reap(api.core)
        assert [name.split("/")[2] for name in await rows(api.core, "sys/expire/id/")] == ["bad"]

    inprocess(scenario)


def test_a_damaged_row_holds_up_no_other() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        bad, good = await issue(api, "bad", "?ttl=50"), await issue(api, "good", "?ttl=60")
        request = api.core.internal_request()
        request.tx.put(f"sys/expire/id/{bad['lease_id']}", b"not what was stored")
        await api.core.store.commit(request.tx)
        with later(api.core, 61):
            await reap(api.core)
            assert await lookup(api, good["lease_id"]) == 400
            assert await lookup(api, bad["lease_id"]) == 500
        assert len(await rows(api.core, "sys/expire/at/")) == 1

    inprocess(scenario)


def test_expiry_goes_on_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BULK", 8)

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for _ in range(20):
            await issue(api)
        assert (await api("PUT", "sys/leases/revoke-prefix/db", {"sync": False})).status == 202
        await api.core.lifecycle.seal()
        core = Core(api.core.config, api.core.store.physical)
        await core.start()
        await core.lifecycle.submit(api.key)
        try:
            await reap(core)  # nobody has asked for anything, so nothing has read the mounts
            assert await issued(core) == 0
            assert not await rows(core, "sys/expire/")
        finally:
            await core.lifecycle.seal()

    inprocess(scenario)


def test_a_lease_whose_mount_is_gone_is_forgotten_with_it() -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core)
        await mounted(api)
        await issue(api)
        assert (await api("DELETE", "sys/mounts/db")).status == 204
        await reap(api.core)
        assert set(await rows(api.core)) == set(before)

    inprocess(scenario)


def test_a_mount_whose_leases_cannot_be_revoked_stays() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await issue(api)
        Leasing.failing.add("app")
        assert (await api("DELETE", "sys/mounts/db")).status == 400
        assert (await api("GET", "sys/mounts/db")).status == 200
        assert await issued(api.core) == 1

    inprocess(scenario)


def test_the_last_use_of_a_token_gives_no_lease() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        made = await api("POST", "auth/token/create", {"num_uses": 1})
        answer = await api("GET", "db/creds/app", token=made.json["auth"]["client_token"])
        assert answer.status == 400
        assert (await issued(api.core), await rows(api.core, "sys/expire/")) == (0, {})

    inprocess(scenario)


def test_tidy_removes_what_points_nowhere() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        lease_id = (await issue(api))["lease_id"]
        request = api.core.internal_request()
        request.tx.delete(f"sys/expire/id/{lease_id}")
        await api.core.store.commit(request.tx)
        assert (await api("POST", "sys/leases/tidy")).status == 202
        assert not await rows(api.core, "sys/expire/")

    inprocess(scenario)


# -- how long ------------------------------------------------------------------------------------

DAYS = 24 * HOUR


@given(
    wanted=st.integers(0, 100 * DAYS),
    backend_max=st.integers(0, 100 * DAYS),
    explicit_max=st.integers(0, 100 * DAYS),
    period=st.integers(0, 100 * DAYS),
    age=st.integers(0, 100 * DAYS),
)
def test_no_ttl_goes_past_a_maximum(
    wanted: int, backend_max: int, explicit_max: int, period: int, age: int
) -> None:
    bounds = [bound for bound in (explicit_max, *(() if period else (32 * DAYS, backend_max))) if bound]
    try:
        ttl, warnings = effective_ttl(
            default=HOUR,
            longest=32 * DAYS,
            wanted=wanted,
            backend_max=backend_max,
            explicit_max=explicit_max,
            period=period,
            age=age,
        )
    except BadRequest:
        assert any(age >= bound for bound in bounds)
        return
    assert 0 < ttl <= 32 * DAYS
    assert all(age + ttl <= bound for bound in bounds)
    if not period:
        assert bool(warnings) == (ttl < (wanted or HOUR))


def test_what_a_batch_token_made_cannot_be_renewed_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def generous(self: Leasing, request: Request, lease: SecretLease, terms: Terms) -> SecretLease:
        terms.ttl = terms.max_ttl = 2 * HOUR  # as an engine does that asks its role anew
        return lease

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        rules = 'path "db/creds/*" { capabilities = ["read"] }'
        token = await api.policy_token(rules, type="batch", ttl="5m", renewable=False)
        lease = await issue(api, token=token)
        assert lease["lease_duration"] <= 300
        renewed = await api("PUT", "sys/leases/renew", {"lease_id": lease["lease_id"], "increment": HOUR})
        assert renewed.status == 200, renewed
        assert renewed.json["lease_duration"] <= 300

    monkeypatch.setattr(Leasing, "renew", generous)
    inprocess(scenario)
