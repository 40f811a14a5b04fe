"""A secret ID is good for exactly so many logins, whoever races for the last one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.core import STAGES, Core
from strongroom.logical import Request
from tests.api import Api
from tests.auth.approle.machine import ROLE, enable, lock_nobody, login, method_rows, secret_id
from tests.inprocess import Answer, InProcess, inprocess
from tests.server import Server


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every request wait between its first read and its commit, so that all of them overlap."""

    async def wait() -> None:
        await asyncio.sleep(0)

    def register(core: object, request: Request) -> Awaitable[None]:
        return wait()

    monkeypatch.setattr(Core, "stages", (*STAGES, register))


@pytest.mark.usefixtures("pause")
@pytest.mark.parametrize("racing", (2, 8))
def test_of_those_racing_for_the_last_use_one_wins(racing: int) -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        await lock_nobody(api)
        before = await method_rows(api)
        for _ in range(10):
            made = await secret_id(api, num_uses=1)
            answers = await asyncio.gather(*(login(api, role_id, made) for _ in range(racing)))
            assert statuses(answers) == {200: 1, 400: racing - 1}
        assert await method_rows(api) == before

    inprocess(scenario)


def test_fifty_logins_at_once_share_twenty_uses() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        await lock_nobody(api)
        before = await method_rows(api)
        made = await secret_id(api, num_uses=20, ttl=600)
        answers = await asyncio.gather(*(login(api, role_id, made) for _ in range(50)))
        assert statuses(answers) == {200: 20, 400: 30}
        tokens = {answer.json["auth"]["client_token"] for answer in answers if answer.status == 200}
        assert len(tokens) == 20
        assert await method_rows(api) == before

    inprocess(scenario)


@pytest.mark.usefixtures("pause")
def test_a_login_beside_the_end_of_its_secret_id_or_role() -> None:
    """Whichever comes first, nothing of the secret ID is left, and no use is counted on one that is gone."""

    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        await lock_nobody(api)
        before = await method_rows(api)
        for _ in range(10):
            made = await secret_id(api, num_uses=2)
            destroy = api("POST", f"{ROLE}/secret-id/destroy", {"secret_id": made})
            answers = await asyncio.gather(login(api, role_id, made), destroy)
            assert answers[0].status in {200, 400}
            assert answers[1].status == 204
            assert await method_rows(api) == before
        made = await secret_id(api, num_uses=2)
        answers = await asyncio.gather(login(api, role_id, made), api("DELETE", ROLE))
        assert answers[0].status in {200, 400}
        assert {name.partition("/")[0] for name in await method_rows(api)} == {"decoy"}

    inprocess(scenario)


steps = st.lists(
    st.one_of(st.tuples(st.just("login"), st.integers(0, 2)), st.tuples(st.just("make"), st.integers(1, 4))),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_logins_that_succeed_are_those_that_were_granted(steps: list[tuple[str, int]]) -> None:
    """Against a model: three secret IDs in turns, made anew at will, each with a count of its own."""

    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        await lock_nobody(api)
        known: list[tuple[str, int]] = []
        for what, number in steps:
            if what == "make":
                known = [*known, (await secret_id(api, num_uses=number), number)][-3:]
            elif number < len(known):
                made, left = known[number]
                assert (await login(api, role_id, made)).status == (200 if left else 400)
                known[number] = made, max(left - 1, 0)
        for made, left in known:
            answers = await asyncio.gather(*(login(api, role_id, made) for _ in range(left + 2)))
            assert statuses(answers)[200] == left

    inprocess(scenario)


@pytest.mark.parametrize("uses", (1, 5))
def test_a_real_server_lets_exactly_so_many_in(open_server: Server, uses: int) -> None:
    """Sixteen connections that send at the same moment, to a server on disk."""
    api = open_server.api
    config = {"user_lockout_config": {"lockout_disable": True}}
    assert api.post("sys/auth/approle", {"type": "approle"}).status == 204
    assert api.post("sys/auth/approle/tune", config).status == 204
    assert api.post("auth/approle/role/web", {"token_ttl": "1h"}).status == 204
    role_id = api.get("auth/approle/role/web/role-id").data["role_id"]
    racers = 16
    line = Barrier(racers, timeout=30)

    def race(secret: str) -> int:
        own = Api(open_server.address)
        line.wait()
        try:
            return own.post("auth/approle/login", {"role_id": role_id, "secret_id": secret}).status
        finally:
            own.close()

    with ThreadPoolExecutor(racers) as pool:
        for _ in range(5):
            made = api.post("auth/approle/role/web/secret-id", {"num_uses": uses}).data["secret_id"]
            assert Counter(pool.map(race, [made] * racers)) == {200: uses, 400: racers - uses}
    assert api.list("auth/approle/role/web/secret-id").status == 404
