from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.errors import Conflict, multierror
from strongroom.storage.physical import Batch
from strongroom.wire import Message
from tests.inprocess import InProcess, inprocess

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Scenario = Callable[[InProcess], Coroutine[Any, Any, None]]


# -- bodies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ("application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense", "a; b=c", "")
)
@pytest.mark.parametrize("body", (b'{"input": "aGVsbG8="}', b' \n{"input": "aGVsbG8="}'))
def test_json_is_taken_under_any_content_type(kind: str, body: bytes) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "sys/tools/hash", body, {"Content-Type": kind})
        assert answer.data["sum"].startswith("2cf24dba")

    inprocess(scenario)


def test_forms_are_taken() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "sys/tools/hash", b"input=aGVsbG8%3D", FORM)
        assert answer.data["sum"].startswith("2cf24dba")
        assert (await api("POST", "sys/tools/hash", b"input=%ff&\xff", FORM)).status == 400
        assert (await api("POST", "sys/tools/hash", b"a=1&" * 2000, FORM)).status == 400

    inprocess(scenario)


@pytest.mark.parametrize("body", (b"nonsense", b"[]", b'"x"', b'{"a":', b'{"a":"\xff"}', b"\xff\xfe"))
def test_bodies_that_are_no_json_object(body: bytes) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "secret/data/x", body)
        assert answer.status == 400
        assert answer.errors[0].startswith("failed to decode JSON input: ")

    inprocess(scenario)


@pytest.mark.parametrize("number", (b"123456789012345678901234567890", b"1.10", b"1e400", b"-0.0"))
def test_numbers_come_back_as_they_were_written(number: bytes) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "cubbyhole/n", b'{"n": ' + number + b"}")).status == 204
        assert b'"n":' + number + b"}" in (await api("GET", "cubbyhole/n")).body

    inprocess(scenario)


def test_listener_bounds_json_cve_2025_6203() -> None:
    async def scenario(api: InProcess) -> None:
        api.traits.max_json_strings = 10
        answer = await api("POST", "secret/data/x", {"data": dict.fromkeys("abcdefghijk", "v")})
        assert answer.errors == [
            "refused JSON input due to high complexity: exceeded maximum number of strings"
        ]
        api.traits.max_json_strings, api.traits.max_json_memory = 100_000, 10_000
        answer = await api("POST", "secret/data/x", {"data": {"a": [[]] * 1000}})
        assert answer.errors == ["refused JSON input due to high complexity: exceeded maximum memory"]
        deep = b'{"data":' + b"[" * 400 + b"]" * 400 + b"}"
        answer = await api("POST", "secret/data/x", deep)
        assert answer.errors == ["refused JSON input due to high complexity: nested too deeply"]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("kind", "status"),
    (
        ("application/merge-patch+json", 200),
        ("application/merge-patch+json; charset=utf-8", 200),
        ("APPLICATION/MERGE-PATCH+JSON", 200),
        ("application/json", 415),
        ("", 400),
    ),
)
def test_patch_wants_its_content_type(kind: str, status: int) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "secret/data/x", {"data": {"a": 1}})
        answer = await api("PATCH", "secret/data/x", {"data": {"b": 2}}, {"Content-Type": kind})
        assert answer.status == status, answer

    inprocess(scenario)


# -- verbs, paths, queries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "status"),
    (
        ("FOO", 405),
        ("TRACE", 405),
        ("get", 405),
        ("HEAD", 405),
        ("OPTIONS", 400),
        ("PUT", 200),
        ("POST", 200),
    ),
)
def test_verbs(verb: str, status: int) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api(verb, "secret/data/x", {"data": {"a": 1}})
        assert answer.status == status, answer

    inprocess(scenario)


@pytest.mark.parametrize(
    ("target", "status", "location"),
    (
        ("/v1//sys/health", 307, "/v1/sys/health"),
        ("/v1/sys/./health?a=b", 307, "/v1/sys/health?a=b"),
        ("/v1/../v1/sys/health", 307, "/v1/sys/health"),
        ("/v1/sys/%2e%2e/health", 400, ""),
        ("/v1/sys/%zz", 400, ""),
        ("/v1/sys/%ff", 400, ""),
        ("/v1/sys/health%00", 400, ""),
        ("/v1/sys%2Fhealth", 200, ""),
        ("/v1/sys/%68ealth", 200, ""),
        ("/v2/sys/health", 404, ""),
        ("/", 404, ""),
        ("*", 404, ""),
    ),
)
def test_targets(target: str, status: int, location: str) -> None:
    async def scenario(api: InProcess) -> None:
        reply = api.handler(Message("GET", target, {}, b"", listener=api.traits))
        reply = await reply if isinstance(reply, Coroutine) else reply
        assert reply.status == status  # type: ignore[union-attr]
        assert dict(reply.headers).get("Location", "") == location  # type: ignore[union-attr]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("headers", "status"),
    (
        ({}, 403),
        ({"X-Vault-Token": "root"}, 200),
        ({"Authorization": "Bearer root"}, 200),
        ({"Authorization": "bearer root"}, 200),
        ({"Authorization": "Basic root"}, 403),
        ({"Authorization": "root"}, 403),
        ({"X-Vault-Token": "nobody", "Authorization": "Bearer root"}, 403),
    ),
)
def test_where_the_token_comes_from(headers: dict[str, str], status: int) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "auth/token/lookup-self", headers=headers, token=None)).status == status

    inprocess(scenario)


