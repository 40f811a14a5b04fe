from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from strongroom.audit.broker import Broker
from strongroom.audit.device import DeviceConfig, open_device
from strongroom.errors import AuditFailed, BadRequest
from strongroom.logical import Response
from tests.audit.sample import SALT, device, entry, request


@pytest.fixture
def broker() -> Broker:
    return Broker()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def waited(outcome: Awaitable[None] | None) -> None:
    assert outcome is not None
    await outcome


def test_without_devices_requests_pass(broker: Broker) -> None:
    assert broker.log_request(request()) is None
    assert broker.log_response(request(), Response()) is None
    assert broker.requests.taken == broker.responses.taken == 0


def test_file_takes_both_lines_inline(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("f/", file_path=str(tmp_path / "f")))
    asked = request()
    assert broker.log_request(asked) is None
    assert [line["type"] for line in lines_of(tmp_path / "f")] == ["request"]
    assert broker.log_response(asked, Response(data={"a": "b"}), "oops") is None
    first, second = lines_of(tmp_path / "f")
    assert second["type"] == "response"
    assert second["error"] == "1 error occurred:\n\t* oops\n\n"
    assert first["request"] == second["request"]
    assert first["time"] < second["time"]
    assert (broker.requests.taken, broker.responses.taken) == (1, 1)


def test_every_device_gets_every_line(broker: Broker, tmp_path: Path) -> None:
    for name in ("a", "b"):
        broker.add(device(f"{name}/", file_path=str(tmp_path / name)))
    broker.log_request(request())
    assert lines_of(tmp_path / "a") == lines_of(tmp_path / "b") != []


def test_failure_of_all_names_them(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("one/", file_path=str(tmp_path)))
    broker.add(device("two/", file_path=str(tmp_path)))
    with pytest.raises(AuditFailed, match="one/, two/") as failure:
        broker.log_request(request())
    assert failure.value.status == 500
    assert "one/: IsADirectoryError" in failure.value.cause
    with pytest.raises(AuditFailed, match="one/, two/"):
        broker.log_response(request(), Response())
    assert (broker.requests.failed, broker.responses.failed) == (1, 1)


def test_one_healthy_device_suffices(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("bad/", file_path=str(tmp_path)))
    broker.add(device("good/", file_path=str(tmp_path / "f")))
    assert broker.log_request(request()) is None
    assert len(lines_of(tmp_path / "f")) == 1
    assert broker.devices["bad/"].requests.failed == 1
    assert broker.requests.failed == 0


def test_line_that_cannot_be_made_fails_the_request(broker: Broker) -> None:
    broker.add(device("f/", file_path="discard"))
    with pytest.raises(AuditFailed):
        broker.log_request(request(path="\ud800"))


