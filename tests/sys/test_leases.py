from __future__ import annotations

from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.leasing import HOUR, Leasing, later, leasing, reap, rows

__all__ = ["leasing"]  # a fixture


async def issued(api: InProcess, name: str = "a", query: str = "") -> str:
    """A lease, its engine mounted at ``db/``."""
    await api("POST", "sys/mounts/db", {"type": "leasing"})
    answer = await api("GET", f"db/creds/{name}{query}")
    assert answer.status == 200, answer
    lease: str = answer.json["lease_id"]
    return lease


async def credentials(api: InProcess) -> int:
    """How many credentials the engine has out."""
    prefix = api.core.mounts.by_prefix["db/"].storage_prefix
    return len(await rows(api.core, f"{prefix}issued/"))


async def known(api: InProcess, lease: str) -> bool:
    return (await api("POST", "sys/leases/lookup", {"lease_id": lease})).status == 200


def test_a_lookup_tells_when_a_lease_ends(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        lease = await issued(api, query="?ttl=600")
        with later(api.core, 100):
            found = (await api("POST", "sys/leases/lookup", {"lease_id": lease})).data
        assert (found["id"], found["path"], found["renewable"]) == (lease, "db/creds/a", True)
        assert 498 <= found["ttl"] <= 500
        assert found["issue_time"] < found["expire_time"]
        assert found["last_renewal"] is None
        for wrong in ({}, {"lease_id": "db/creds/a/none"}):
            assert (await api("POST", "sys/leases/lookup", wrong)).status == 400

    inprocess(scenario)


def test_leases_are_listed_level_by_level(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        one, other = await issued(api, "a"), await issued(api, "b")
        assert (await api("LIST", "sys/leases/lookup/db/")).data["keys"] == ["creds/"]
        assert (await api("LIST", "sys/leases/lookup/db/creds")).data["keys"] == ["a/", "b/"]
        assert (await api("LIST", "sys/leases/lookup/db/creds/a/")).data["keys"] == [one.rpartition("/")[2]]
        assert other.startswith("db/creds/b/")
        assert (await api("LIST", "sys/leases/lookup/nothing/")).status == 404
        token = await api.policy_token('path "sys/leases/*" { capabilities = ["list"] }')
        assert (await api("LIST", "sys/leases/lookup/db/", token=token)).status == 403

    inprocess(scenario)


@pytest.mark.parametrize("path", ("leases/renew", "leases/renew/<id>", "renew", "renew/<id>"))
def test_every_path_renews(leasing: type[Leasing], path: str) -> None:
    async def scenario(api: InProcess) -> None:
        lease = await issued(api, query="?ttl=600&max_ttl=1000")
        body = {"increment": 500} | ({} if "<id>" in path else {"lease_id": lease})
        target = f"sys/{path.replace('<id>', lease)}"
        with later(api.core, 300):
            answer = (await api("PUT", target, body)).json
        assert (answer["lease_id"], answer["lease_duration"], answer["data"]) == (lease, 500, None)
        with later(api.core, 700):
            capped = (await api("PUT", target, body)).json
            assert 298 <= capped["lease_duration"] <= 300
            assert capped["warnings"]
        with later(api.core, 1_100):
            assert (await api("PUT", target, body)).status == 400

    inprocess(scenario)


@pytest.mark.parametrize("path", ("leases/revoke", "leases/revoke/<id>", "revoke", "revoke/<id>"))
@pytest.mark.parametrize("sync", (True, False))
def test_every_path_revokes(leasing: type[Leasing], path: str, sync: bool) -> None:
    async def scenario(api: InProcess) -> None:
        lease, other = await issued(api), await issued(api)
        body: dict[str, Any] = {"sync": sync} | ({} if "<id>" in path else {"lease_id": lease})
        done = 204 if sync else 202
        assert (await api("PUT", f"sys/{path.replace('<id>', lease)}", body)).status == done
        if not sync:
            await reap(api.core)
        assert (await known(api, lease), await known(api, other)) == (False, True)
        assert await credentials(api) == 1
        assert (await api("PUT", f"sys/{path.replace('<id>', lease)}", body)).status == done

    inprocess(scenario)


def test_a_lease_must_be_named() -> None:
    async def scenario(api: InProcess) -> None:
        for path in ("leases/renew", "renew", "leases/revoke", "revoke"):
            assert (await api("PUT", f"sys/{path}", {})).status == 400
        assert (await api("PUT", "sys/leases/renew", {"lease_id": "db/none"})).status == 400

    inprocess(scenario)


@pytest.mark.parametrize("path", ("leases/revoke-prefix", "revoke-prefix"))
def test_a_prefix_takes_what_is_below_it_and_nothing_beside_it(leasing: type[Leasing], path: str) -> None:
    async def scenario(api: InProcess) -> None:
        inside = [await issued(api, "a") for _ in range(3)]
        beside = [await issued(api, "ab"), await issued(api, "b")]
        assert (await api("PUT", f"sys/{path}/db/creds/a", {"sync": True})).status == 204
        assert [await known(api, lease) for lease in inside] == [False] * 3
        assert [await known(api, lease) for lease in beside] == [True] * 2
        assert await credentials(api) == 2
        token = await api.policy_token(f'path "sys/{path}/*" {{ capabilities = ["update"] }}')
        assert (await api("PUT", f"sys/{path}/db", token=token)).status == 403
        assert await known(api, beside[0])

    inprocess(scenario)


@pytest.mark.parametrize("path", ("leases/revoke-force", "revoke-force"))
def test_force_forgets_what_the_engine_cannot_take_back(leasing: type[Leasing], path: str) -> None:
    async def scenario(api: InProcess) -> None:
        lease = await issued(api, "broken")
        leasing.failing.add("broken")
        assert (await api("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})).status == 400
        assert await known(api, lease)
        assert (await api("PUT", f"sys/{path}/db/creds/broken")).status == 204
        assert not await known(api, lease)
        assert await credentials(api) == 1

    inprocess(scenario)


async def stuck(api: InProcess) -> str:
    """A lease that nobody could revoke, after all attempts."""
    lease = await issued(api, "broken", "?ttl=60")
    Leasing.failing.add("broken")
    for seconds in range(100, 100 + 24 * HOUR, HOUR):
        with later(api.core, seconds):
            await reap(api.core)
    return lease


def test_leases_that_nobody_can_revoke_are_shown_and_counted(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        lease = await stuck(api)
        found = (await api("GET", "sys/leases?type=irrevocable")).data
        assert (found["lease_count"], [each["lease_id"] for each in found["leases"]]) == (1, [lease])
        assert found["leases"][0]["error"]
        accessor = api.core.mounts.by_prefix["db/"].accessor
        count = (await api("GET", "sys/leases/count?type=irrevocable")).data
        assert count == {"lease_count": 1, "counts": {accessor: 1}}
        assert (await api("GET", "sys/leases?type=irrevocable&limit=0")).status == 400
        assert (await api("GET", "sys/leases?type=irrevocable&limit=none")).data["leases"]
        assert (await api("GET", "sys/leases?type=irrevocable&limit=x")).status == 400
        for path in ("leases", "leases/count"):
            assert (await api("GET", f"sys/{path}?type=other")).status == 404
        Leasing.failing.clear()
        assert (await api("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})).status == 204
        assert (await api("GET", "sys/leases?type=irrevocable")).data["lease_count"] == 0

    inprocess(scenario)


def test_tidying_keeps_what_lives(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        lease = await issued(api)
        before = await rows(api.core, "sys/expire/")
        request = api.core.internal_request()
        request.tx.put("sys/expire/at/0000000000000001/l/db/creds/gone", b"")
        request.tx.put("sys/expire/token/h0/db/creds/gone", b"")
        await api.core.store.commit(request.tx)
        answer = await api("PUT", "sys/leases/tidy")
        assert answer.status == 202
        assert answer.json["warnings"]
        assert (await rows(api.core, "sys/expire/")).keys() == before.keys()
        assert await known(api, lease)

    inprocess(scenario)
