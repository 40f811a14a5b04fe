"""The server process from inside: its log, what SIGHUP takes over, how it stops."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from strongroom.cli.flag import Values, parse
from strongroom.cli.run import SERVER
from strongroom.config.error import ConfigError
from strongroom.config.stanza import ServerConfig
from strongroom.server import Server, configuration
from strongroom.storage.inmem import InMem

CONFIG = """
storage "inmem" {{}}
listener "tcp" {{
  address = "127.0.0.1:0"
  tls_disable = true
  custom_response_headers {{ "default" = {{ "X-Own" = ["{header}"] }} }}
}}
log_level = "{level}"
log_file = "{log}"
"""


class Files:
    """A configuration file that changes."""

    def __init__(self, folder: Path) -> None:
        self.config, self.log = folder / "server.hcl", folder / "server.log"

    def write(self, level: str = "info", header: str = "old") -> None:
        self.config.write_text(CONFIG.format(level=level, header=header, log=self.log))

    def read(self, *flags: str) -> ServerConfig:
        return configuration(flags_of(f"-config={self.config}", *flags), {})


def flags_of(*words: str) -> Values:
    return parse(SERVER, list(words), lambda _: "")[0]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    found = Files(tmp_path)
    found.write()
    return found


def serve(files: Files, scenario: Callable[[Server], Awaitable[None]]) -> None:
    async def run() -> None:
        server = Server(files.read(), InMem(), files.read)
        await server.start()
        try:
            await scenario(server)
        finally:
            await server.stop(1)

    asyncio.run(run())


async def header(server: Server) -> str:
    host, _, port = server.listeners[0].address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/sys/seal-status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    reply = (await reader.read()).decode()
    writer.close()
    lines = [line.partition(": ") for line in reply.splitlines()]
    return next(value for name, _, value in lines if name == "X-Own")


def test_a_reload_takes_over_level_and_headers(files: Files) -> None:
    async def scenario(server: Server) -> None:
        assert await header(server) == "old"
        files.write("debug", "new")
        server.reload()
        assert await header(server) == "new"
        assert server.core.logs.level("core") == "debug"

    serve(files, scenario)


def test_a_reload_opens_the_log_file_again(files: Files) -> None:
    async def scenario(server: Server) -> None:
        logging.getLogger("core").info("before")
        aside = files.log.rename(files.log.with_suffix(".old"))
        server.reload()
        logging.getLogger("core").info("after")
        assert "before" in aside.read_text()
        assert "after" in files.log.read_text()
        assert "before" not in files.log.read_text()

    serve(files, scenario)


def test_a_broken_configuration_changes_nothing(files: Files) -> None:
    async def scenario(server: Server) -> None:
        files.config.write_text("log_level = ")
        server.reload()
        assert await header(server) == "old"
        assert server.core.logs.level("core") == "info"
        assert "stays as it was" in files.log.read_text()

    serve(files, scenario)


def test_what_needs_a_restart_is_named(files: Files) -> None:
    async def scenario(server: Server) -> None:
        files.config.write_text(files.config.read_text() + 'cluster_name = "other"\n')
        server.reload()
        assert "changes that need a restart: cluster_name" in files.log.read_text()

    serve(files, scenario)


def test_flags_win_over_files(files: Files, tmp_path: Path) -> None:
    config = files.read("-log-level=error", "-log-format=json", f"-log-file={tmp_path / 'flag.log'}")
    assert (config.log_level, config.log_format) == ("error", "json")
    assert config.log_file == os.fspath(tmp_path / "flag.log")
    assert files.read("-log-rotate-bytes=1000").log_rotate_bytes == 1000
    with pytest.raises(ConfigError, match="log-level"):
        files.read("-log-level=nonsense")


def test_stopping_ends_the_streams_of_the_log(files: Files) -> None:
    async def scenario(server: Server) -> None:
        subscription = server.core.logs.subscribe()
        await server.stop(0)
        assert subscription.closed

    serve(files, scenario)
