"""The server process: configuration in, listeners up, signals handled, everything closed in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from strongroom import __version__, development, telemetry
from strongroom.cluster.readers import Readers, reader_count
from strongroom.config.listeners import listener_config
from strongroom.config.load import load, with_flags
from strongroom.config.sanitized import difference
from strongroom.config.stanza import ListenerStanza, ServerConfig, StorageStanza, TcpListener
from strongroom.core import Core
from strongroom.development import NO_CERTIFICATES, Certificates
from strongroom.errors import StrongroomError
from strongroom.handler import Handler
from strongroom.listener.listener import Listener
from strongroom.log import Logs, RotatingFile, Rotation
from strongroom.pid_file import pid_file
from strongroom.seal.static import StaticSeal
from strongroom.seal.wraps import Sealer
from strongroom.setting import ConfigError
from strongroom.storage.physical import Physical
from strongroom.storage.registry import open_storage

_log = logging.getLogger("server")
GRACE = 10.0
"""Seconds that requests under way get to finish after SIGTERM."""


def main(flags: Mapping[str, Any]) -> int:
    """Run ``strongroom server`` with the flags of its command line by name; gives the exit code."""
    if flags["recovery"]:
        return _refuse("there is no recovery mode; start the server without -recovery")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the keys
    try:
        run(serve(flags))
    except ConfigError as error:
        return _refuse("the configuration cannot be used:\n" + "\n".join(map(str, error.problems)))
    except StrongroomError as error:
        return _refuse(error.public)
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return 0


def _refuse(sentence: str) -> int:
    print(f"Error: {sentence}", file=sys.stderr)  # noqa: T201  the log may not be there yet
    return 1


def run(work: Any) -> None:
    """Run on uvloop where it is installed."""
    sys.setswitchinterval(0.0005)
    try:
        import uvloop  # noqa: PLC0415  optional
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def configuration(
    flags: Mapping[str, Any], env: Mapping[str, str], files: Certificates = NO_CERTIFICATES
) -> ServerConfig:
    """The configuration that flags, files and environment make. Raises ConfigError."""
    if development.wanted(flags):
        config = development.configuration(flags, env, files)
    elif flags["config"]:
        config = load(flags["config"], env)
    else:
        raise StrongroomError("Must specify at least one config path using -config")
    return with_flags(config, {name.replace("-", "_"): value for name, value in flags.items()})


def physical_of(stanza: StorageStanza | None) -> Physical:
    """The store that the configuration names."""
    if stanza is None:
        raise StrongroomError("a storage stanza is needed")
    values = {"path": stanza.path} if stanza.path else {}
    size = getattr(stanza, "map_size", 0)
    if size:
        values["map_size"] = str(size)
    return open_storage(stanza.type, values)


def sealer_of(config: ServerConfig) -> Sealer | None:
    """The auto-unseal seal, or None for Shamir."""
    if config.seal.type == "static":
        return StaticSeal.from_options(config.seal.options())
    return None


def logs_of(config: ServerConfig) -> tuple[Logs, RotatingFile | None]:
    """The server's log, and its file if there is one. Raises OSError."""
    logs = Logs(config.log_level, "json" if config.log_format == "json" else "standard")
    logs.to_stream()
    if not config.log_file:
        return logs, None
    rotation = Rotation.configured(
        config.log_rotate_bytes, config.log_rotate_duration, config.log_rotate_max_files
    )
    return logs, logs.to_file(Path(config.log_file), rotation)


