"""The cache in front of a simulated server: what is given again, what ends it, and that it stays alive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from strongroom.agent.cache import cache as cache_module
from strongroom.agent.cache.cache import Cache
from strongroom.agent.cache.clearing import Clearing
from strongroom.agent.cache.question import Question
from strongroom.agent.upstream import Answer, NoConnection, Unreachable

JSON = (("content-type", "application/json"),)


class Simulator:
    """A server with tokens, leases and a clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.tokens = {"root", "own"}
        self.leases: dict[str, str] = {}
        self.asked: list[str] = []
        self.numbers = count()
        self.token_numbers = count()
        self.away: type[Unreachable] | None = None
        self.gate: asyncio.Event | None = None
        self.ttl = 100
        self.status = 0
        self.forbids_renewal = False

    async def ask(self, question: Question) -> Answer:
        self.asked.append(f"{question.method} {question.path}")
        answer = self._answer(question)
        await asyncio.sleep(0)
        if self.gate is not None and "revoke" not in question.path:
            await self.gate.wait()
        if self.away is not None:
            raise self.away("away")
        if self.status:
            return Answer(self.status, JSON, b'{"errors":[]}')
        return answer

    def _answer(self, question: Question) -> Answer:
        if question.token not in self.tokens:
            return Answer(403, JSON, b'{"errors":["permission denied"]}')
        body = json.loads(question.body or b"{}")
        name = question.path.removeprefix("/v1/").replace("/", "_").replace("-", "_")
        return getattr(self, f"_{name}", self._plain)(question.token, body)

    def _plain(self, _token: str, _body: Any) -> Answer:
        return _json(data={"n": len(self.asked)})

    def _db_creds(self, token: str, _body: Any) -> Answer:
        lease = f"db/creds/{next(self.numbers)}"
        self.leases[lease] = token
        return _json(lease_id=lease, lease_duration=self.ttl, renewable=True, data={"password": "p"})

    def _auth_token_create(self, _token: str, body: Any) -> Answer:
        made = f"s.{next(self.token_numbers)}"
        self.tokens.add(made)
        auth = {"client_token": made, "accessor": f"a-{made}", "lease_duration": self.ttl, "renewable": True}
        return _json(auth={**auth, "orphan": body.get("orphan", False)})

    def _sys_leases_renew(self, _token: str, body: Any) -> Answer:
        if self.forbids_renewal:
            return Answer(403, JSON, b'{"errors":["permission denied"]}')
        if body["lease_id"] not in self.leases:
            return Answer(400, JSON, b'{"errors":["lease not found"]}')
        return _json(lease_id=body["lease_id"], lease_duration=self.ttl, renewable=True)

    def _auth_token_renew_self(self, token: str, _body: Any) -> Answer:
        return _json(auth={"client_token": token, "lease_duration": self.ttl, "renewable": True})

    def _sys_leases_revoke(self, _token: str, body: Any) -> Answer:
        self.leases.pop(body["lease_id"], None)
        return Answer(204)

    def _auth_token_revoke(self, _token: str, body: Any) -> Answer:
        self.tokens.discard(body["token"])
        return Answer(204)

    def _auth_token_revoke_self(self, token: str, _body: Any) -> Answer:
        self.tokens.discard(token)
        return Answer(204)

    def count(self, what: str) -> int:
        return sum(1 for each in self.asked if each.endswith(what))


def _json(**values: Any) -> Answer:
    empty = {"lease_id": "", "lease_duration": 0, "renewable": False, "wrap_info": None, "auth": None}
    return Answer(200, JSON, json.dumps({**empty, **values}).encode())


