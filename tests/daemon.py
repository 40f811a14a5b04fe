"""A real server of another product for tests: started privately, in a folder and on a port of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tests.server import free_port

_PATIENCE = 60.0


@dataclass
class Daemon:
    """A server: how it is started, and when it is up. ``account`` is who it runs as if we are root."""

    name: ClassVar[str]
    account: ClassVar[str] = ""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    settings: tuple[str, ...] = ()

    def line(self) -> list[str]:
        """The command, without the ``settings`` that a test adds."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it is up."""
        raise NotImplementedError

    def create(self) -> None:
        """Make what it stores; afterwards it runs."""
        self.start()

    def clear(self) -> None:
        """Remove what a test left."""

    @property
    def environment(self) -> dict[str, str]:
        # Temporary files of servers that are made at the same time may have the same names.
        return os.environ | {"TMPDIR": str(self.folder)}

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        assert self.process is None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.line(), *self.settings],
                cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + _PATIENCE
        while not self.answers():
            time.sleep(0.02)
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, f"{self.name} does not come up: {self.log}"

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(15)
            self.process = None

    def done(self, line: list[str]) -> None:
        """Run a command of the product's to its end."""
        place: dict[str, Any] = {"cwd": self.folder, "env": self.environment}
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120, **place)
        assert done.returncode == 0, done.stdout + done.stderr


Kind = TypeVar("Kind", bound=Daemon)


def made(kind: type[Kind]) -> Kind:
    """A new server, running. Whoever asks for it has it ``ended``."""
    folder = Path(tempfile.mkdtemp(prefix=f"strongroom-{kind.name}-"))
    if kind.account and not os.getuid():
        owner = pwd.getpwnam(kind.account)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    server = kind(folder)
    try:
        server.create()
    except BaseException:
        ended(server)
        raise
    return server


def ended(server: Daemon) -> None:
    """Stop a server and remove what it stored."""
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def kept(kind: type[Kind]) -> Iterator[Kind]:
    """A server for a whole test process."""
    server = made(kind)
    yield server
    ended(server)


def lent(server: Kind) -> Iterator[Kind]:
    """A server for one test: running and empty, and running afterwards, whatever the test did."""
    if server.process is None:
        server.start()
    server.clear()
    yield server
    if server.process is None:
        server.start()
