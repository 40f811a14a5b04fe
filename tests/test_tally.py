from __future__ import annotations

import asyncio
import random

import pytest

from strongroom.core import Core
from strongroom.errors import Conflict, StorageFailed
from strongroom.logical import Request
from strongroom.storage.physical import Batch
from tests.inprocess import InProcess, inprocess
from tests.leasing import HOUR, Leasing, later, leasing, reap, rows

__all__ = ["leasing"]  # a fixture

COUNT = "sys/quotas/lease-count"


async def tally(api: InProcess, place: str) -> int:
    return await api.core.tallies.count([("", place)])


async def stored(api: InProcess, place: str) -> int:
    """The leases there really are."""
    return len(await rows(api.core, f"sys/expire/id/{place}"))


async def settled(api: InProcess, *places: str) -> None:
    """The tallies are what is stored."""
    for place in places:
        assert await tally(api, place) == await stored(api, place), place


async def mounted(api: InProcess) -> None:
    assert (await api("POST", "sys/mounts/db", {"type": "leasing"})).status == 204


def test_a_tally_follows_every_way_a_lease_comes_and_goes(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        first = (await api("GET", "db/creds/a")).json["lease_id"]
        places = ("", "db/", "db/creds/", "db/creds/a/", "auth/token/")
        for place in places:
            await tally(api, place)
        await settled(api, *places)
        made = (await api("POST", "auth/token/create", {"ttl": "2h"})).json["auth"]["client_token"]
        child = (await api("POST", "auth/token/create", {"ttl": "1h"}, token=made)).json["auth"][
            "client_token"
        ]
        second = (await api("GET", "db/creds/a", token=child)).json["lease_id"]
        await api("GET", "db/creds/b", token=child)
        await settled(api, *places)
        assert (
            await tally(api, "db/creds/a/"),
            await tally(api, "db/"),
            await tally(api, "auth/token/"),
        ) == (2, 3, 2)
        assert (await api("PUT", "sys/leases/renew", {"lease_id": first})).status == 200
        assert (await api("POST", "auth/token/renew", {"token": made})).status == 200
        await settled(api, *places)
        assert (await api("PUT", "sys/leases/revoke", {"lease_id": second, "sync": True})).status == 204
        assert await tally(api, "db/") == 2
        assert (await api("POST", "auth/token/revoke", {"token": made})).status == 204
        await reap(api.core)
        assert (await tally(api, "db/"), await tally(api, "auth/token/")) == (1, 0)
        with later(api.core, 33 * 24 * HOUR):
            await reap(api.core)
        assert await tally(api, "") == 0
        await settled(api, *places)

    inprocess(scenario)


def test_what_is_refused_or_undone_does_not_count(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        assert await tally(api, "db/") == 0
        token = await api.policy_token('path "db/*" { capabilities = ["read"] }', num_uses=1)
        assert (await api("GET", "db/creds/a", token=token)).status == 400  # its only use
        assert (await api("GET", "db/creds/a", token="nobody")).status == 403
        await reap(api.core)
        assert await tally(api, "db/") == await stored(api, "db/") == 0

    inprocess(scenario)


def test_leases_that_come_while_they_are_counted_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.tally._PAGE", 3)

    async def scenario(api: InProcess) -> None:
        for _ in range(30):
            await api("POST", "auth/token/create", {"ttl": "1h"})

        async def make() -> None:
            await api("POST", "auth/token/create", {"ttl": "1h"})

        async def look() -> None:
            await tally(api, "auth/token/")

        await asyncio.gather(*(step() for _ in range(10) for step in (make, look, make)))
        assert await tally(api, "auth/token/") == await stored(api, "auth/token/") == 50

    inprocess(scenario)


async def pause(core: Core, request: Request) -> None:
    """A stage that lets others overtake, as a storage elsewhere does."""
    await asyncio.sleep(0)


def test_a_count_that_is_given_up_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        counting = asyncio.create_task(tally(api, "auth/token/"))
        await asyncio.sleep(0)
        api.core.tallies.forget()
        with pytest.raises(Conflict):
            await counting
        await api("POST", "auth/token/create", {"ttl": "1h"})
        assert not api.core.store.history.batches
        assert await tally(api, "auth/token/") == 1

    inprocess(scenario)


def test_of_many_at_once_no_more_get_a_lease_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [each for stage in Core.stages for each in (stage, pause)]
    monkeypatch.setattr(Core, "stages", tuple(stages))

    async def scenario(api: InProcess) -> None:
        await api("POST", f"{COUNT}/q", {"max_leases": 7, "path": "auth/token"})
        made = await asyncio.gather(*(api("POST", "auth/token/create", {"ttl": "1h"}) for _ in range(25)))
        assert sorted(answer.status for answer in made) == [200] * 7 + [429] * 18
        assert await tally(api, "auth/token/") == await stored(api, "auth/token/") == 7

    inprocess(scenario)


def test_after_a_seal_leases_are_counted_anew() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{COUNT}/q", {"max_leases": 2, "path": "auth/token"})
        await api("POST", "auth/token/create", {"ttl": "1h"})
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        made = [(await api("POST", "auth/token/create", {"ttl": "1h"})).status for _ in range(2)]
        assert made == [200, 429]

    inprocess(scenario)


def test_what_could_not_be_stored_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{COUNT}/q", {"max_leases": 2, "path": "auth/token"})
        await api("POST", "auth/token/create", {"ttl": "1h"})
        assert await tally(api, "auth/token/") == 1

        async def refuse(batch: Batch) -> None:
            raise StorageFailed

        with monkeypatch.context() as patch:
            patch.setattr(api.core.store.physical, "commit", refuse)
            assert (await api("POST", "auth/token/create", {"ttl": "1h"})).status == 500
        assert await tally(api, "auth/token/") == 1
        made = [(await api("POST", "auth/token/create", {"ttl": "1h"})).status for _ in range(2)]
        assert made == [200, 429]

    inprocess(scenario)


class Events:
    """Things that happen to tokens and leases, in an order that chance decides."""

    def __init__(self, api: InProcess, seed: int) -> None:
        self.api, self.chance = api, random.Random(seed)
        self.tokens, self.leases = [api.token], [""]

    async def one(self) -> None:
        await self.chance.choice((self.create, self.create, self.issue, self.issue, self.revoke, self.end))()

    async def create(self) -> None:
        token = self.chance.choice(self.tokens)
        answer = await self.api("POST", "auth/token/create", {"ttl": "1h"}, token=token)
        if answer.status == 200:
            self.tokens.append(answer.json["auth"]["client_token"])

    async def issue(self) -> None:
        token = self.chance.choice(self.tokens)
        answer = await self.api("GET", f"db/creds/{self.chance.choice('ab')}", token=token)
        if answer.status == 200:
            self.leases.append(answer.json["lease_id"])

    async def revoke(self) -> None:
        body = {"lease_id": self.chance.choice(self.leases), "sync": True}
        await self.api("PUT", "sys/leases/revoke", body)

    async def end(self) -> None:
        token = self.chance.choice(self.tokens)
        if token != self.api.token:
            await self.api("POST", "auth/token/revoke", {"token": token})


def test_any_order_of_events_leaves_the_right_number(leasing: type[Leasing]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api("POST", f"{COUNT}/q", {"max_leases": 100_000})
        events = Events(api, 7)
        for number in range(40):
            await asyncio.gather(*(events.one() for _ in range(8)))
            if not number % 10:
                await reap(api.core)
            await settled(api, "", "db/", "db/creds/a/", "auth/token/")
        assert len(events.leases) > 20
        assert len(events.tokens) > 20

    inprocess(scenario)
