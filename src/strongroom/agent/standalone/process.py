"""``strongroom template``: flags in, sessions one after the other, signals handled, an exit code out."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

from strongroom.agent.config import AgentConfig, ConfigError, EnvTemplate, Template
from strongroom.agent.endpoint import Endpoint
from strongroom.agent.exit import Exit
from strongroom.agent.logs import logs_of
from strongroom.agent.render.target import name_of, target_of
from strongroom.agent.standalone import code
from strongroom.agent.standalone.session import Session
from strongroom.agent.standalone.settings import LOCAL, settings
from strongroom.agent.state import TemplateState
from strongroom.errors import StrongroomError
from strongroom.log import Logs

_log = logging.getLogger("template")
NEXT = -1
"""What a session ends with when another takes its place."""
FORWARDED = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGALRM, signal.SIGCONT, signal.SIGTSTP, signal.SIGWINCH, signal.SIGIO, signal.SIGPROF,
    signal.SIGXCPU,
)  # fmt: skip
"""Signals that can be handed on: neither those nobody can catch, nor those that tell of this very process."""


def main(flags: Mapping[str, Any], given: frozenset[str]) -> int:
    """Run with the flags of the command line by name; ``given`` are those that stood there."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the secrets
    try:
        config, endpoint = settings(flags, given, os.environ)
        if config.parse_only:
            return _parse(config)
        logs = logs_of(config, "template")
    except ConfigError as error:
        of_flags = any(problem.place.source.startswith(("-", LOCAL)) for problem in error.problems)
        return _refuse(error.public, code.FLAGS if of_flags else code.CONFIG)
    except StrongroomError as error:
        return _refuse(error.public, code.CONFIG)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _refuse(told, code.CONFIG)
    return asyncio.run(Process(flags, given, logs).run(config, endpoint))


def _refuse(sentence: str, exit_code: int) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201  the log may not be there yet
    return exit_code


def _parse(config: AgentConfig) -> int:
    try:
        read_templates(config)
    except Exit as error:
        return _refuse(error.public, code.RUNNER)
    return code.OK


def read_templates(config: AgentConfig) -> None:
    """Read all templates, and render none. Raises Exit."""
    stanzas: tuple[Template | EnvTemplate, ...] = (*config.templates, *config.env_templates)
    for stanza in stanzas:
        target_of(stanza, TemplateState(name_of(stanza)))


class Process:
    """The sessions of one command line."""

    def __init__(self, flags: Mapping[str, Any], given: frozenset[str], logs: Logs) -> None:
        self._flags = flags
        self._given = given
        self._logs = logs
        self._next: tuple[AgentConfig, Endpoint] | None = None
        self._interrupted = False

    async def run(self, config: AgentConfig, endpoint: Endpoint) -> int:
        """The exit code of the last session."""
        try:
            while True:
                self._config = config
                self._session = Session(config, endpoint, os.environ)
                self._listen()
                ended = await self._session.run()
                if self._interrupted:
                    return code.INTERRUPT
                if ended != NEXT or self._next is None:
                    return ended
                (config, endpoint), self._next = self._next, None
                self._logs.close()
                self._logs = logs_of(config, "template")
        finally:
            self._logs.close()

    def _listen(self) -> None:
        """From here to the end, also between sessions: else a signal could end the process by itself."""
        loop = asyncio.get_running_loop()
        for number in {*FORWARDED, self._config.reload_signal, self._config.kill_signal} - {0}:
            loop.add_signal_handler(number, functools.partial(self._received, number))

    def _received(self, number: int) -> None:
        if number == self._config.kill_signal:
            self._stop()
        elif number == self._config.reload_signal:
            self._reload()
        elif not self._session.forward(number) and number == signal.SIGTERM:
            self._stop()  # there is nobody whose business it could be

    def _stop(self) -> None:
        print("Cleaning up...", file=sys.stderr)  # noqa: T201  what people wait for, whatever the log's level
        self._interrupted = True
        self._session.finish(code.INTERRUPT)

    def _reload(self) -> None:
        print("Reloading configuration...", file=sys.stderr)  # noqa: T201  as above
        try:
            config, endpoint = settings(self._flags, self._given, os.environ)
            read_templates(config)
        except StrongroomError as error:
            _log.error("the configuration was not reloaded", extra={"fields": {"error": error.public}})
            return
        self._next = (config, endpoint)
        self._session.finish(NEXT)
