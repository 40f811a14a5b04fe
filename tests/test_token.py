from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from strongroom.logical import SECOND, Operation, Request
from strongroom.token import BATCH_PREFIX, SERVICE_PREFIX, TokenEntry
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows

LOOKUP = "auth/token/lookup-self"


def entry(**fields: Any) -> TokenEntry:
    return TokenEntry(
        **({"key": "", "accessor": "", "policies": ["default"], "path": "auth/token/create"} | fields)
    )


async def issue(api: InProcess, **fields: Any) -> str:
    """A token that the store makes of an entry, without any method that would bound it."""
    request = api.core.internal_request()
    if "ttl" in fields:
        fields["expire_time"] = request.now + fields["ttl"] * SECOND
    token = api.core.tokens.issue(request, entry(creation_time=request.now, **fields))
    await api.core.store.commit(request.tx)
    return token


def reading(api: InProcess, *, write: bool = False) -> Request:
    """A request of nobody's, to look things up in."""
    request = Request("r", Operation.READ, "x", now=api.core.clock())
    request.core, request.tx = api.core, api.core.store.begin(write=write)
    return request


async def find(api: InProcess, token: str) -> TokenEntry | None:
    request = reading(api)
    try:
        return await api.core.tokens.lookup(request, token)
    finally:
        request.tx.close()


async def revoke(api: InProcess, token: str, *, orphan: bool = False) -> None:
    request, tokens = api.core.internal_request(), api.core.tokens
    if orphan:
        await tokens.revoke_orphan(request, tokens.key(token))
    else:
        await tokens.revoke_tree(request, tokens.key(token))
    await api.core.store.commit(request.tx)


def test_a_service_token_is_found_by_itself_and_by_its_accessor() -> None:
    async def scenario(api: InProcess) -> None:
        token = await issue(api, display_name="ann", meta={"a": "b"}, ttl=60)
        assert token.startswith(SERVICE_PREFIX)
        assert len(token) == 28
        found = await find(api, token)
        assert found is not None
        assert (found.display_name, found.meta, found.orphan) == ("ann", {"a": "b"}, True)
        assert found.lease_id == f"auth/token/create/{found.key}"
        request = reading(api)
        again = await api.core.tokens.by_accessor(request, found.accessor)
        assert again is not None
        assert again.key == found.key
        assert await api.core.tokens.by_accessor(request, "nobody") is None
        request.tx.close()

    inprocess(scenario)


@pytest.mark.parametrize(
    "token", ("", "nobody", "srs.", "srb.", "srb.!!", "srb." + "A" * 60, "srs." + "x" * 5_000)
)
def test_what_is_no_token_is_nobody(token: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert await find(api, token) is None

    inprocess(scenario)


def test_a_token_ends_on_time_before_the_reaper_comes() -> None:
    async def scenario(api: InProcess) -> None:
        token = await issue(api, ttl=60)
        batch = await issue(api, ttl=60, type="batch")
        for seconds, there in ((59, True), (61, False)):
            with later(api.core, seconds):
                assert [await find(api, one) is not None for one in (token, batch)] == [there, there]

    inprocess(scenario)


def test_nothing_is_stored_of_a_batch_token() -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core)
        token = await issue(api, ttl=60, type="batch", meta={"a": "b"})
        assert token.startswith(BATCH_PREFIX)
        assert await rows(api.core) == before
        found = await find(api, token)
        assert found is not None
        assert found.meta == {"a": "b"}
        middle = len(token) // 2
        forged = token[:middle] + ("B" if token[middle] == "A" else "A") + token[middle + 1 :]
        assert await find(api, forged) is None

    inprocess(scenario)


def test_a_batch_token_ends_with_its_parent() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await issue(api, ttl=60)
        batch = await issue(api, type="batch", parent=api.core.tokens.key(parent), ttl=6_000)
        assert await find(api, batch) is not None
        await revoke(api, parent)
        assert await find(api, batch) is None

    inprocess(scenario)


def test_the_token_itself_stands_in_no_row() -> None:
    async def scenario(api: InProcess) -> None:
        token = await issue(api, ttl=60)
        found = await find(api, token)
        assert found is not None
        for name, value in (await rows(api.core)).items():
            for secret in (token, found.accessor):
                assert secret not in name
                assert secret.encode() not in value

    inprocess(scenario)


