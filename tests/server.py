"""Real server processes for tests: Strongroom's, and the peer's to compare with.

Every server has a folder of its own: ``home`` (its HOME), ``server.log`` (all it prints), ``audit.log``
and ``storage`` (if configured). Servers listen on loopback ports the kernel gave.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api import Answer, Api
from tests.listener.authority import issue

_HERE = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
STRONGROOM = (shutil.which("strongroom", path=_HERE) or "strongroom",)
PEER = (shutil.which("bao", path=_HERE) or "bao",)

_FOREIGN = ("VAULT_", "BAO_", "STRONGROOM_")


@dataclass(slots=True)
class Server:
    """A running server. ``keys`` are its unseal keys (hex), once known; ``api`` calls it as root.

    ``ca`` is the file of the authority that its TLS certificate comes from, if it has one.
    """

    program: tuple[str, ...]
    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    arguments: tuple[str, ...] = ()
    keys: list[str] = field(default_factory=list)
    root_token: str | None = None
    ca: Path | None = None
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.api = self.showing()

    def showing(self, certificate: str = "") -> Api:
        """A client of its own, which shows the certificate and key in that PEM file when it connects."""
        if self.ca is None:
            return Api(self.address, self.root_token)
        context = ssl.create_default_context(cafile=self.ca) if self.ca.exists() else None
        if context is not None and certificate:
            context.load_cert_chain(certificate)
        return Api(self.address, self.root_token, context)

    @property
    def address(self) -> str:
        return f"http{'s' if self.ca else ''}://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    @property
    def environment(self) -> dict[str, str]:
        """What a client started by a test needs to find this server."""
        known = {"VAULT_ADDR": self.address, "BAO_ADDR": self.address, "STRONGROOM_ADDR": self.address}
        return clean_environment(self.folder / "home") | known | {"VAULT_TOKEN": self.root_token or ""}

    def audit_lines(self) -> list[dict[str, Any]]:
        lines = (self.folder / "audit.log").read_bytes().splitlines()
        return [json.loads(line) for line in lines]

    def initialize(self, shares: int = 1, threshold: int = 1) -> Answer:
        """Initialise; from here on ``keys``, ``root_token`` and the API's token are set."""
        answer = self.api.put("sys/init", {"secret_shares": shares, "secret_threshold": threshold})
        assert answer.status == 200, answer
        self.keys, self.root_token = answer.json["keys"], answer.json["root_token"]
        self.api.token = self.root_token
        return answer

    def unseal(self) -> Answer:
        """Give keys until the server is open and serves."""
        answer = self.api.get("sys/seal-status")
        for key in self.keys:
            if not answer.json["sealed"]:
                break
            answer = self.api.put("sys/unseal", {"key": key})
        assert answer.json["sealed"] is False, answer
        wait_until(lambda: self.api.get("sys/health").status == 200, self)
        return answer

    def stop(self) -> int:
        """SIGTERM, then the exit code. A server that does not stop is killed, which is an error."""
        self.api.close()
        self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL: what a crash looks like to the storage."""
        self.api.close()
        self.process.kill()
        self.process.wait(15)

    def restart(self) -> None:
        """Start the process again on the same folder and port; the old one must have ended."""
        assert self.process.poll() is not None, "still running"
        self.process = spawn(self.program, self.arguments, self.folder)
        wait_until(lambda: listening(self.port), self)


def clean_environment(home: Path) -> dict[str, str]:
    """The environment without anything that would steer a client or server, and a HOME of its own."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    return kept | {"HOME": str(home), "PYTHONWARNINGS": "error"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
        # A connection to an ephemeral port where nobody listens can meet itself.
        return bool(probe.getsockname() != probe.getpeername())
    return False


def spawn(program: tuple[str, ...], arguments: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            [*program, *arguments],
            cwd=folder,
            env=clean_environment(folder / "home"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wait_until(condition: Any, server: Server, seconds: float = 20) -> None:
    """Poll until ``condition()``; fails with the server's log when it dies or time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if server.process.poll() is not None:
            raise AssertionError(f"server ended with {server.process.returncode}:\n{server.log[-4000:]}")
        if time.monotonic() > deadline:
            raise AssertionError(f"server not ready after {seconds} s:\n{server.log[-4000:]}")
        time.sleep(0.01)


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.kill()


def start_dev(program: tuple[str, ...], folder: Path, *arguments: str, tls: bool = False) -> Server:
    """A development server: in memory, unsealed, root token ``root``."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    line = ("server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}", *arguments)
    ca = None
    if tls:
        (folder / "tls").mkdir()
        line += ("-dev-tls", f"-dev-tls-cert-dir={folder / 'tls'}")
        ca = folder / "tls" / "vault-ca.pem"
    process = spawn(program, line, folder)
    server = Server(program, folder, port, process, line, root_token="root", ca=ca)
    wait_until(lambda: listening(port), server)
    server.api = server.showing()  # now the authority is there
    wait_until(lambda: listening(port) and server.api.get("sys/health").status == 200, server)
    wait_until(lambda: server.api.get("sys/mounts").status == 200, server)
    return server


def start_configured(
    program: tuple[str, ...],
    folder: Path,
    *,
    storage: str = "inmem",
    listener: str = "",
    extra: str = "",
    readers: int = 0,
    tls: bool = False,
) -> Server:
    """A server from a configuration file: sealed and empty, with a file audit device declared.

    ``readers`` is how many reader processes Strongroom has; the peer has no such setting.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "storage").mkdir(exist_ok=True)
    ca, secured = None, "tls_disable = true"
    if tls:
        authority = issue("server CA", ca=True)
        ca = Path(authority.save(folder, "ca")[0])
        certificate, key = issue("localhost", authority).save(folder, "server")
        secured = f'tls_cert_file = "{certificate}"\n  tls_key_file = "{key}"'
    path = "" if storage == "inmem" else f'path = "{folder / "storage"}"'
    if program is STRONGROOM and "readers" not in extra:
        extra += f"\nreaders = {readers}"
    (folder / "server.hcl").write_text(f"""
storage "{storage}" {{ {path} }}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  {secured}
  {listener}
}}
audit "file" "file" {{ options = {{ file_path = "{folder / "audit.log"}" }} }}
api_addr = "http{"s" if tls else ""}://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{port + 1 if port < 65535 else 1024}"
{extra}
""")
    line = ("server", f"-config={folder / 'server.hcl'}")
    server = Server(program, folder, port, spawn(program, line, folder), line, ca=ca)
    wait_until(lambda: listening(port), server)
    return server
