"""A revoked token takes along all it made, at once and without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from strongroom.logical import Request
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, leasing, reap, rows

__all__ = ["leasing"]  # a fixture


async def create(api: InProcess, parent: str = "", path: str = "auth/token/create", **fields: Any) -> str:
    answer = await api("POST", path, {"ttl": "2h", **fields}, token=parent)
    assert answer.status == 200, answer
    token: str = answer.json["auth"]["client_token"]
    return token


async def alive(api: InProcess, token: str) -> bool:
    return (await api("GET", "auth/token/lookup-self", token=token)).status == 200


def test_descendants_of_every_kind_go_with_a_token() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await create(api, ttl="1h")
        child = await create(api, parent)
        grandchild = await create(api, child)
        batch = await create(api, child, type="batch", policies=["default"], ttl="30m")
        orphan = await create(api, child, no_parent=True)
        tokens = (child, grandchild, batch, orphan)
        assert [await alive(api, token) for token in tokens] == [True] * 4
        assert (await api("POST", "auth/token/revoke", {"token": parent})).status == 204
        assert [await alive(api, token) for token in tokens] == [False, False, False, True]

    inprocess(scenario)


def test_a_batch_token_ends_when_its_parent_expires() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await create(api, ttl="1m")
        batch = await create(api, parent, type="batch", policies=["default"], ttl="1h")
        with later(api.core, 30):
            assert await alive(api, batch)
        with later(api.core, 61):
            assert not await alive(api, batch)

    inprocess(scenario)


def test_revoke_orphan_lets_children_live() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await create(api)
        child = await create(api, parent)
        grandchild = await create(api, child)
        assert (await api("POST", "auth/token/revoke-orphan", {"token": parent})).status == 204
        assert [await alive(api, token) for token in (parent, child, grandchild)] == [False, True, True]
        assert (await api("GET", "auth/token/lookup-self", token=child)).data["orphan"] is True
        assert (await api("POST", "auth/token/revoke", {"token": child})).status == 204
        assert not await alive(api, grandchild)

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_nothing_is_left_of_a_revoked_tree() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/db", {"type": "leasing"})
        before = await rows(api.core)
        parent = await create(api, ttl="1h")
        child = await create(api, parent, ttl="1h")
        limited = await create(api, parent, num_uses=5)
        for token in (parent, child, limited):
            assert (await api("POST", "cubbyhole/deep/a", {"x": 1}, token=token)).status == 204
            assert (await api("GET", "db/creds/app", token=token)).status == 200
        wrapped = await api("GET", "auth/token/lookup-self", None, {"X-Vault-Wrap-TTL": "60"}, token=child)
        assert len(await rows(api.core)) > len(before) + 20
        assert (await api("POST", "auth/token/revoke", {"token": parent})).status == 204
        wrapping = wrapped.json["wrap_info"]["token"]
        assert (await api("POST", "sys/wrapping/unwrap", token=wrapping)).status == 200
        await reap(api.core)
        assert set(await rows(api.core)) == set(before)

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_nothing_is_left_of_what_expired() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/db", {"type": "leasing"})
        before = await rows(api.core)
        parent = await create(api, ttl="1m")
        await create(api, parent, ttl="1h")
        await api("POST", "cubbyhole/a", {"x": 1}, token=parent)
        await api("GET", "db/creds/app", token=parent)
        await api("GET", "auth/token/lookup-self", None, {"X-Vault-Wrap-TTL": "30"})
        with later(api.core, 61):
            await reap(api.core)
        assert set(await rows(api.core)) == set(before)

    inprocess(scenario)


def yielding(api: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every request wait in the middle, so that others come in between."""

    async def wait() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    def log_request(request: Request, error: str = "") -> Awaitable[None]:
        return wait()

    monkeypatch.setattr(api.core.audit, "log_request", log_request)


def test_no_child_escapes_the_revocation_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(5):
            parent = await create(api, ttl="1h")
            assert await alive(api, parent)  # cached from here on
            before = set(await rows(api.core, "sys/token/"))
            with monkeypatch.context() as patch:
                yielding(api, patch)
                makers = [api("POST", "auth/token/create", {"ttl": "1h"}, token=parent) for _ in range(6)]
                revoking = api("POST", "auth/token/revoke", {"token": parent})
                first, *answers = await asyncio.gather(*makers[:3], revoking, *makers[3:])
            made = [a.json["auth"]["client_token"] for a in (first, *answers) if a.status == 200]
            assert [await alive(api, token) for token in made] == [False] * len(made)
            assert set(await rows(api.core, "sys/token/")) < before

    inprocess(scenario)


def test_a_tree_of_many_goes_whole() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await create(api)
        for _ in range(600):
            await create(api, parent, policies=["default"])
        assert (await api("POST", "auth/token/revoke", {"token": parent})).status == 204
        assert len(await rows(api.core, "sys/token/id/")) == 1  # the root token's

    inprocess(scenario, seconds=60)