class Stand:
    """A cache, its simulator, and short words for what tests do."""

    def __init__(self) -> None:
        self.server = Simulator()
        self.cache = Cache(self.server.ask, self.server.ask, clock=lambda: self.server.now)
        self.cache.adopt("own")

    async def __call__(
        self, method: str, path: str, body: Any = None, token: str = "own"
    ) -> tuple[Any, int | None]:
        sent = b"" if body is None else json.dumps(body).encode()
        answer, age = await self.cache.answer(Question(method, f"/v1/{path}", {}, sent, token))
        return (json.loads(answer.body) if answer.body else answer.status), age

    async def lease(self, token: str = "own") -> tuple[str, bool]:
        """The ID of a database lease, and whether it came from the cache."""
        document, age = await self("GET", "db/creds", token=token)
        return document["lease_id"], age is not None

    async def token(self, parent: str = "own", **body: Any) -> str:
        document, _ = await self("POST", "auth/token/create", body, parent)
        made: str = document["auth"]["client_token"]
        return made

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, second by second, and let renewals happen."""
        end = self.server.now + seconds
        while self.server.now < end:
            self.server.now = min(self.server.now + 1, end)
            for name in self.cache._schedule.due(self.server.now):
                await self.cache._look_at(name)


def run(scenario: Callable[[Stand], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario(Stand())

    asyncio.run(bounded())


def test_a_lease_of_a_known_token_is_given_again() -> None:
    async def scenario(stand: Stand) -> None:
        assert await stand.lease() == ("db/creds/0", False)
        stand.server.now += 7
        assert (await stand("GET", "db/creds"))[1] == 7
        assert await stand.lease("root") == ("db/creds/1", False)
        assert await stand.lease("root") == ("db/creds/2", False), "nobody here knows that token"

    run(scenario)


def test_tokens_made_through_it_are_known() -> None:
    async def scenario(stand: Stand) -> None:
        child = await stand.token()
        assert await stand.token() == child
        lease = await stand.lease(child)
        assert await stand.lease(child) == (lease[0], True)
        assert await stand.token("root") != await stand.token("root"), "a child of a token nobody knows"
        orphan = await stand.token("root", orphan=True)
        assert await stand.token("root", orphan=True) == orphan

    run(scenario)


def test_what_is_revoked_is_not_given_again() -> None:
    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        await stand("PUT", "sys/leases/renew", {"lease_id": lease})
        await stand("PUT", "sys/leases/revoke", {"lease_id": lease}, "root")
        assert await stand.lease() == ("db/creds/1", False)
        child = await stand.token()
        await stand.lease(child)
        await stand("POST", "auth/token/revoke-self", {}, child)
        assert len(stand.cache.entries) == 1
        assert await stand("GET", "db/creds", token=child) == ({"errors": ["permission denied"]}, None)
        assert await stand.token() != child

    run(scenario)


def test_a_refused_revocation_ends_nothing() -> None:
    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        await stand("PUT", "sys/leases/revoke", {"lease_id": lease}, "nobody")
        assert await stand.lease() == (lease, True)

    run(scenario)


def test_a_revocation_whose_answer_was_lost_counts() -> None:
    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        for away, left in ((NoConnection, 1), (Unreachable, 0)):
            stand.server.away = away
            with_error = await asyncio.gather(
                stand("PUT", "sys/leases/revoke", {"lease_id": lease}), return_exceptions=True
            )
            assert isinstance(with_error[0], Unreachable)
            assert len(stand.cache.entries) == left

    run(scenario)


def test_a_lease_revoked_while_its_answer_was_under_way_is_not_kept() -> None:
    async def scenario(stand: Stand) -> None:
        stand.server.gate = asyncio.Event()
        under_way = asyncio.create_task(stand.lease())
        await asyncio.sleep(0)
        await stand("PUT", "sys/leases/revoke", {"lease_id": "db/creds/0"}, "root")
        stand.server.gate.set()
        assert await under_way == ("db/creds/0", False), "whoever asked gets what the server said"
        assert len(stand.cache.entries) == 0
        assert await stand.lease() == ("db/creds/1", False)

    run(scenario)


def test_a_revocation_of_something_else_disturbs_nobody() -> None:
    async def scenario(stand: Stand) -> None:
        stand.server.gate = asyncio.Event()
        under_way = asyncio.create_task(stand.lease())
        await asyncio.sleep(0)
        await stand("PUT", "sys/leases/revoke", {"lease_id": "db/creds/77"}, "root")
        stand.server.gate.set()
        await under_way
        assert await stand.lease() == ("db/creds/0", True)

    run(scenario)


def test_a_thousand_identical_requests_reach_the_server_once() -> None:
    async def scenario(stand: Stand) -> None:
        answers = await asyncio.gather(*(stand.lease() for _ in range(1000)))
        assert {lease for lease, _ in answers} == {"db/creds/0"}
        assert sum(not hit for _, hit in answers) == 1
        assert stand.server.count("db/creds") == 1
        made = await asyncio.gather(*(stand.token() for _ in range(1000)))
        assert len(set(made)) == 1
        assert stand.server.count("token/create") == 1

    run(scenario)


def test_a_thousand_identical_reads_need_two_requests_at_most() -> None:
    async def scenario(stand: Stand) -> None:
        await asyncio.gather(*(stand("GET", "secret/a") for _ in range(1000)))
        assert stand.server.count("secret/a") == 2
        assert (await stand("GET", "secret/a"))[1] is None, "and nothing of it is kept"
        assert stand.server.count("secret/a") == 3

    run(scenario)


def test_identical_writes_are_all_made() -> None:
    async def scenario(stand: Stand) -> None:
        await asyncio.gather(*(stand("POST", "transit/encrypt/k", {"plaintext": "x"}) for _ in range(50)))
        assert stand.server.count("transit/encrypt/k") == 50

    run(scenario)


def test_leases_stay_alive_by_few_renewals() -> None:
    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        child = await stand.token()
        await stand.pass_time(1000)
        assert await stand.lease() == (lease, True)
        assert await stand.token() == child
        assert 13 <= stand.server.count("leases/renew") <= 15
        assert 13 <= stand.server.count("renew-self") <= 15

    run(scenario)


def test_a_lease_the_server_extends_no_more_is_given_up_before_it_ends() -> None:
    async def scenario(stand: Stand) -> None:
        await stand.lease()
        stand.server.ttl = 20
        await stand.pass_time(80)
        assert await stand.lease() == ("db/creds/0", True)
        stand.server.ttl = 3
        await stand.pass_time(40)
        assert (await stand.lease())[1] is False

    run(scenario)


def test_a_lease_that_is_gone_is_noticed_at_its_renewal() -> None:
    async def scenario(stand: Stand) -> None:
        await stand.lease()
        stand.server.leases.clear()
        await stand.pass_time(80)
        assert len(stand.cache.entries) == 0

    run(scenario)


def test_a_token_that_is_gone_takes_along_what_hangs_from_it() -> None:
    async def scenario(stand: Stand) -> None:
        child = await stand.token()
        await stand.lease(child)
        await stand.lease()
        stand.server.tokens.discard(child)
        await stand.pass_time(80)
        assert [each.lease_id for each in stand.cache.entries] == ["db/creds/1"]

    run(scenario)


def test_one_lease_of_a_dead_token_tells_of_all() -> None:
    async def scenario(stand: Stand) -> None:
        await stand.lease()
        stand.server.now += 50
        await stand("GET", "db/creds?another")
        assert len(stand.cache.entries) == 2
        stand.server.tokens.discard("own")
        await stand.pass_time(27)
        assert len(stand.cache.entries) == 0
        assert stand.server.count("leases/renew") == 1

    run(scenario)


def test_for_a_revoked_token_nothing_is_kept_any_more() -> None:
    async def scenario(stand: Stand) -> None:
        await stand.lease()
        await stand("POST", "auth/token/revoke", {"token": "own"}, "root")
        assert len(stand.cache.entries) == 0
        stand.server.tokens.add("own")
        assert (await stand.lease())[1] is False
        assert len(stand.cache.entries) == 0

    run(scenario)


def test_a_token_that_may_not_renew_keeps_its_lease_to_the_end() -> None:
    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        stand.server.forbids_renewal = True
        await stand.pass_time(85)
        assert await stand.lease() == (lease, True)
        await stand.pass_time(10)
        assert (await stand.lease())[1] is False

    run(scenario)


def test_while_the_server_is_away_what_is_kept_is_given() -> None:
    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        stand.server.away = Unreachable
        await stand.pass_time(99)
        assert await stand.lease() == (lease, True)
        assert stand.server.count("leases/renew") < 10
        stand.server.away = None
        await stand.pass_time(1)
        stand.server.status = 503
        await stand.pass_time(99)
        assert stand.server.count("leases/renew") < 25

    run(scenario)


def test_a_lease_ends_in_the_cache_when_it_ends_at_the_server() -> None:
    async def scenario(stand: Stand) -> None:
        await stand.lease()
        stand.server.away = Unreachable
        await stand.pass_time(101)
        assert len(stand.cache.entries) == 0
        stand.server.away = None
        stand.server.now += 1
        await stand.lease()
        stand.server.now += 101  # as after a suspended machine, before anybody had a turn
        assert (await stand.lease())[1] is False

    run(scenario)


def test_clearing_by_each_type() -> None:
    async def scenario(stand: Stand) -> None:
        for kind, value, number in (
            ("all", "", 3),
            ("request_path", "/v1/db", 2),
            ("lease", "{lease}", 1),
            ("token", "{token}", 2),
            ("token_accessor", "a-{token}", 2),
            ("token", "own", 3),
            ("token", "other", 0),
        ):
            lease, _ = await stand.lease()
            token = await stand.token()
            await stand.lease(token)
            wanted = Clearing(kind, value.format(lease=lease, token=token))
            assert stand.cache.clear(wanted) == number, kind
            stand.cache.clear(Clearing("all"))

    run(scenario)


def test_a_full_cache_passes_on_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "LIMIT", 1)

    async def scenario(stand: Stand) -> None:
        lease, _ = await stand.lease()
        assert await stand.token() != await stand.token()
        assert await stand.lease() == (lease, True)

    run(scenario)


def test_dynamic_secrets_can_be_left_out() -> None:
    async def scenario(stand: Stand) -> None:
        stand.cache = Cache(stand.server.ask, stand.server.ask, dynamic=False)
        stand.cache.adopt("own")
        assert await stand.lease() == ("db/creds/0", False)
        assert await stand.lease() == ("db/creds/1", False)

    run(scenario)
