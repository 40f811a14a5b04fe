"""The agent's process: configuration in, tasks up, signals handled, everything closed in order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from strongroom import __version__
from strongroom.agent import init_container, status
from strongroom.agent.auth.attempt import Unready
from strongroom.agent.auth.handler import AuthHandler
from strongroom.agent.auth.remembered import Remembered
from strongroom.agent.auth.sink import Sinks
from strongroom.agent.auth.source import source_of
from strongroom.agent.config import AgentConfig, AutoAuth, ConfigError, load
from strongroom.agent.endpoint import Endpoint, endpoint_of, variables_of
from strongroom.agent.exit import Exit
from strongroom.agent.logs import level_of, logs_of
from strongroom.agent.render.way import Way
from strongroom.agent.state import State
from strongroom.agent.supervisor import Supervisor
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Upstream
from strongroom.agent.work import Work
from strongroom.errors import BadRequest, StrongroomError
from strongroom.hcl.duration import SECOND, parse_nanoseconds
from strongroom.log import Logs
from strongroom.pid_file import pid_file

if TYPE_CHECKING:
    from strongroom.agent.proxy.service import ApiProxy

_log = logging.getLogger("agent")
FORWARDED = (
    signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGWINCH, signal.SIGALRM, signal.SIGVTALRM,
    signal.SIGIO, signal.SIGCONT,
)  # fmt: skip


def main(flags: Mapping[str, Any], *, proxy: bool = False) -> int:
    """Run ``strongroom agent`` with the flags of its command line by name; gives the exit code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the secrets
    try:
        config = configuration(flags, proxy=proxy)
        logs = logs_of(config, "proxy" if proxy else "agent")
    except ConfigError as error:
        return _refuse("the configuration cannot be used:\n" + "\n".join(map(str, error.problems)))
    except StrongroomError as error:
        return _refuse(error.public)
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    try:
        return asyncio.run(Agent(config, flags, logs, proxy=proxy).run())
    finally:
        logs.close()


def _refuse(sentence: str) -> int:
    print(f"Error: {sentence}", file=sys.stderr)  # noqa: T201  the log may not be there yet
    return 1


def configuration(flags: Mapping[str, Any], *, proxy: bool = False) -> AgentConfig:
    """The configuration that flags and files make. Raises StrongroomError."""
    if not flags.get("config") and not proxy and init_container.wanted(os.environ):
        return init_container.configuration(os.environ)
    if not flags.get("config"):
        raise StrongroomError("Must specify exactly at least one config path using -config")
    config = load(flags["config"], proxy=proxy)
    config.exit_after_auth = config.exit_after_auth or config.once or bool(flags.get("exit-after-auth"))
    _log_flags(config, flags)
    return config


def _log_flags(config: AgentConfig, flags: Mapping[str, Any]) -> None:
    """Flags and their variables win over files."""
    for name in ("log-level", "log-format"):
        if flags.get(name) is not None:
            setattr(config, name.replace("-", "_"), flags[name])
    if flags.get("log-file") is not None:
        config.log_file.path = flags["log-file"]
    for name in ("log-rotate-bytes", "log-rotate-max-files"):
        if flags.get(name) is not None:
            setattr(config.log_file, name.replace("-", "_"), flags[name])
    if flags.get("log-rotate-duration") is not None:
        try:
            config.log_file.log_rotate_duration = parse_nanoseconds(flags["log-rotate-duration"]) / SECOND
        except BadRequest:
            raise StrongroomError("-log-rotate-duration must be a duration such as 24h") from None