class Server:
    """A core with its listeners and its log. ``reread`` gives the configuration anew, for SIGHUP."""

    def __init__(
        self,
        config: ServerConfig,
        physical: Physical,
        reread: Callable[[], ServerConfig] | None = None,
    ) -> None:
        self.config = config
        self._reread = reread
        self._logs, self._log_file = logs_of(config)
        self._telemetry: asyncio.Task[None] | None = None
        self.core = Core(config, physical, sealer_of(config), self._logs)
        self._handler = Handler(self.core)
        configs = [
            listener_config(stanza, config.default_max_request_duration) for stanza in config.listeners
        ]
        self._traits = [each.traits for each in configs]
        self.listeners = [Listener(self._handler, each) for each in configs]
        for listener in self.listeners:
            listener.trust = self.core.client_trust.authorities
        self.readers: Readers | None = None

    async def start(self) -> None:
        """Open the storage, unseal if that goes by itself, and listen."""
        await self.open()
        await self.listen()

    async def open(self) -> None:
        """Open the storage, and unseal if that goes by itself."""
        for warning in self.config.warnings:
            _log.warning("configuration: %s", warning)
        await self.core.start()
        self._telemetry = asyncio.create_task(
            telemetry.run(self.core, telemetry.receivers(self.config.telemetry))
        )

    async def listen(self) -> None:
        """Take requests. Raises StrongroomError that names the listener and what is wrong with it."""
        for listener, stanza in zip(self.listeners, self.config.listeners, strict=True):
            try:
                await listener.start()
            except (OSError, ValueError) as error:
                reason = _unusable(error, stanza)
                raise StrongroomError(f"cannot listen on {stanza.address}: {reason}") from error
        if not self.core.api_address and self.listeners:
            self.core.api_address = f"{_scheme(self.config.listeners[0])}://{self.listeners[0].address}"
        self._share(reader_count(self.config))

    def _share(self, count: int) -> None:
        """Have so many readers answer on the same sockets."""
        if not count:
            return
        for listener in self.listeners:
            listener.shared = True
        sockets = [listener.fileno() for listener in self.listeners]
        self.core.followers = self.readers = Readers(self.core, self._handler, self._traits, sockets)
        self.readers.start(count)

    async def stop(self, grace: float = GRACE) -> None:
        """Finish what is under way, then seal and close."""
        self._logs.dismiss()
        if self.readers is not None:
            await self.readers.stop(grace)
        await asyncio.gather(*(listener.stop(grace) for listener in self.listeners))
        if self._telemetry is not None:
            self._telemetry.cancel()
        await self.core.stop()
        self._logs.close()

    def reload(self) -> None:
        """Take over what can be changed while running: files opened anew, levels, headers."""
        self._reopen()
        config = self._read_again()
        if self.readers is not None:
            self.readers.reload(config)
        if config is not None:
            self._take_over(config)

    def _read_again(self) -> ServerConfig | None:
        """The configuration as it is now; None when it cannot be had or used."""
        if self._reread is None:
            return None
        try:
            return self._reread()
        except ConfigError as error:
            _log.error("the configuration stays as it was: %s", error)
            return None

    def _take_over(self, config: ServerConfig) -> None:
        """Use the keys of a new configuration that need no restart."""
        self._logs.configure(config.log_level)
        for listener, stanza in zip(self.listeners, config.listeners, strict=False):
            listener.set_response_headers(listener_config(stanza).custom_response_headers)
        self.config.introspection_endpoint = config.introspection_endpoint
        changed = difference(self.config, config)
        if changed.restarts:
            _log.warning("changes that need a restart: %s", ", ".join(changed.restarts))
        _log.info("configuration reloaded")

    def _reopen(self) -> None:
        """Open the files of log, TLS and audit again by their names."""
        if self._log_file is not None:
            self._log_file.reopen()
        for listener in self.listeners:
            try:
                listener.reload()
            except (OSError, ValueError) as error:
                _log.error("listener keeps its old TLS files: %s", error)
        for path, failure in self.core.audit.reload().items():
            _log.error("audit device %s was not reopened: %s", path, failure)


async def serve(flags: Mapping[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT. Raises StrongroomError and OSError when there can be no server."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    files = development.certificates(flags)
    try:
        config = configuration(flags, os.environ, files)
        with pid_file(config.pid_file):
            reread = partial(configuration, flags, os.environ, files)
            server = Server(config, physical_of(config.storage), reread)
            try:
                await _begin(server, flags, files)
                await done.wait()
                _log.info("stopping")
            finally:
                await server.stop()
    finally:
        files.remove()


async def _begin(server: Server, flags: Mapping[str, Any], files: Certificates) -> None:
    """Bring the server up and tell the terminal."""
    await server.open()
    opened = await development.initialize(server.core, flags) if server.config.dev else None
    await server.listen()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, server.reload)
    print(_banner(server), flush=True)  # noqa: T201  for the terminal
    if server.config.dev:
        development.announce(server.core.api_address, opened, files, flags)
    elif flags["dev-root-token-id"]:
        _log.warning("a root token can be chosen in development mode only (-dev)")
    settle_memory()


def settle_memory() -> None:
    """Tell the garbage collector what a server is like: a large start, then short-lived requests.

    What is there now is not looked at again; what requests leave is looked at less often, since
    they clean up after themselves and each look costs more than it finds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _scheme(stanza: ListenerStanza) -> str:
    if isinstance(stanza, TcpListener):
        return "http" if stanza.tls_disable else "https"
    return "unix"


def _unusable(error: Exception, stanza: ListenerStanza) -> str:
    """Why a listener did not start, in words for who wrote its stanza."""
    files: list[str] = []
    if isinstance(stanza, TcpListener) and not stanza.tls_disable:
        files = [stanza.tls_cert_file, stanza.tls_key_file]
    for file in files:
        try:
            Path(file).open("rb").close()
        except OSError as unread:
            return f"{file}: {unread.strerror}"
    if type(error).__name__ == "SSLError":
        return f"{' and '.join(files)} are not a PEM certificate and its key"
    return getattr(error, "strerror", None) or str(error)


def _banner(server: Server) -> str:
    """What a starting server shows: where it listens and what it stores in."""
    storage = server.config.storage
    facts = [("API Address", server.core.api_address)]
    for listener, stanza in zip(server.listeners, server.config.listeners, strict=True):
        kind = {"http": "tcp, no TLS", "https": "tcp, TLS", "unix": "unix"}[_scheme(stanza)]
        facts.append(("Listener", f"{listener.address} ({kind})"))
    facts.append(("Log Level", server.config.log_level))
    facts.append(("Storage", " ".join(filter(None, (storage.type, storage.path))) if storage else ""))
    facts.append(("Version", f"Strongroom v{__version__}"))
    width = max(len(name) for name, _ in facts) + 4
    lines = [f"{name:>{width}}: {value}" for name, value in facts]
    return "\n".join(
        ["==> Strongroom server configuration:", "", *lines, "", "==> Strongroom server started!", ""]
    )
