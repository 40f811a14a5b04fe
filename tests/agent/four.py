"""The four combinations of two agents and two servers, played at once on one configuration."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.agent.agents import PROGRAMS, Agents, Running
from tests.server import Server

Play = Callable[[Running, Server, str], Any]


class Four:
    """The four combinations. ``name`` is one of this test's own, for paths on the servers."""

    def __init__(self, agents: Agents, server: Server, peer: Server) -> None:
        self._agents = agents
        self._servers = {"our": server, "their": peer}
        self.name = f"t{uuid.uuid4().hex[:8]}"

    def play(self, config: str, act: Play, **files: str) -> dict[str, Any]:
        """What ``act`` gives for each combination; the peer's own pair says what is right."""
        texts = {"agent.hcl": config.replace("NAME", self.name), "token": "root"} | files
        jobs = {}
        with ThreadPoolExecutor(4) as pool:
            for whose, program in PROGRAMS.items():
                for which, server in self._servers.items():
                    running = self._agents.prepare(f"{whose}-{which}", program, server, texts)
                    jobs[f"{whose} at {which}"] = pool.submit(self._apart, act, running, server)
        found = {name: job.result() for name, job in jobs.items()}
        right = found["theirs at their"]
        others = {name: value for name, value in found.items() if value != right}
        assert not others, f"right: {right}\n" + "\n".join(f"{name}: {each}" for name, each in others.items())
        return found

    def _apart(self, act: Play, running: Running, server: Server) -> Any:
        """With a connection of its own."""
        mine = replace(server)
        try:
            return act(running, mine, self.name)
        finally:
            mine.api.close()

    @property
    def servers(self) -> list[Server]:
        return list(self._servers.values())


@pytest.fixture
def four(agents: Agents, server: Server, peer: Server) -> Iterator[Four]:
    yield Four(agents, server, peer)
    for each in (server, peer):
        each.api.close()