# -- the storage index -------------------------------------------------------------------------------------


def test_client_that_has_seen_this_state_is_served() -> None:
    async def scenario(api: InProcess) -> None:
        index = (await api("POST", "secret/data/x", {"data": {}})).headers["x-vault-index"]
        assert int(index) > 0
        for known in ("0", index):
            answer = await api("GET", "secret/data/x", headers={"X-Vault-Index": known})
            assert (answer.status, answer.headers["x-vault-index"]) == (200, index)

    inprocess(scenario)


def test_client_that_has_seen_a_newer_state_waits_a_little_for_it() -> None:
    async def scenario(api: InProcess) -> None:
        index = int((await api("POST", "secret/data/x", {"data": {"a": 1}})).headers["x-vault-index"])
        reading = asyncio.ensure_future(
            api("GET", "secret/data/x", headers={"X-Vault-Index": str(index + 1)})
        )
        await asyncio.sleep(0.01)
        await api("POST", "secret/data/x", {"data": {"a": 2}})
        assert (await reading).data["data"] == {"a": 2}
        answer = await api("GET", "secret/data/x", headers={"X-Vault-Index": str(index + 5)})
        assert (answer.status, answer.errors) == (412, ["required index state not present"])

    inprocess(scenario)


@pytest.mark.parametrize("index", ("nonsense", "-1", "1.5", "", "9" * 30, "\u0663"))
def test_index_that_is_none(index: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("GET", "secret/data/x", headers={"X-Vault-Index": index})
        assert (answer.status, answer.errors) == (400, ['failed to decode "X-Vault-Index"'])

    inprocess(scenario)


# -- time --------------------------------------------------------------------------------------------------


def test_request_that_waits_too_long_ends_and_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        log = tmp_path / "audit.log"
        options = {"file_path": str(log)}
        await api("PUT", "sys/audit/f", {"type": "file", "options": options})
        blocked = asyncio.Event()

        async def waiting(*_: Any) -> None:
            await blocked.wait()

        mount = await stalled(api, waiting)
        api.traits.max_request_duration = 0.05
        answer = await api("POST", "secret/data/slow", {"data": {"a": 1}})
        assert (answer.status, answer.errors) == (503, ["context deadline exceeded"])
        assert not api.core.in_flight
        mount()
        api.traits.max_request_duration = 90
        assert (await api("GET", "secret/data/slow")).status == 404
        last = [orjson.loads(line) for line in log.read_bytes().splitlines()][-3]
        assert (last["type"], last["error"]) == ("response", multierror("context deadline exceeded"))

    inprocess(scenario)


async def stalled(api: InProcess, before: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make the engine at secret/ wait before each operation; gives what undoes it."""
    await api("GET", "secret/data/none")
    backend = api.core.mounts.find("secret/data/x").backend  # type: ignore[union-attr]
    handle = backend.handle

    async def waits(path: Any, request: Any) -> Any:
        await before()
        return await handle(path, request)

    backend.handle = waits  # type: ignore[method-assign]
    return lambda: setattr(backend, "handle", handle)


def test_commit_that_has_begun_is_not_interrupted() -> None:
    async def scenario(api: InProcess) -> None:
        commit = api.core.store.physical.commit

        async def slow(batch: Batch) -> None:
            await asyncio.sleep(0.2)
            await commit(batch)

        api.core.store.physical.commit = slow  # type: ignore[method-assign]
        api.traits.max_request_duration = 0.05
        assert (await api("PUT", "sys/rotate")).status == 204
        assert api.core.barrier.status()["term"] == 2
        assert (await api("POST", "secret/data/x", {"data": {"a": 1}})).status == 200

    inprocess(scenario)


def test_time_limit_leaves_no_timer_and_no_cancellation_behind() -> None:
    async def scenario(api: InProcess) -> None:
        api.traits.max_request_duration = 0.05
        assert (await api("POST", "secret/data/x", {"data": {"a": 1}})).status == 200
        await asyncio.sleep(0.1)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    inprocess(scenario)


# -- failures ----------------------------------------------------------------------------------------------


def test_failure_of_ours_says_nothing_but_the_id_of_the_request() -> None:
    async def scenario(api: InProcess) -> None:
        async def broken() -> None:
            raise RuntimeError("hunter22")

        await stalled(api, broken)
        answer = await api("GET", "secret/data/x")
        assert answer.status == 500
        assert set(answer.json) == {"errors", "request_id"}
        assert b"hunter22" not in answer.body

    inprocess(scenario)


def test_lost_race_is_run_again_and_given_up_in_the_end() -> None:
    async def scenario(api: InProcess) -> None:
        turns = 0

        async def losing() -> None:
            nonlocal turns
            turns += 1
            if turns < 4:
                raise Conflict

        await stalled(api, losing)
        assert (await api("POST", "secret/data/x", {"data": {"a": 1}})).status == 200
        assert turns == 4
        turns = -1000
        assert (await api("POST", "secret/data/x", {"data": {"a": 1}})).status == 409

    inprocess(scenario)
