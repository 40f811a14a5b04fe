from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.core import ATTEMPTS, STAGES, Core
from strongroom.errors import BadRequest, Conflict, Sealed
from strongroom.logical import Operation, Request
from strongroom.secrets.kv import v1
from strongroom.storage.physical import Batch
from tests.inprocess import InProcess, inprocess
from tests.leasing import rows


def request(api: InProcess, operation: Operation, path: str, **fields: Any) -> Request:
    made = Request("r", operation, path, token=api.token, now=api.core.clock(), **fields)
    made.core = api.core
    return made


async def mounted(api: InProcess) -> None:
    await api("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "1"}})


def writing(monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    """Have KV writes run ``body`` besides; it gets the request."""
    write = v1.Secret.write

    async def both(path: Any, engine: Any, one: Request) -> None:
        await write(path, engine, one)
        await body(one)

    monkeypatch.setattr(v1.Secret, "write", both)


def test_an_operation_that_fails_leaves_nothing_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)

        async def fail(_: Request) -> None:
            raise BadRequest("no")

        before = await rows(api.core)
        with monkeypatch.context() as patch:
            writing(patch, fail)
            answer = await api("PUT", "kv/a", {"x": "y"})
        assert (answer.status, answer.errors) == (400, ["no"])
        assert await rows(api.core) == before
        assert (await api("GET", "kv/a")).status == 404

    inprocess(scenario)


def test_a_failure_of_ours_is_a_500_that_names_the_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)

        async def fail(_: Request) -> None:
            raise RuntimeError("planted-secret")

        with monkeypatch.context() as patch:
            writing(patch, fail)
            answer = await api("PUT", "kv/a", {"x": "y"})
        assert answer.status == 500
        assert b"planted-secret" not in answer.body
        assert answer.json["request_id"] in caplog.text
        assert (await api("GET", "kv/a")).status == 404

    inprocess(scenario)


def test_who_loses_a_race_runs_again_and_writes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        runs = []

        async def lose_twice(one: Request) -> None:
            runs.append(one.id)
            if len(runs) < 3:
                raise Conflict

        with monkeypatch.context() as patch:
            writing(patch, lose_twice)
            assert (await api("PUT", "kv/a", {"x": "y"})).status == 204
        assert len(runs) == 3
        assert len(set(runs)) == 1
        assert (await api("GET", "kv/a")).data == {"x": "y"}

    inprocess(scenario)


def test_who_always_loses_is_told_so_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        runs = []

        async def lose(one: Request) -> None:
            runs.append(one.id)
            raise Conflict

        with monkeypatch.context() as patch:
            writing(patch, lose)
            answer = await api("PUT", "kv/a", {"x": "y"})
        assert answer.status >= 400
        assert len(runs) == ATTEMPTS
        assert (await api("GET", "kv/a")).status == 404
        assert not api.core.in_flight

    inprocess(scenario)


def test_a_request_that_runs_again_is_one_line_in_the_audit_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "a.log"

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api("PUT", "sys/audit/f", {"type": "file", "options": {"file_path": str(file)}})
        file.write_bytes(b"")
        runs = []

        async def lose_once(one: Request) -> None:
            runs.append(one.id)
            if len(runs) == 1:
                raise Conflict

        with monkeypatch.context() as patch:
            writing(patch, lose_once)
            await api("PUT", "kv/a", {"x": "y"})
        lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        assert [line["type"] for line in lines] == ["request", "response"]
        assert {line["request"]["id"] for line in lines} == set(runs)

    inprocess(scenario)


