"""A token with a count of uses works exactly so often, whoever races for the last one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from strongroom.logical import Request
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import rows


async def limited(api: InProcess, uses: int) -> str:
    answer = await api("POST", "auth/token/create", {"policies": ["default"], "num_uses": uses})
    token: str = answer.json["auth"]["client_token"]
    return token


def statuses(answers: list[Answer]) -> list[int]:
    return sorted(answer.status for answer in answers)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every request wait between its first read and its commit."""

    async def wait() -> None:
        await asyncio.sleep(0)

    def log_request(self: object, request: Request, error: str = "") -> Awaitable[None]:
        return wait()

    monkeypatch.setattr("strongroom.audit.broker.Broker.log_request", log_request)


@pytest.mark.parametrize("path", ("auth/token/lookup-self", "cubbyhole/none"))
def test_fifty_requests_at_once_share_twenty_uses(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        before = set(await rows(api.core, "sys/token/"))
        token = await limited(api, 20)
        answers = await asyncio.gather(*(api("GET", path, token=token) for _ in range(50)))
        fine = 200 if path.startswith("auth") else 404
        assert statuses(answers) == sorted([fine] * 20 + [403] * 30)
        assert set(await rows(api.core, "sys/token/")) == before

    inprocess(scenario)


@pytest.mark.usefixtures("pause")
def test_two_racing_for_the_last_use() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(20):
            token = await limited(api, 1)
            answers = await asyncio.gather(
                *(api("GET", "auth/token/lookup-self", token=token) for _ in range(2))
            )
            assert statuses(answers) == [200, 403]

    inprocess(scenario)


@pytest.mark.usefixtures("pause")
def test_never_more_uses_than_granted_however_requests_interleave() -> None:
    async def scenario(api: InProcess) -> None:
        token = await limited(api, 20)
        answers = await asyncio.gather(
            *(api("GET", "auth/token/lookup-self", token=token) for _ in range(50))
        )
        assert statuses(answers) == [200] * 20 + [403] * 30

    inprocess(scenario)


def test_a_request_that_is_refused_costs_its_use_and_nothing_else() -> None:
    async def scenario(api: InProcess) -> None:
        token = await limited(api, 3)
        before = await rows(api.core)
        assert (await api("POST", "secret/data/x", {"data": {}}, token=token)).status == 403
        assert (await api("POST", "cubbyhole/a", {}, token=token)).status == 400
        after = await rows(api.core)
        changed = [name for name in before | after if before.get(name) != after.get(name)]
        assert len(changed) == 1
        assert changed[0].startswith("sys/token/id/")
        assert (await api("GET", "auth/token/lookup-self", token=token)).status == 200
        assert (await api("GET", "auth/token/lookup-self", token=token)).status == 403

    inprocess(scenario)


def test_a_failing_request_of_a_plain_token_writes_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        index, before = api.core.store.index, await rows(api.core)
        assert (await api("POST", "sys/mounts/x", {"type": "nonsense"})).status == 400
        assert (await api("POST", "auth/token/create", {"ttl": "-1s"})).status == 400
        assert (await api("PUT", "sys/policies/acl/x", {"policy": "nonsense {"})).status == 400
        assert (await api("POST", "secret/data/a", {"data": {}}, token="nobody")).status == 403
        assert (api.core.store.index, await rows(api.core)) == (index, before)

    inprocess(scenario)
