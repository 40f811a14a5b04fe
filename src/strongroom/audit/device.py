"""An audit device: lines in its own format, to its own target, with its own counts."""

from __future__ import annotations

import stat
from asyncio import Future
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from strongroom.audit.entry import EntryFormat, FormatOptions
from strongroom.audit.file import FileSink
from strongroom.audit.options import Options
from strongroom.audit.pipe import PipeSink
from strongroom.audit.sink import Discard, Sink
from strongroom.audit.socket import Endpoint, SocketSink
from strongroom.audit.syslog import syslog_sink
from strongroom.errors import BadRequest
from strongroom.logical import Request, Response


@dataclass(slots=True, frozen=True)
class DeviceConfig:
    """What an operator declares. ``path`` ends in ``/``; option values are text, as on the wire."""

    path: str
    type: str
    options: dict[str, str] = field(default_factory=dict)
    description: str = ""
    local: bool = False


@dataclass(slots=True)
class Tally:
    """Lines taken and lines lost."""

    taken: int = 0
    failed: int = 0


@dataclass(slots=True)
class Device:
    """One audit device at work. ``requests`` and ``responses`` count for the metrics."""

    config: DeviceConfig
    format: EntryFormat
    sink: Sink
    requests: Tally = field(default_factory=Tally)
    responses: Tally = field(default_factory=Tally)

    def log_request(self, request: Request, now: int, error: str) -> Outcome:
        """Take the request line."""
        try:
            pending = self.sink.write(self.format.request(request, now, error))
        except Exception as failure:  # noqa: BLE001  # returned: whatever went wrong, the line is not there
            self.requests.failed += 1
            return failure
        if pending is None:
            self.requests.taken += 1
        else:
            pending.add_done_callback(partial(_count, self.requests))
        return pending

    def log_response(self, request: Request, response: Response | None, now: int, error: str) -> Outcome:
        """Take the response line."""
        try:
            pending = self.sink.write(self.format.response(request, response, now, error))
        except Exception as failure:  # noqa: BLE001  # returned, as above
            self.responses.failed += 1
            return failure
        if pending is None:
            self.responses.taken += 1
        else:
            pending.add_done_callback(partial(_count, self.responses))
        return pending


Outcome = Future[None] | Exception | None
"""None: the line is taken. A future: it will be, or fail. An exception: it is not."""


def _count(tally: Tally, future: Future[None]) -> None:
    if future.cancelled() or future.exception() is not None:
        tally.failed += 1
    else:
        tally.taken += 1


def open_device(
    config: DeviceConfig, salt: bytes, headers: Mapping[str, bool], *, allow_prefix: bool = False
) -> Device:
    """The device that ``config`` describes; its target is opened at the first line.

    ``salt`` are 32 secret random bytes that belong to the device for life. ``headers`` as for
    :class:`EntryFormat`. Raises BadRequest for an unknown type and for options that are missing,
    wrong or unknown.
    """
    make_sink = _SINKS.get(config.type)
    if make_sink is None:
        raise BadRequest(f'unknown backend type: "{config.type}"')
    options = Options(config.options)
    form = _format_options(options, allow_prefix=allow_prefix)
    sink = make_sink(options)
    options.refuse_rest()
    return Device(config, EntryFormat(salt, form, headers), sink)


def _format_options(options: Options, *, allow_prefix: bool) -> FormatOptions:
    form = options.text("format", "json")
    if form == "jsonx":
        raise BadRequest("jsonx formatting has been removed, use json")
    if form != "json":
        raise BadRequest(f'unknown format type "{form}"')
    prefix = options.text("prefix")
    if prefix and not allow_prefix:
        raise BadRequest("audit log prefixing is not allowed")
    return FormatOptions(
        hmac_accessor=options.boolean("hmac_accessor", True),
        elide_list_responses=options.boolean("elide_list_responses", False),
        log_raw=options.boolean("log_raw", False),
        prefix=prefix.encode(),
    )


def _file(options: Options) -> Sink:
    path = options.text("file_path") or options.text("path")
    if not path:
        raise BadRequest("file_path is required")
    mode = options.mode("mode", 0o600)
    if path == "discard":
        return Discard()
    if path == "stdout" or _is_stream(path):
        return PipeSink(path)
    return FileSink(path, mode)


def _is_stream(path: str) -> bool:
    try:
        kind = Path(path).stat().st_mode
    except OSError:  # not there yet, or not for us: opening it as a file will say
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISCHR(kind)


def _socket(options: Options) -> Sink:
    address = options.text("address")
    if not address:
        raise BadRequest("address is required")
    endpoint = Endpoint(options.text("socket_type", "tcp"), address)
    return SocketSink(endpoint.connect, timeout=options.seconds("write_timeout", 2.0))


def _syslog(options: Options) -> Sink:
    return syslog_sink(options.text("facility", "AUTH"), options.text("tag", "strongroom"))


def _http(options: Options) -> Sink:
    from strongroom.audit.http import HttpSink  # noqa: PLC0415  http.client is slow to import

    uri = options.text("uri")
    if not uri:
        raise BadRequest("uri is required")
    return HttpSink(uri, options.headers("headers"))


_SINKS: dict[str, Callable[[Options], Sink]] = {
    "file": _file,
    "http": _http,
    "socket": _socket,
    "syslog": _syslog,
}
