from __future__ import annotations

import asyncio
import logging

import orjson

from tests.inprocess import InProcess, inprocess


def test_levels_change_and_come_back() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "sys/loggers/core")).data == {"core": "info"}
        assert (await api("POST", "sys/loggers/core", {"level": "debug"})).status == 204
        assert (await api("GET", "sys/loggers")).data["core"] == "debug"
        assert (await api("DELETE", "sys/loggers/core")).status == 204
        assert (await api("GET", "sys/loggers/core")).data == {"core": "info"}
        assert (await api("POST", "sys/loggers", {"level": "error"})).status == 204
        assert set((await api("GET", "sys/loggers")).data.values()) == {"error"}
        assert (await api("DELETE", "sys/loggers")).status == 204
        assert (await api("GET", "sys/loggers")).data["core"] == "info"

    inprocess(scenario)


def test_levels_that_are_none() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/loggers", {})).errors == ["level is required"]
        assert (await api("POST", "sys/loggers/core", {"level": "x"})).status == 400
        assert (await api("POST", "sys/loggers/nonsense", {"level": "info"})).status == 400
        assert (await api("DELETE", "sys/loggers/nonsense")).status == 400
        assert (await api("GET", "sys/loggers/nonsense")).data == {}

    inprocess(scenario)


def test_the_monitor_streams_lines_as_they_are_written() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("GET", "sys/monitor?log_level=debug&log_format=json")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain"
        assert answer.stream is not None
        lines = aiter(answer.stream)
        first = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        logging.getLogger("core").debug("planted")
        assert orjson.loads(await first)["@message"] == "planted"
        api.core.logs.dismiss()
        assert [chunk async for chunk in lines] == []

    inprocess(scenario)


def test_a_monitor_that_ends_subscribes_no_more() -> None:
    async def scenario(api: InProcess) -> None:
        handlers = len(logging.getLogger().handlers)
        answer = await api("GET", "sys/monitor")
        assert answer.stream is not None
        lines = aiter(answer.stream)
        first = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        assert len(logging.getLogger().handlers) == handlers + 1
        first.cancel()
        await asyncio.wait([first])
        assert len(logging.getLogger().handlers) == handlers

    inprocess(scenario)


def test_the_monitor_is_for_sudo() -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token('path "sys/monitor" { capabilities = ["read"] }')
        assert (await api("GET", "sys/monitor", token=token)).status == 403
        assert (await api("GET", "sys/monitor?log_level=x")).errors == ["unknown log level"]
        assert (await api("GET", "sys/monitor?log_format=x")).errors == ["unknown log format"]

    inprocess(scenario)
