"""A RabbitMQ of the tests' own: Debian's package, on loopback ports, with its own node, cookie and home.

It takes seconds to start, so all workers of a test run share one: who gets the lock file first starts it. A
shell waits for the end of the run, however it comes, and ends it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.server import free_port
from tests.upstream.basic import authorization

_PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_PATIENCE = 90.0
_WATCH = 'while kill -0 "$0" 2>/dev/null; do sleep 0.2; done; kill -s KILL -- "$@"'


@dataclass
class RabbitServer:
    """``password`` is that of the user ``guest``, an administrator."""

    port: int
    amqp_port: int
    username: str = "guest"
    password: str = "guest"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """What differential cases call it by."""
        return {"rabbitmq": self.url}

    def call(self, method: str, path: str, body: Any = None, *, auth: tuple[str, str] | None = None) -> Any:
        """The decoded answer of the management API: None for an empty one, the status of an error."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"Authorization": authorization(*(auth or (self.username, self.password)))}
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/{path}", content, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 400:
                return answer.status
            return json.loads(text) if text else None
        finally:
            connection.close()

    def users(self) -> set[str]:
        return {user["name"] for user in self.call("GET", "users")}


def shared_rabbitmq(folder: Path) -> RabbitServer:
    """The RabbitMQ of a test run, whose workers all name the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "server.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            known.write_text(json.dumps(asdict(_start(folder / f"node-{secrets.token_hex(4)}"))))
    return RabbitServer(**json.loads(known.read_text()))


def started() -> RabbitServer:
    """A server that ends with this process."""
    return _start(Path(tempfile.mkdtemp(prefix="strongroom-rabbitmq-")) / "node")


def ended(server: RabbitServer) -> None:
    """Nothing: a shell ends it."""


def _start(folder: Path) -> RabbitServer:
    (folder / "home").mkdir(parents=True)
    cookie = folder / "home" / ".erlang.cookie"
    cookie.write_text(secrets.token_hex(16).upper())
    cookie.chmod(0o400)
    names, amqp, port = free_port(), free_port(), free_port()
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{amqp}\n"
        f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\nlog.console = false\n"
    )
    environment = _environment(folder, names)
    groups = [_spawn(["epmd", "-port", str(names), "-address", "127.0.0.1"], folder, environment)]
    groups.append(_spawn([_PROGRAM], folder, environment))
    _spawn(["sh", "-c", _WATCH, str(_run()), *(f"-{group}" for group in groups)], folder, environment)
    server = RabbitServer(port, amqp)
    _wait(server, folder)
    return server


def _run() -> int:
    """The process that is there as long as the test run is: with xdist, what started the workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _environment(folder: Path, names: int) -> dict[str, str]:
    erlang = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_NODENAME": f"{folder.name}@localhost",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang,
    }


def _spawn(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    assert shutil.which(command[0]), f"{command[0]} is missing: install Debian's rabbitmq-server"
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process.returncode = 0  # the shell ends it: nobody waits for it here
    return process.pid


def _wait(server: RabbitServer, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError):
            if server.call("GET", "whoami"):
                return
        time.sleep(0.1)
    raise AssertionError(f"RabbitMQ did not start:\n{(folder / 'output').read_text()[-4000:]}")