def test_tokens_of_one_time_stand_together_and_so_do_their_accessors() -> None:
    async def scenario(api: InProcess) -> None:
        names = {}
        for minute in range(4):
            with later(api.core, minute * 60):
                for number in range(10):
                    token = await issue(api, ttl=6_000, display_name=str(minute))
                    names[api.core.tokens.key(token)] = f"{minute}{number}"
        stored = sorted(await rows(api.core))
        by_key = [names.get(row.rpartition("/")[2], "")[:1] for row in stored if "sys/token/id/" in row]
        request = reading(api)
        accessors = [
            await api.core.tokens.by_accessor(request, each)
            for each in await api.core.tokens.accessors(request)
        ]
        request.tx.close()
        by_accessor = [names.get(found.key, "")[:1] for found in accessors if found is not None]
        for order in (by_key, by_accessor):
            minutes = [minute for minute in order if minute]
            assert len(minutes) == 40
            changes = sum(one != other for one, other in pairwise(minutes))
            assert changes <= 4  # of 39: three, and one more where the ticks start again

    inprocess(scenario)


def test_a_change_is_seen_by_the_next_lookup_and_not_before_its_commit() -> None:
    async def scenario(api: InProcess) -> None:
        token = await issue(api, display_name="one")
        first = await find(api, token)
        assert first is not None
        request = api.core.internal_request()
        first.display_name = "one"
        changed = entry(key=first.key, accessor=first.accessor, display_name="two")
        api.core.tokens.update(request, changed)
        assert (await find(api, token)) == first
        await api.core.store.commit(request.tx)
        second = await find(api, token)
        assert second is not None
        assert second.display_name == "two"

    inprocess(scenario)


def test_a_rolled_back_token_was_never_there() -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core)
        request = api.core.internal_request()
        token = api.core.tokens.issue(request, entry(ttl=60, expire_time=request.now + 60 * SECOND))
        assert await api.core.tokens.lookup(request, token) is not None
        request.tx.close()
        assert await find(api, token) is None
        assert await rows(api.core) == before

    inprocess(scenario)


def test_a_tree_goes_and_leaves_no_row() -> None:
    async def scenario(api: InProcess) -> None:
        before = await rows(api.core)
        tokens, key = [], ""
        for _ in range(4):
            tokens.append(await issue(api, parent=key, ttl=600))
            key = api.core.tokens.key(tokens[-1])
        for token in tokens:
            await api("POST", "cubbyhole/a", {"x": "y"}, token=token)
        await revoke(api, tokens[0])
        assert [await find(api, token) for token in tokens] == [None] * 4
        await reap(api.core)
        assert (await rows(api.core)).keys() == before.keys()

    inprocess(scenario)


def test_the_children_of_an_orphaned_branch_live_on_without_a_parent() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await issue(api)
        child = await issue(api, parent=api.core.tokens.key(parent))
        grandchild = await issue(api, parent=api.core.tokens.key(child))
        await revoke(api, parent, orphan=True)
        found = [await find(api, token) for token in (parent, child, grandchild)]
        assert found[0] is None
        assert found[1] is not None
        assert found[1].orphan
        assert found[2] is not None
        assert found[2].parent == api.core.tokens.key(child)
        await revoke(api, child)
        assert await find(api, grandchild) is None

    inprocess(scenario)


def test_tidying_drops_rows_whose_token_is_gone_and_no_others() -> None:
    async def scenario(api: InProcess) -> None:
        parent = await issue(api)
        child = await issue(api, parent=api.core.tokens.key(parent))
        before = await rows(api.core)
        request = api.core.internal_request()
        view = api.core.view(request.tx, "sys/token/")
        view.put("accessor/h0", b'{"accessor":"a","key":"gone"}')
        view.mark("parent/gone/gone")
        await api.core.store.commit(request.tx)
        request = api.core.internal_request()
        await api.core.tokens.tidy(request)
        await api.core.store.commit(request.tx)
        assert await rows(api.core) == before
        assert await find(api, child) is not None

    inprocess(scenario)


def test_a_use_is_taken_by_each_request_and_the_last_one_ends_the_token() -> None:
    async def scenario(api: InProcess) -> None:
        token = await issue(api, num_uses=3, policies=["default"])
        left = [(await api("GET", LOOKUP, token=token)).data["num_uses"] for _ in range(2)]
        assert left == [2, 1]
        assert (await api("GET", "sys/mounts", token=token)).status == 403  # refused, and used
        assert (await api("GET", LOOKUP, token=token)).status == 403
        assert await find(api, token) is None

    inprocess(scenario)


def test_after_a_seal_the_same_tokens_are_good() -> None:
    async def scenario(api: InProcess) -> None:
        token = await issue(api)
        key = api.core.tokens.key(token)
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        assert api.core.tokens.key(token) == key
        assert await find(api, token) is not None

    inprocess(scenario)
