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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom import __version__
from strongroom.agent import init_container, status
from strongroom.agent.aftermath import Aftermath
from strongroom.agent.auth.attempt import Unready
from strongroom.agent.auth.handler import AuthHandler
from strongroom.agent.auth.remembered import Remembered
from strongroom.agent.auth.sink import Sinks
from strongroom.agent.auth.source import source_of
from strongroom.agent.child import Child
from strongroom.agent.config import AgentConfig, AutoAuth, ConfigError, load
from strongroom.agent.exit import Exit
from strongroom.agent.render.runner import Runner
from strongroom.agent.render.target import Target
from strongroom.agent.render.way import Way
from strongroom.agent.state import State
from strongroom.agent.supervisor import Supervisor
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Endpoint, Upstream, endpoint_of
from strongroom.errors import StrongroomError
from strongroom.log import Logs, Rotation

if TYPE_CHECKING:
    from strongroom.agent.proxy.service import ApiProxy

_log = logging.getLogger("agent")
FORWARDED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGWINCH)
_LEVELS = {"notice": "info", "warning": "warn", "err": "error", "": "info"}


def main(flags: Mapping[str, Any], *, proxy: bool = False) -> int:
    """Run ``strongroom agent`` with the flags of its command line by name; gives the exit code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the secrets
    try:
        config = configuration(flags, proxy=proxy)
        logs = logs_of(config, flags)
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
    config.exit_after_auth = config.exit_after_auth or bool(flags.get("exit-after-auth"))
    for name in ("log-level", "log-format", "log-file", "log-rotate-bytes", "log-rotate-max-files"):
        if flags.get(name) is not None:
            setattr(config, name.replace("-", "_"), flags[name])
    return config


def logs_of(config: AgentConfig, flags: Mapping[str, Any]) -> Logs:
    """The agent's log. Raises BadRequest, OSError."""
    logs = Logs(level_of(config), "json" if config.log_format == "json" else "standard")
    logs.to_stream()
    if config.log_file:
        rotation = Rotation(
            max(config.log_rotate_bytes, 0), config.log_rotate_duration, max(config.log_rotate_max_files, 0)
        )
        logs.to_file(_log_path(str(config.log_file)), rotation)
    return logs


def level_of(config: AgentConfig) -> str:
    """The configured level in the words of the log."""
    word = config.log_level.lower()
    return _LEVELS.get(word, word)


def _log_path(name: str) -> Path:
    return Path(name) / "agent.log" if name.endswith("/") else Path(name)


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

    async def run(self) -> int:
        """Serve until told to stop; gives the exit code."""
        self.holder = TokenHolder()
        self.upstream = Upstream(self.endpoint, told=self.state)
        self.supervisor = Supervisor()
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
        self._start_templates()
        if source is not None:
            self.handler = AuthHandler(stanza, source[1], self.upstream, self.holder, self.state)
            self.supervisor.start(self.handler.run(), "auth")
            self.supervisor.start(self.sinks.run(), "sinks")
        if socket := status.place(config):
            self.supervisor.start(status.serve(socket, self.state, self.upstream), "status")
        if config.exit_after_auth:
            self.supervisor.start(self._finish_once_done(), "exit-after-auth")

    def _start_templates(self) -> None:
        config = self.config
        self.runner: Runner | None = None
        self.child: Child | None = None
        self.aftermath = Aftermath(config, self.upstream, self.holder, self.state, self.supervisor.start)
        if not config.templates and not config.env_templates:
            return
        self.runner = self._runner_of(config)
        self._running = self.supervisor.start(self.runner.run(), "templates")
        if config.exec is not None and config.exec.enabled:
            self.child = Child(config, config.exec, self.upstream, self.holder, self.state)
            self.supervisor.start(self.child.run(), "exec")

    def _runner_of(self, config: AgentConfig) -> Runner:
        """Raises Exit."""
        return Runner(
            config,
            self.upstream,
            self.holder,
            self.state,
            doubt=self._doubt,
            rendered=self._rendered,
            way=self._way(),
        )

    def _way(self) -> Way | None:
        """Templates go through the cache where there is one."""
        if self.api is None or self.api.cache is None:
            return None
        from strongroom.agent.render.through_cache import ThroughCache  # noqa: PLC0415  as the proxy

        return ThroughCache(self.upstream, self.holder, self.api.cache)

    def _doubt(self) -> None:
        if self.handler is not None:
            self.handler.doubt()

    def _rendered(self, written: list[Target]) -> None:
        assert self.runner is not None  # noqa: S101  who else would call
        self.aftermath.rendered(written)
        if self.child is not None and all(target.ready for target in self.runner.targets):
            self.child.rendered(self.runner.targets, written)

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
        if self.runner is not None:
            await self.runner.done.wait()
            await self.aftermath.settled()
            _log.info("templates rendered")
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
        handlers |= {number: functools.partial(self._forward, number) for number in FORWARDED}
        for number, handle in handlers.items():
            loop.add_signal_handler(number, handle)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _forward(self, number: int) -> None:
        if self.child is not None:
            self.child.forward(number)

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
        if self.runner is not None and changed:
            self.supervisor.start(self._replace_templates(config), "reload")
        _log.info("configuration reloaded")

    async def _replace_templates(self, config: AgentConfig) -> None:
        """Other templates in the place of those that run; a template that cannot be read changes nothing."""
        try:
            runner = self._runner_of(config)
        except Exit as error:
            _log.error("the templates were not reloaded", extra={"fields": {"error": error.public}})
            return
        await self.supervisor.stop(self._running)
        self.config.templates, self.config.env_templates = config.templates, config.env_templates
        self.config.template_config = config.template_config
        self.runner = runner
        self._running = self.supervisor.start(runner.run(), "templates")


@contextlib.contextmanager
def pid_file(path: str) -> Iterator[None]:
    """A file with the process's ID, for as long as it runs; nothing for an empty path. Raises OSError."""
    if not path:
        yield
        return
    file = Path(path)
    file.write_text(f"{os.getpid()}\n")
    file.chmod(0o644)  # a process ID is no secret, and service supervisors run as others
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


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