def test_what_is_done_after_the_commit_is_done_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        done: list[str] = []
        gate = asyncio.Event()
        commit = api.core.store.physical.commit

        async def slow(batch: Batch) -> None:
            await gate.wait()
            await commit(batch)

        async def note(one: Request) -> None:
            one.on_commit.append(lambda: done.append("done"))

        with monkeypatch.context() as patch:
            writing(patch, note)
            patch.setattr(api.core.store.physical, "commit", slow)
            answer = asyncio.ensure_future(api("PUT", "kv/a", {"x": "y"}))
            await asyncio.sleep(0.01)
            assert done == []
            assert not answer.done()
            gate.set()
            assert (await answer).status == 204
        assert done == ["done"]

        async def note_and_fail(one: Request) -> None:
            await note(one)
            raise BadRequest("no")

        with monkeypatch.context() as patch:
            writing(patch, note_and_fail)
            assert (await api("PUT", "kv/a", {"x": "y"})).status == 400

    inprocess(scenario)


def test_a_request_is_in_flight_as_long_as_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        seen: list[list[str]] = []

        async def look(one: Request) -> None:
            seen.append([each.path for each in api.core.in_flight.values()])

        with monkeypatch.context() as patch:
            writing(patch, look)
            await api("PUT", "kv/a", {"x": "y"})
        assert seen == [["kv/a"]]
        assert not api.core.in_flight

    inprocess(scenario)


def test_sealed_only_what_works_sealed_is_answered() -> None:
    async def scenario(api: InProcess) -> None:
        await api.core.lifecycle.seal()
        for path in ("sys/seal-status", "sys/health", "sys/leader"):
            assert (await api.core.handle(request(api, Operation.READ, path))) is not None
        for path in ("secret/data/a", "sys/mounts", "auth/token/lookup-self"):
            with pytest.raises(Sealed):
                await api.core.handle(request(api, Operation.READ, path))

    inprocess(scenario)


def test_the_order_of_the_stages_keeps_what_it_must() -> None:
    """Nothing is decided before it is known who asks, and nothing done before it is written down."""
    names = [stage.__module__.rpartition(".")[2] + "." + stage.__name__ for stage in STAGES]
    for earlier, later in (
        ("namespace.enter", "router.resolve"),
        ("router.resolve", "token.authenticate"),
        ("admission.admit", "token.authenticate"),
        ("token.authenticate", "policies.authorize"),
        ("policies.authorize", "core.audit_request"),
        ("core.audit_request", "router.dispatch"),
        ("router.dispatch", "policies.conceal"),
        ("admission.bound", "lease.register"),
        ("token.retire", "wrapping.wrap"),
    ):
        assert names.index(earlier) < names.index(later), (earlier, later)
    assert names[-1] == "wrapping.wrap"


def test_ttls_are_those_of_the_mount_within_those_of_the_server() -> None:
    async def scenario(api: InProcess) -> None:
        core: Core = api.core
        month = 2_764_800
        assert core.ttls(None) == (month, month)
        for tune, expected in (
            ({}, (month, month)),
            ({"default_lease_ttl": "1h"}, (3_600, month)),
            ({"default_lease_ttl": "system", "max_lease_ttl": "30m"}, (1_800, 1_800)),
            ({"default_lease_ttl": "10m"}, (600, 1_800)),
        ):
            assert (await api("POST", "sys/mounts/secret/tune", tune)).status == 204
            await core.mounts.load()
            assert core.ttls(core.mounts.by_prefix["secret/"]) == expected

    inprocess(scenario)


def test_an_answer_of_health_is_made_once_a_second() -> None:
    async def scenario(api: InProcess) -> None:
        now = api.core.clock()
        now -= now % 1_000_000_000
        first = api.core.health(now)
        assert api.core.health(now + 999_999_999) is first
        assert api.core.health(now + 1_000_000_000) is not first

    inprocess(scenario)


def test_work_after_a_reply_does_not_hold_it_up() -> None:
    async def scenario(api: InProcess) -> None:
        done = asyncio.Event()

        async def work() -> None:
            done.set()

        api.core.after_reply(work)
        assert not done.is_set()
        async with asyncio.timeout(5):
            await done.wait()

    inprocess(scenario)


def test_a_core_starts_without_a_line_above_info(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: InProcess) -> None:
        await api("GET", "sys/mounts")

    inprocess(scenario)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
