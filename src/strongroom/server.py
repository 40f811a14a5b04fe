"""The server process: configuration in, listeners up, signals handled, everything closed in order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from strongroom import telemetry
from strongroom.config.error import ConfigError
from strongroom.config.listeners import listener_config
from strongroom.config.load import dev, load, variable, with_flags
from strongroom.config.sanitized import difference
from strongroom.config.stanza import ServerConfig, StorageStanza
from strongroom.core import Core
from strongroom.errors import StrongroomError
from strongroom.handler import Handler
from strongroom.listener.listener import Listener
from strongroom.log import Logs, RotatingFile, Rotation
from strongroom.seal.seal import InitRequest
from strongroom.seal.static import StaticSeal
from strongroom.seal.wraps import Sealer
from strongroom.storage.physical import Physical
from strongroom.storage.registry import open_storage
from strongroom.sys.seal import VERSION

_log = logging.getLogger("server")
GRACE = 10.0
"""Seconds that requests under way get to finish after SIGTERM."""


def main(argv: list[str]) -> int:
    """Run ``strongroom server``; gives the exit code."""
    options = arguments().parse_args(argv)
    try:
        config = configuration(options, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201  there is no log yet
        return 1
    os.umask(0o077)
    try:
        run(serve(config, options))
    except (StrongroomError, OSError, ConfigError) as error:
        print(f"Error: {getattr(error, 'public', error)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def run(work: Any) -> None:
    """Run on uvloop where it is installed."""
    sys.setswitchinterval(0.0005)
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def arguments() -> argparse.ArgumentParser:
    """The flags of ``strongroom server``; one dash or two."""
    parser = argparse.ArgumentParser(prog="strongroom server", add_help=False, allow_abbrev=False)
    for name in (
        "config",
        "dev-root-token-id",
        "dev-listen-address",
        "dev-tls-cert-dir",
        "dev-storage",
        "log-level",
        "log-format",
        "log-file",
        "log-rotate-bytes",
        "log-rotate-duration",
        "log-rotate-max-files",
    ):
        action: Any = "append" if name == "config" else "store"
        parser.add_argument(f"-{name}", f"--{name}", action=action, default=None)
    for name in ("dev", "dev-tls", "dev-no-store-token", "dev-kv-v1", "exit-on-core-shutdown", "recovery"):
        parser.add_argument(f"-{name}", f"--{name}", action="store_true")
    return parser


def configuration(options: argparse.Namespace, env: Mapping[str, str]) -> ServerConfig:
    """The configuration that flags, files and environment make. Raises ConfigError."""
    config = _configuration(options, env)
    return with_flags(config, vars(options))


def _configuration(options: argparse.Namespace, env: Mapping[str, str]) -> ServerConfig:
    if not (options.dev or options.dev_tls or options.dev_root_token_id):
        return load(options.config or [], env)
    address = options.dev_listen_address or variable(env, "DEV_LISTEN_ADDRESS") or "127.0.0.1:8200"
    return dev(address=address, storage_path=options.dev_storage or "", paths=options.config or [], env=env)


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
    rotation = Rotation(config.log_rotate_bytes, config.log_rotate_duration, config.log_rotate_max_files)
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
        handler = Handler(self.core)
        self.listeners = [
            Listener(handler, listener_config(stanza, config.default_max_request_duration))
            for stanza in config.listeners
        ]

    async def start(self) -> None:
        """Open the storage, unseal if that goes by itself, and listen."""
        for warning in self.config.warnings:
            _log.warning("configuration: %s", warning)
        await self.core.start()
        self._telemetry = asyncio.create_task(telemetry.run(self.core))
        for listener in self.listeners:
            await listener.start()
        if not self.core.api_address and self.listeners:
            scheme = "https" if getattr(self.config.listeners[0], "tls_cert_file", "") else "http"
            self.core.api_address = f"{scheme}://{self.listeners[0].address}"

    async def stop(self, grace: float = GRACE) -> None:
        """Finish what is under way, then seal and close."""
        self._logs.dismiss()
        await asyncio.gather(*(listener.stop(grace) for listener in self.listeners))
        if self._telemetry is not None:
            self._telemetry.cancel()
        await self.core.stop()
        self._logs.close()

    def reload(self) -> None:
        """Take over what can be changed while running: files opened anew, levels, headers."""
        self._reopen()
        if self._reread is None:
            return
        try:
            config = self._reread()
        except ConfigError as error:
            _log.error("the configuration stays as it was: %s", error)
            return
        self._take_over(config)

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


async def serve(config: ServerConfig, options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = Server(config, physical_of(config.storage), lambda: configuration(options, os.environ))
    await server.start()
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    if config.dev:
        await _initialize_dev(server, options)
    _banner(server)
    gc.collect()
    gc.freeze()
    await done.wait()
    _log.info("stopping")
    await server.stop()


def _banner(server: Server) -> None:
    lines = ["", "==> Strongroom server configuration:", ""]
    lines += [f"     Listener: {listener.address}" for listener in server.listeners]
    storage = server.config.storage
    lines += [f"      Storage: {storage.type if storage else ''}", f"      Version: {VERSION}", ""]
    lines += ["==> Strongroom server started! Log data will stream in below:", ""]
    print("\n".join(lines), flush=True)  # noqa: T201  the banner is for the terminal


async def _initialize_dev(server: Server, options: argparse.Namespace) -> None:
    """Initialise and unseal a development server, mount kv at secret/, and say how to get in."""
    core = server.core
    token = options.dev_root_token_id or variable(os.environ, "DEV_ROOT_TOKEN_ID")
    result = None
    if await core.lifecycle.config() is None:
        result, made = await core.lifecycle.initialize(InitRequest(secret_shares=1, secret_threshold=1))
        share = result.keys.parts[0]
        await core.lifecycle.submit(bytes(share))
        token = await core.lifecycle.prepare_dev(made, token, kv_version="1" if options.dev_kv_v1 else "2")
        if not options.dev_no_store_token:
            _store_token(token)
        _tell(server, result.keys.keys_base64[0], token)


def _tell(server: Server, key: str, token: str) -> None:
    address = server.core.api_address
    print(  # noqa: T201
        "\nWARNING! dev mode is on: everything is in memory, unsealed, and for trying out only.\n\n"
        f"    export VAULT_ADDR='{address}'\n\n"
        f"Unseal Key: {key}\nRoot Token: {token}\n",
        flush=True,
    )


def _store_token(token: str) -> None:
    """Leave the token where the command line finds it."""
    with contextlib.suppress(OSError):
        path = Path.home() / ".vault-token"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(handle, token.encode())
        os.close(handle)

