"""Agents as processes: ours and the peer's, on the same configuration, each in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.server import PEER, STRONGROOM, Server, clean_environment

PATIENCE = 20.0


@dataclass
class Running:
    """An agent that was started. What it prints is in ``agent.log`` of its folder."""

    program: tuple[str, ...]
    folder: Path
    environment: dict[str, str]
    bare: bool = False
    """Whether it is started without a configuration."""
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, *arguments: str) -> Running:
        config = () if self.bare else (f"-config={self.folder / 'agent.hcl'}",)
        return self.run("agent", *config, *arguments)

    def run(self, *words: str) -> Running:
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, *words],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    @property
    def log(self) -> str:
        return self.text("agent.log")

    def path(self, *names: str) -> Path:
        return self.folder.joinpath(*names)

    def text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Poll until ``condition()``; fails with the agent's log."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s:\n{self.log[-6000:]}")
            time.sleep(0.02)
        return found

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.log[-6000:]}") from None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)


class Agents:
    """Starts agents, and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Running] = []

    def prepare(
        self, name: str, program: tuple[str, ...], server: Server | str, files: dict[str, str], **env: str
    ) -> Running:
        """A folder with the files; ``@`` in them stands for the folder, ``%`` for the server's address."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        address = server if isinstance(server, str) else server.address
        for file, text in files.items():
            (folder / file).write_text(text.replace("@", str(folder)).replace("%", address))
        running = Running(program, folder, clean_environment(folder / "home") | env)
        self._started.append(running)
        return running

    def ours(self, name: str, server: Server | str, files: dict[str, str], **env: str) -> Running:
        """Our agent, running."""
        return self.prepare(name, STRONGROOM, server, files, **env).start()

    def close(self) -> None:
        for running in self._started:
            if hasattr(running, "process"):
                running.kill()
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _left(self) -> list[int]:
        """What killed agents left running: it works in their folders, in sessions of its own."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(self.folder.resolve()):
                    found.append(int(process.name))
        return found

    def output(self) -> str:
        """Everything that all of them printed."""
        return "".join(running.log for running in self._started)


PROGRAMS = {"ours": STRONGROOM, "theirs": PEER}


def kv(server: Server, path: str, **data: str) -> None:
    """Write a secret under ``secret/``."""
    answer = server.api.put(f"secret/data/{path}", {"data": data})
    assert answer.status == 200, answer


def approle(server: Server, name: str, policy: str, **role: Any) -> tuple[str, str]:
    """A role with that policy; its role ID and a secret ID."""
    api = server.api
    if "approle/" not in api.get("sys/auth").data:
        api.put("sys/auth/approle", {"type": "approle"})
    assert api.put(f"sys/policies/acl/{name}", {"policy": policy}).status == 204
    made = {"token_policies": name, "token_ttl": "1h"} | role
    assert api.put(f"auth/approle/role/{name}", made).status == 204
    role_id = api.get(f"auth/approle/role/{name}/role-id").data["role_id"]
    secret_id = api.put(f"auth/approle/role/{name}/secret-id").data["secret_id"]
    return role_id, secret_id


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