def test_slow_device_beside_a_file_costs_nothing(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        broker.add(device("slow/", file_path=str(fifo)))
        broker.add(device("file/", file_path=str(tmp_path / "f")))
        started = time.monotonic()
        for _ in range(2000):
            assert broker.log_request(request()) is None
        assert time.monotonic() - started < 20  # a wait for each would take an hour
        assert len(lines_of(tmp_path / "f")) == 2000
        assert broker.devices["slow/"].requests.failed > 0
        os.close(reader)
        await broker.close()

    asyncio.run(scenario())


def test_queued_devices_alone_are_awaited(broker: Broker) -> None:
    async def scenario() -> None:
        broker.add(device("full/", file_path="/dev/full"))
        with pytest.raises(AuditFailed, match="full/"):
            await waited(broker.log_request(request()))
        broker.add(device("null/", file_path="/dev/null"))
        await waited(broker.log_request(request()))
        await waited(broker.log_response(request(), Response()))
        await broker.close()

    asyncio.run(scenario())
    assert (broker.requests.taken, broker.requests.failed, broker.responses.taken) == (1, 1, 1)


def test_blocked_device_alone_fails_requests_in_bounded_time(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> float:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        broker.add(device("slow/", file_path=str(fifo)))
        started = time.monotonic()
        big = request(data={str(number): "x" for number in range(3000)})
        outcomes = [broker.log_request(big) for _ in range(5)]
        results = await asyncio.gather(*[waited(outcome) for outcome in outcomes], return_exceptions=True)
        assert isinstance(results[-1], AuditFailed)
        assert "slow/" in results[-1].public
        elapsed = time.monotonic() - started
        os.close(reader)
        await broker.close()
        return elapsed

    assert asyncio.run(scenario()) < 8


def test_first_of_several_queued_devices_suffices(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> float:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        broker.add(device("slow/", file_path=str(fifo)))
        broker.add(device("null/", file_path="/dev/null"))
        started = time.monotonic()
        await waited(broker.log_request(request(data={str(number): "x" for number in range(3000)})))
        elapsed = time.monotonic() - started
        os.close(reader)
        await broker.close()
        return elapsed

    assert asyncio.run(scenario()) < 1.9  # the slow one fails after 2


def test_cancelled_request_leaves_no_unread_error(broker: Broker) -> None:
    async def scenario() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        broker.add(device("full/", file_path="/dev/full"))
        task = asyncio.create_task(waited(broker.log_request(request())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await broker.close()
        await asyncio.sleep(0.05)
        assert complaints == []

    asyncio.run(scenario())
    assert not broker.devices


def test_lines_of_concurrent_requests_keep_their_order(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("f/", file_path=str(tmp_path / "f")))

    async def one(number: int) -> None:
        asked = request(id=str(number))
        assert broker.log_request(asked) is None
        await asyncio.sleep(0)
        assert broker.log_response(asked, Response(data={"n": number})) is None

    async def scenario() -> None:
        await asyncio.gather(*[one(number) for number in range(100)])

    asyncio.run(scenario())
    lines = lines_of(tmp_path / "f")
    assert [line["request"]["id"] for line in lines] == [str(number) for number in range(100)] * 2
    assert [line["response"]["data"]["n"] for line in lines[100:]] == list(range(100))
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


@pytest.mark.parametrize("path", ("f/", "f/inner/", "f/a/b/"))
def test_paths_that_meet_are_refused(broker: Broker, path: str) -> None:
    broker.add(device("f/inner/", file_path="discard"))
    if path == "f/a/b/":
        broker.add(device(path, file_path="discard"))
        return
    with pytest.raises(BadRequest, match="path already in use"):
        broker.add(device(path, file_path="discard"))


def test_proving_a_device_writes_a_test_line(broker: Broker, tmp_path: Path) -> None:
    asyncio.run(broker.prove(device("f/", file_path=str(tmp_path / "f")), request()))
    (line,) = lines_of(tmp_path / "f")
    assert line["type"] == "request"
    assert line["auth"] == {"token_type": "default"}
    assert set(line["request"]) == {"id", "operation", "namespace", "path"}
    assert (line["request"]["operation"], line["request"]["path"]) == ("update", "sys/audit/test")
    assert not broker.devices


@pytest.mark.parametrize(
    ("type_", "options", "sentence"),
    (
        ("file", {"file_path": "/dev"}, "sanity check failed; unable to open"),
        ("file", {"file_path": "/dev/full"}, "audit backend failed test message: .*No space left"),
        ("socket", {"address": "127.0.0.1:1"}, "audit backend failed test message: .*refused"),
    ),
)
def test_device_that_fails_its_test_is_told(
    broker: Broker, type_: str, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        asyncio.run(broker.prove(device("d/", type_, **options), request()))
    assert not broker.devices


def test_removed_device_gets_no_more_lines(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("f/", file_path=str(tmp_path / "f")))
    broker.log_request(request())
    asyncio.run(broker.remove("f/"))
    asyncio.run(broker.remove("absent/"))
    assert broker.log_request(request()) is None
    assert len(lines_of(tmp_path / "f")) == 1


def test_device_enabled_again_uses_its_new_salt_for_known_tokens(broker: Broker, tmp_path: Path) -> None:
    holder = entry()
    for number in range(2):
        opened = device("f/", file_path=str(tmp_path / "f"))
        broker.add(opened)
        broker.log_request(request(entry=holder))
        if number == 0:
            asyncio.run(broker.remove("f/"))
    assert len(holder.audit) == 2


def test_hash_is_what_stands_in_the_log(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("f/", file_path=str(tmp_path / "f")))
    broker.log_request(request(data={"a": "secret"}))
    assert lines_of(tmp_path / "f")[0]["request"]["data"] == {"a": broker.hash("f/", "secret")}
    with pytest.raises(BadRequest, match='unknown audit backend "nope/"'):
        broker.hash("nope/", "secret")


def test_reload_opens_files_anew_and_tells_what_failed(broker: Broker, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for path in (good, bad):
        broker.add(device(f"{path.name}/", file_path=str(path)))
    broker.log_request(request())
    for path in (good, bad):
        path.rename(path.with_suffix(".1"))
    bad.mkdir()
    failures = broker.reload()
    assert list(failures) == ["bad/"]
    assert isinstance(failures["bad/"], IsADirectoryError)
    broker.log_request(request())
    assert len(lines_of(good)) == 1
    assert len(lines_of(bad.with_suffix(".1"))) == 2


def test_listed_headers_change_for_all_devices(broker: Broker, tmp_path: Path) -> None:
    config = DeviceConfig("f/", "file", {"file_path": str(tmp_path / "f")})
    broker.add(open_device(config, SALT, broker.headers))
    asked = {"x-foo": "foo"}
    broker.log_request(request(received=asked))
    broker.headers["x-foo"] = False
    broker.log_request(request(received=asked))
    first, second = lines_of(tmp_path / "f")
    assert "headers" not in first["request"]
    assert second["request"]["headers"] == {"x-foo": ["foo"]}


def test_salt_never_appears(broker: Broker, tmp_path: Path) -> None:
    broker.add(device("f/", file_path=str(tmp_path / "f"), log_raw="true"))
    broker.log_request(request())
    assert SALT not in (tmp_path / "f").read_bytes()
