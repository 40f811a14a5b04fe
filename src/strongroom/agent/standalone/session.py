"""What one configuration has done, from its start to its end or to the next configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from strongroom.agent import status
from strongroom.agent.auth.attempt import Unready
from strongroom.agent.auth.handler import AuthHandler
from strongroom.agent.auth.sink import Sinks
from strongroom.agent.auth.source import source_of
from strongroom.agent.config import AgentConfig
from strongroom.agent.endpoint import Endpoint
from strongroom.agent.exit import Exit
from strongroom.agent.standalone import code
from strongroom.agent.state import State
from strongroom.agent.supervisor import Supervisor
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Upstream
from strongroom.agent.work import Work
from strongroom.pid_file import pid_file
from strongroom.secret import Secret

_log = logging.getLogger("template")


class Session:
    """Runs a configuration; :meth:`finish` ends it."""

    def __init__(self, config: AgentConfig, endpoint: Endpoint, env: Mapping[str, str]) -> None:
        self._config = config
        self._env = env
        self._state = State()
        self._holder = TokenHolder()
        self._upstream = Upstream(endpoint, told=self._state)
        self._supervisor = Supervisor(failed=code.RUNNER, broken=code.ERROR)
        self._handler: AuthHandler | None = None
        self._work = Work(
            config, self._upstream, self._holder, self._state, self._supervisor, doubt=self._doubt
        )

    async def run(self) -> int:
        """The exit code, once all has ended."""
        try:
            with pid_file(self._config.pid_file):
                self._start()
                return await self._supervisor.run()
        except (Exit, Unready) as error:
            _log.error(error.public)
        except OSError as error:
            _log.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        finally:
            await self._upstream.close()
        return code.RUNNER

    def finish(self, exit_code: int) -> None:
        """End it."""
        self._supervisor.finish(exit_code)

    def forward(self, number: int) -> bool:
        """Pass a signal on to the process; whether there is one."""
        child = self._work.child
        if child is None or not child.running:
            return False
        child.forward(number)
        return True

    def _start(self) -> None:
        for warning in self._config.warnings:
            _log.warning(warning)
        source = source_of(self._config, self._env)
        self._work.start()
        stanzas = source[0].sinks if source is not None else ()
        sinks = Sinks(stanzas, self._upstream, self._holder, self._state)
        if source is None:
            _log.info("there is no token: requests are made without")
            self._holder.set(Secret(""))
        else:
            stanza, method = source
            self._handler = AuthHandler(stanza, method, self._upstream, self._holder, self._state)
            self._supervisor.start(sinks.run(), "sinks")
            self._supervisor.start(self._handler.run(), "auth")
        if socket := self._config.status_socket:
            self._supervisor.start(status.serve(socket, self._state, self._upstream), "status")
        if self._config.once:
            self._supervisor.start(self._once(sinks), "once")

    async def _once(self, sinks: Sinks) -> None:
        await sinks.done.wait()
        await self._work.done()
        if self._work.child is None:
            self._supervisor.finish(code.OK)
        else:
            await self._work.rest()  # the process ends by itself, and all else with it

    def _doubt(self) -> None:
        if self._handler is not None:
            self._handler.doubt()