class Agent:
    """One agent: its tasks, and what they share."""

    def __init__(
        self, config: AgentConfig, flags: Mapping[str, Any], logs: Logs, *, proxy: bool = False
    ) -> None:
        self.config = config
        self.flags = flags
        self.proxy = proxy
        self.api: ApiProxy | None = None
        self.state = State()
        self._logs = logs
        self.endpoint: Endpoint = endpoint_of(config, os.environ, flags)
        config.conduct = replace(config.conduct, passed_on=variables_of(self.endpoint))

    async def run(self) -> int:
        """Serve until told to stop; gives the exit code."""
        self.holder = TokenHolder()
        self.upstream = Upstream(self.endpoint, told=self.state)
        self.supervisor = Supervisor()
        self.work = Work(
            self.config, self.upstream, self.holder, self.state, self.supervisor,
            doubt=self._doubt, way=self._way,
        )  # fmt: skip
        try:
            with self._signals(), pid_file(self.config.pid_file):
                self._start()
                code = await self.supervisor.run()
        except (Exit, Unready) as error:
            _log.error(error.public)
            code = error.code if isinstance(error, Exit) else 1
        except OSError as error:
            _log.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            code = 1
        finally:
            await self.upstream.close()
        _log.info("stopped", extra={"fields": {"code": code}})
        return code

    # -- tasks --------------------------------------------------------------------------------

    def _start(self) -> None:
        config = self.config
        for warning in config.warnings:
            _log.warning(warning)
        source = source_of(config, os.environ)
        if config.listeners or config.cache is not None:
            self.api = self._api_proxy()
            self.supervisor.start(self.api.run(), "proxy")
            if source is not None and self.api.remembered is not None:
                source = (source[0], Remembered(self.api.remembered, source[1]))
        self.handler: AuthHandler | None = None
        stanza = source[0] if source else AutoAuth()
        self.sinks = Sinks(stanza.sinks, self.upstream, self.holder, self.state)
        print(_banner(self), flush=True)  # noqa: T201  what scripts wait for
        self.work.start()
        if source is not None:
            self.handler = AuthHandler(stanza, source[1], self.upstream, self.holder, self.state)
            self.supervisor.start(self.handler.run(), "auth")
            self.supervisor.start(self.sinks.run(), "sinks")
        if socket := status.place(config):
            self.supervisor.start(status.serve(socket, self.state, self.upstream), "status")
        if config.exit_after_auth:
            self.supervisor.start(self._finish_once_done(), "exit-after-auth")

    def _way(self) -> Way | None:
        """Templates go through the cache where there is one."""
        if self.api is None or self.api.cache is None:
            return None
        from strongroom.agent.render.through_cache import ThroughCache  # noqa: PLC0415  as the proxy

        return ThroughCache(self.upstream, self.holder, self.api.cache)

    def _doubt(self) -> None:
        if self.handler is not None:
            self.handler.doubt()

    def _api_proxy(self) -> ApiProxy:
        from strongroom.agent.proxy.service import ApiProxy  # noqa: PLC0415  most agents listen nowhere

        return ApiProxy(
            self.config,
            self.endpoint,
            self.holder,
            self.state,
            word="proxy" if self.proxy else "agent",
            quits=lambda: self._stop("quit"),
            doubts=self._doubt,
        )

    async def _finish_once_done(self) -> None:
        await self.holder.get()
        await self.sinks.done.wait()
        _log.info("sinks finished")
        await self.work.done()
        self.supervisor.finish(0)

    # -- signals ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers: dict[int, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._stop("SIGTERM"),
            signal.SIGINT: lambda: self._stop("SIGINT"),
            signal.SIGHUP: self.reload,
        }
        if "kill_signal" in self.config.given:
            handlers[self.config.kill_signal] = lambda: self._stop("kill_signal")
        if "reload_signal" in self.config.given:
            handlers[self.config.reload_signal] = self.reload
        handlers.pop(0, None)
        handlers = {number: functools.partial(self._forward, number) for number in FORWARDED} | handlers
        for number, handle in handlers.items():
            loop.add_signal_handler(number, handle)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _forward(self, number: int) -> None:
        if self.work.child is not None:
            self.work.child.forward(number)

    def _stop(self, name: str) -> None:
        _log.info("shutdown triggered", extra={"fields": {"signal": name}})
        self.supervisor.finish(0)

    def reload(self) -> None:
        """Take over a changed configuration where that is possible; a wrong one changes nothing."""
        if self.api is not None:
            self.api.reload()
        try:
            config = configuration(self.flags, proxy=self.proxy)
            self._logs.configure(level_of(config))
        except StrongroomError as error:
            _log.error("the configuration was not reloaded", extra={"fields": {"error": error.public}})
            return
        parts = ("templates", "env_templates", "template_config")
        changed = any(getattr(config, part) != getattr(self.config, part) for part in parts)
        if self.work.runner is not None and changed:
            self.supervisor.start(self.work.change(config), "reload")
        _log.info("configuration reloaded")


def _banner(agent: Agent) -> str:
    """What a starting agent shows."""
    config = agent.config
    facts = [("Server", agent.endpoint.address)]
    if config.auto_auth and config.auto_auth.method:
        facts.append(("Auth Method", config.auto_auth.method.label))
    facts += [(f"Listener {number}", each.address) for number, each in enumerate(config.listeners, 1)]
    facts.append(("Log Level", level_of(config)))
    facts.append(("Version", f"Strongroom v{__version__}"))
    width = max(len(name) for name, _ in facts) + 4
    lines = [f"{name:>{width}}: {value}" for name, value in facts]
    kind = "proxy" if agent.proxy else "agent"
    head = f"==> Strongroom {kind} started! Log data will stream in below:"
    return "\n".join([head, "", f"==> Strongroom {kind} configuration:", "", *lines, ""])
