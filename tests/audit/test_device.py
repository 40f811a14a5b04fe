from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from strongroom.audit.device import DeviceConfig, open_device
from strongroom.audit.file import FileSink
from strongroom.audit.http import HttpSink
from strongroom.audit.pipe import PipeSink
from strongroom.audit.sink import Discard
from strongroom.audit.socket import SocketSink
from strongroom.errors import BadRequest
from strongroom.logical import Operation, Response
from tests.audit.sample import ACCESSOR, NOW, SALT, TOKEN, device, loaded, request


@pytest.mark.parametrize(
    ("type_", "options", "sentence"),
    (
        ("nope", {}, 'unknown backend type: "nope"'),
        ("", {}, 'unknown backend type: ""'),
        ("file", {}, "file_path is required"),
        ("file", {"file_path": "f", "mode": "abc"}, 'strconv.ParseUint: parsing "abc": invalid syntax'),
        ("file", {"file_path": "f", "prefix": "#!/bin/sh"}, "audit log prefixing is not allowed"),
        ("file", {"file_path": "f", "format": "xml"}, 'unknown format type "xml"'),
        (
            "file",
            {"file_path": "f", "hmac_accessor": "maybe"},
            'strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            "file",
            {"file_path": "f", "log_raw": "maybe"},
            'strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        ("file", {"file_path": "f", "foo": "bar"}, "unknown audit device options: foo"),
        ("socket", {}, "address is required"),
        ("socket", {"address": "127.0.0.1:1", "write_timeout": "x"}, 'time: invalid duration "x"'),
        ("socket", {"address": "127.0.0.1:1", "file_path": "f"}, "unknown audit device options: file_path"),
        ("http", {}, "uri is required"),
        ("http", {"uri": "ftp://h"}, "uri must be an http or https address"),
        ("syslog", {"facility": "XX"}, "invalid syslog facility: XX"),
    ),
)
def test_bad_devices_are_refused_in_the_peers_words(
    type_: str, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(BadRequest) as refusal:
        open_device(DeviceConfig("d/", type_, options), SALT, {})
    assert refusal.value.public == sentence


@pytest.mark.parametrize("form", ("json", ""))
def test_formats(form: str) -> None:
    device("d/", file_path="discard", format=form)
    with pytest.raises(BadRequest, match="jsonx"):
        device("d/", file_path="discard", format="jsonx")


def test_executable_log_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="only read and write"):
        device("d/", file_path=str(tmp_path / "f"), mode="0755")
    assert list(tmp_path.iterdir()) == []


def test_prefix_where_it_is_allowed() -> None:
    config = DeviceConfig("d/", "file", {"file_path": "discard", "prefix": "@cee: "})
    opened = open_device(config, SALT, {}, allow_prefix=True)
    assert opened.format.request(request(), NOW).startswith(b'@cee: {"time"')


def test_options_reach_the_format() -> None:
    raw = device("d/", file_path="discard", log_raw="true")
    assert loaded(raw.format.request(request(), NOW))["auth"]["client_token"] == TOKEN
    clear = device("d/", file_path="discard", hmac_accessor="false")
    assert loaded(clear.format.request(request(), NOW))["auth"]["accessor"] == ACCESSOR
    short = device("d/", file_path="discard", elide_list_responses="1")
    line = short.format.response(request(operation=Operation.LIST), Response(data={"keys": ["a"]}), NOW)
    assert loaded(line)["response"]["data"] == {"keys": 1}


def test_the_targets_kind_chooses_the_sink(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert isinstance(device("d/", file_path="discard").sink, Discard)
    assert isinstance(device("d/", file_path="stdout").sink, PipeSink)
    assert isinstance(device("d/", file_path="/dev/null").sink, PipeSink)
    assert isinstance(device("d/", file_path=str(tmp_path / "fifo")).sink, PipeSink)
    assert isinstance(device("d/", file_path=str(tmp_path / "file")).sink, FileSink)
    assert isinstance(device("d/", path=str(tmp_path / "file")).sink, FileSink)
    assert isinstance(device("d/", "socket", address="127.0.0.1:1").sink, SocketSink)
    assert isinstance(device("d/", "syslog").sink, SocketSink)
    assert isinstance(device("d/", "http", uri="http://127.0.0.1:1/").sink, HttpSink)


def test_nothing_is_opened_before_the_first_line(tmp_path: Path) -> None:
    device("d/", file_path=str(tmp_path / "a" / "f"))
    assert list(tmp_path.iterdir()) == []


def test_tallies_of_a_file(tmp_path: Path) -> None:
    good = device("d/", file_path=str(tmp_path / "f"))
    assert good.log_request(request(), NOW, "") is None
    assert good.log_response(request(), None, NOW, "") is None
    assert (good.requests.taken, good.requests.failed, good.responses.taken, good.responses.failed) == (
        1,
        0,
        1,
        0,
    )
    bad = device("d/", file_path=str(tmp_path))
    assert isinstance(bad.log_request(request(), NOW, ""), IsADirectoryError)
    assert isinstance(bad.log_response(request(), None, NOW, ""), IsADirectoryError)
    assert (bad.requests.taken, bad.requests.failed, bad.responses.taken, bad.responses.failed) == (
        0,
        1,
        0,
        1,
    )


def test_tallies_of_a_queue() -> None:
    async def scenario() -> tuple[int, int]:
        full = device("d/", file_path="/dev/full")
        outcome = full.log_request(request(), NOW, "")
        assert isinstance(outcome, asyncio.Future)
        with pytest.raises(OSError, match="No space left"):
            await outcome
        full.sink.close()
        null = device("d/", file_path="/dev/null")
        outcome = null.log_request(request(), NOW, "")
        assert isinstance(outcome, asyncio.Future)
        await outcome
        null.sink.close()
        return full.requests.failed, null.requests.taken

    assert asyncio.run(scenario()) == (1, 1)


def test_a_line_that_cannot_be_made_is_a_failure_not_a_crash() -> None:
    broken = device("d/", file_path="discard")
    assert isinstance(broken.log_request(request(path="\ud800"), NOW, ""), TypeError)
    assert broken.requests.failed == 1
