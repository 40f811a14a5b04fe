"""The agent's half of examples/surface: its files as they stand, a real server, PostgreSQL and service."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PASSWORD, ROOT, Postgres, _cluster, postgres
from tests.server import STRONGROOM, Server, clean_environment, free_port

__all__ = ["_cluster", "postgres"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "surface"
FILES = ("consul-template.hcl", "hello.ctmpl", "login.hcl", "restart.sh", "service.py")


class Machine:
    """A machine with the service and the agent beside it."""

    def __init__(self, server: Server, postgres: Postgres, folder: Path) -> None:
        self.server, self.postgres, self.folder = server, postgres, folder
        self.port = free_port()
        folder.mkdir()
        for name in FILES:
            shutil.copy(EXAMPLE / name, folder / name)
        (folder / "vault").symlink_to(STRONGROOM[0])
        (folder / "salt").write_text("grains")
        self.environment = clean_environment(folder / "home") | {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "PORT": str(self.port),
            "VAULT_ADDR": server.address,
            "DATABASE": f"127.0.0.1:{postgres.port}/postgres",
        }
        self._operate()
        self.agent = self._start()

    def _operate(self) -> None:
        operator = {
            "VAULT_TOKEN": self.server.root_token or "",
            "SALT": "grains",
            "DATABASE_USER": ROOT,
            "DATABASE_PASSWORD": PASSWORD,
        }
        subprocess.run(
            [str(EXAMPLE / "operator.sh"), "hello", "127.0.0.1"],
            env=self.environment | operator, check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "agent.log").open("ab") as log:
            return subprocess.Popen(
                [*STRONGROOM, "agent", "-config=login.hcl", "-config=consul-template.hcl"],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def get(self, path: str = "/") -> tuple[int, str]:
        """The service's answer; 0 while nobody listens."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            link.close()

    def user(self) -> str:
        code, text = self.get()
        return text.rpartition(" ")[2] if code == 200 else ""

    def longest_lease(self) -> int:
        """Seconds that the newest credentials have left."""
        api = self.server.api
        ids = api.list("sys/leases/lookup/hello-db/creds/readwrite").data["keys"]
        asked = [{"lease_id": f"hello-db/creds/readwrite/{each}"} for each in ids]
        found = [api.put("sys/leases/lookup", each) for each in asked]
        return max((int(each.data["ttl"]) for each in found if each.status == 200), default=0)

    def status(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*STRONGROOM, "agent", "status", "-config=login.hcl", "-config=consul-template.hcl"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip

    def until(self, condition: object, seconds: float = 20) -> None:
        assert callable(condition)
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.folder / "agent.log").read_text()[-4000:]
            time.sleep(0.05)

    def end(self) -> None:
        self.agent.kill()
        self.agent.wait()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.folder / "service.pid").read_text()), signal.SIGKILL)


@pytest.fixture
def machine(open_server: Server, postgres: Postgres, tmp_path: Path) -> Iterator[Machine]:
    postgres.query("CREATE TABLE IF NOT EXISTS greetings (text text)")
    made = Machine(open_server, postgres, tmp_path / "machine")
    yield made
    made.end()


@pytest.mark.slow
def test_credentials_change_under_a_service_that_serves_on(machine: Machine) -> None:
    api = machine.server.api
    assert api.put("hello-db/config/lease", {"lease": "14s", "lease_max": "14s"}).status == 204
    machine.until(machine.user)
    first = machine.user()
    answers: list[tuple[int, str]] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answers.append(machine.get("/slow" if len(answers) % 3 == 0 else "/"))
            time.sleep(0.02)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for each in asking:
        each.start()
    try:
        machine.until(lambda: machine.user() not in {first, ""}, 40)
        # From here on what is given or renewed lives an hour.
        assert api.put("hello-db/config/lease", {"lease": "1h", "lease_max": "2h"}).status == 204
        machine.until(lambda: not machine.postgres.has(first) and machine.longest_lease() > 100)

        second, process = machine.user(), (machine.folder / "service.pid").read_text()
        assert machine.status().returncode == 0, machine.status().stdout
        assert api.put("sys/seal").status == 204
        told = machine.status()
        assert (told.returncode, "sealed since" in told.stdout) == (2, True), told.stdout
        time.sleep(1)
        machine.server.stop()
        assert "unreachable since" in machine.status().stdout
        time.sleep(1)
        assert (machine.user(), (machine.folder / "service.pid").read_text()) == (second, process)
        assert machine.agent.poll() is None
        machine.server.restart()
        machine.server.unseal()
        machine.until(lambda: machine.status().returncode == 0)
        assert machine.user() == second
    finally:
        ended.set()
        for each in asking:
            each.join()
    # While a service restarts nobody listens; whatever was begun was answered, and by a user that was good.
    assert {code for code, _ in answers} <= {0, 200}, [text for code, text in answers if code not in {0, 200}]
    assert (machine.folder / "hello.json").stat().st_mode & 0o777 == 0o600
    assert (machine.folder / "hello.json.bak").exists()
    machine.agent.terminate()
    assert machine.agent.wait(10) == 0
    assert machine.user() == second, "the service outlives the agent"
