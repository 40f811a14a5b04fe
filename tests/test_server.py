"""The server process from inside: its log, what SIGHUP takes over, how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from strongroom.cli.flag import Values, parse
from strongroom.cli.run import SERVER
from strongroom.config.stanza import ServerConfig
from strongroom.crypto.selfsigned import self_signed
from strongroom.server import Server, configuration
from strongroom.setting import ConfigError
from strongroom.storage.inmem import InMem
from tests.cli.conftest import call
from tests.server import STRONGROOM, clean_environment, free_port, spawn

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


# -- as a process ------------------------------------------------------------------------------


def refused(tmp_path: Path, *flags: str) -> str:
    """What a server says that ends at once, with code 1."""
    done = subprocess.run(
        [*STRONGROOM, "server", *flags],
        env=clean_environment(tmp_path / "home"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


@contextlib.contextmanager
def process(tmp_path: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that has said that it started."""
    started = spawn(STRONGROOM, ("server", *flags), tmp_path)
    try:
        until(lambda: "server started!" in log_of(tmp_path), started, tmp_path)
        yield started
    finally:
        started.kill()
        started.wait(15)


def log_of(tmp_path: Path) -> str:
    return (tmp_path / "server.log").read_text()


def until(condition: Callable[[], bool], started: subprocess.Popen[bytes], tmp_path: Path) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert started.poll() is None, log_of(tmp_path)
        assert time.monotonic() < deadline, log_of(tmp_path)
        time.sleep(0.01)


def configured(tmp_path: Path, listener: str, more: str = "") -> str:
    file = tmp_path / "server.hcl"
    file.write_text(f'storage "lmdb" {{ path = "{tmp_path / "data"}" }}\nlistener {listener}\n{more}\n')
    return f"-config={file}"


def tcp(port: int, more: str = "tls_disable = true") -> str:
    return f'"tcp" {{\n address = "127.0.0.1:{port}"\n {more}\n}}'


def status(tmp_path: Path, address: str, **more: str) -> int:
    """The exit code of ``status``: 2 is a sealed server, 1 none."""
    return call("status", HOME=str(tmp_path), STRONGROOM_ADDR=address, **more).code


@pytest.mark.parametrize(
    ("flags", "sentence"),
    (
        ((), "Must specify at least one config path using -config"),
        (("-nosuchflag",), "flag provided but not defined: -nosuchflag"),
        (("-dev", "-recovery"), "there is no recovery mode"),
        (("-config=nowhere.hcl",), "nowhere.hcl: No such file or directory"),
        (("-dev", "-log-level=loud"), "flag -log-level: must be one of trace, debug, info, warn, error"),
        (("-dev", "extra"), "Too many arguments"),
        (
            ("-dev", "-dev-tls", "-dev-tls-cert-dir=nowhere"),
            "nowhere/vault-ca.pem: No such file or directory",
        ),
    ),
)
def test_what_cannot_start_says_why(tmp_path: Path, flags: tuple[str, ...], sentence: str) -> None:
    assert sentence in refused(tmp_path, *flags)


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    made = self_signed(["127.0.0.1"])
    (tmp_path / "cert.pem").write_bytes(made.certificate)
    (tmp_path / "other.pem").write_bytes(self_signed(["127.0.0.1"]).key)
    keys = {"nowhere.pem": "nowhere.pem: No such file", "other.pem": "are not a PEM certificate and its key"}
    for key, sentence in keys.items():
        files = f'tls_cert_file = "{tmp_path / "cert.pem"}"\n tls_key_file = "{tmp_path / key}"'
        assert sentence in refused(tmp_path, configured(tmp_path, tcp(free_port(), files)))


def test_a_port_and_a_storage_have_one_server(tmp_path: Path) -> None:
    port = free_port()
    config = configured(tmp_path, tcp(port))
    with process(tmp_path, config):
        assert "another process already writes to the storage" in refused(tmp_path, config)
        taken = refused(tmp_path, "-dev", f"-dev-listen-address=127.0.0.1:{port}")
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in taken


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_signal_ends_the_server_in_order(tmp_path: Path, number: signal.Signals) -> None:
    port, pid = free_port(), tmp_path / "server.pid"
    with process(tmp_path, configured(tmp_path, tcp(port), f'pid_file = "{pid}"')) as started:
        assert pid.read_text() == f"{started.pid}\n"
        assert status(tmp_path, f"http://127.0.0.1:{port}") == 2
        started.send_signal(number)
        assert started.wait(15) == 0
    assert not pid.exists()
    assert status(tmp_path, f"http://127.0.0.1:{port}") == 1


def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    with process(tmp_path, configured(tmp_path, f'"unix" {{ address = "{socket}" }}')) as started:
        assert status(tmp_path, f"unix://{socket}") == 2
        started.terminate()
        assert started.wait(15) == 0
    assert not socket.exists()


def test_the_least_version_of_tls_is_kept(tmp_path: Path) -> None:
    made, port = self_signed(["127.0.0.1"]), free_port()
    for name, content in (("ca", made.ca), ("cert", made.certificate), ("key", made.key)):
        (tmp_path / f"{name}.pem").write_bytes(content)
    files = f'tls_cert_file = "{tmp_path / "cert.pem"}"\n tls_key_file = "{tmp_path / "key.pem"}"'
    line = [
        "curl",
        "-s",
        "--cacert",
        str(tmp_path / "ca.pem"),
        f"https://127.0.0.1:{port}/v1/sys/seal-status",
    ]
    config = configured(tmp_path, tcp(port, f'{files}\n tls_min_version = "tls13"'))
    with process(tmp_path, config):
        assert subprocess.run(line, capture_output=True, check=False).returncode == 0
        assert subprocess.run([*line, "--tls-max", "1.2"], capture_output=True, check=False).returncode == 35
        address = f"https://127.0.0.1:{port}"
        assert status(tmp_path, address, STRONGROOM_CACERT=str(tmp_path / "ca.pem")) == 2
        assert status(tmp_path, address) == 1


def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    config = configured(tmp_path, tcp(free_port()))
    with process(tmp_path, config) as started:
        configured(tmp_path, tcp(free_port()), 'log_level = "debug"')
        started.send_signal(signal.SIGHUP)
        until(lambda: "configuration reloaded" in log_of(tmp_path), started, tmp_path)
