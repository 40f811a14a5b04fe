"""The measurements: each takes a prepared server (or a program) and returns plain numbers."""

from __future__ import annotations

import base64
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bench.load import Maker, Result, Stream, run
from bench.process import family_cpu_seconds, memory, pin
from bench.subject import LOGIN, SECRET, SERVER_CORE, Subject
from tests.server import clean_environment, free_port, spawn

TEXT = base64.b64encode(b"4929 1234 5678 9012").decode()
BATCH = {"batch_input": [{"plaintext": TEXT}] * 100}
CREATE = {"policies": ["bench"], "ttl": "24h"}


@dataclass(frozen=True, slots=True)
class Operation:
    """``required``: how many times less CPU than the peer's we promise."""

    name: str
    required: float
    method: str
    path: str
    body: object = None
    paths: int = 0

    def maker(self, subject: Subject) -> Maker:
        return subject.maker(self.method, self.path, self.body, paths=self.paths)


OPERATIONS = (
    Operation("KV v2 read", 5, "GET", "kv2/data/a"),
    Operation("KV v1 read", 5, "GET", "kv1/a"),
    Operation("token lookup-self", 5, "GET", "auth/token/lookup-self"),
    Operation("KV v2 write (durable)", 6, "POST", "kv2/data/w", {"data": SECRET}, paths=1000),
    Operation("token create", 8, "POST", "auth/token/create", CREATE),
    Operation("AppRole login", 5, "POST", "auth/approle/login", LOGIN),
    Operation("transit encrypt", 5, "POST", "transit/encrypt/aes", {"plaintext": TEXT}),
    Operation("transit encrypt, batch of 100", 2.5, "POST", "transit/encrypt/aes", BATCH),
    Operation("transit sign, ecdsa-p256", 3, "POST", "transit/sign/p256", {"input": TEXT}),
    Operation("sys/health", 2.5, "GET", "sys/health"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation at a number of connections: CPU and latencies in microseconds, replies per second."""

    cpu: float
    rate: float
    p50: float
    p99: float


def cost(subject: Subject, operation: Operation, connections: int, seconds: float) -> Cost:
    """Drive the operation, first for a moment unmeasured."""
    make = operation.maker(subject)
    port = subject.server.port
    checked(run(port, [Stream(operation.name, make, connections)], seconds=min(1.0, seconds / 3)))
    started, before = time.perf_counter(), family_cpu_seconds(subject.pid)
    result = checked(run(port, [Stream(operation.name, make, connections)], seconds=seconds))[operation.name]
    used, took = family_cpu_seconds(subject.pid) - before, time.perf_counter() - started
    count = len(result.latencies)
    return Cost(
        used / count * 1e6, count / took, result.percentile(0.50) * 1e6, result.percentile(0.99) * 1e6
    )


def by_turns(
    subjects: Sequence[Subject], operation: Operation, connections: int, seconds: float, rounds: int
) -> list[Cost]:
    """The median cost of each subject, of several rounds in which they take turns.

    What else the machine does then hits all of them, and a moment of it none.
    """
    found = [[cost(each, operation, connections, seconds) for each in subjects] for _ in range(rounds)]
    return [median(costs) for costs in zip(*found, strict=True)]


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure the median by itself."""
    names = [each.name for each in fields(Cost)]
    return Cost(*(statistics.median(getattr(one, name) for one in costs) for name in names))


def checked(results: dict[str, Result]) -> dict[str, Result]:
    """A benchmark of refusals would be worth nothing."""
    for name, result in results.items():
        if result.refused:
            raise RuntimeError(f"{name}: {result.refused} refused, the first: {result.first_refusal!r}")
    return results


def reads_beside_writers(subject: Subject, seconds: float) -> tuple[float, float]:
    """p50 and p99 in microseconds of KV v2 reads on 6 connections while 10 others write."""
    read, write = OPERATIONS[0], OPERATIONS[3]
    streams = [Stream("read", read.maker(subject), 6), Stream("write", write.maker(subject), 10)]
    result = checked(run(subject.server.port, streams, seconds=seconds))["read"]
    return result.percentile(0.50) * 1e6, result.percentile(0.99) * 1e6


def load_tokens(subject: Subject, count: int) -> float:
    """Create ``count`` tokens over the API; returns MB of anonymous memory they added."""
    before = memory(subject.pid, "RssAnon")
    create = OPERATIONS[4]
    checked(run(subject.server.port, [Stream("tokens", create.maker(subject), 64)], count=count))
    return memory(subject.pid, "RssAnon") - before


def fill_tokens(subject: Subject, count: int) -> float:
    """Put ``count`` tokens into our storage (:mod:`bench.bulk`); returns MB of anonymous memory they add.

    Both times the process is fresh, unsealed, and has answered a thousand reads.
    """
    server = subject.server
    before = _settled_memory(subject)
    server.stop()
    line = (sys.executable, "-m", "bench.bulk", str(server.folder / "server.hcl"), server.keys[0], str(count))
    subprocess.run(line, check=True)
    server.restart()
    return _settled_memory(subject, restart=False) - before


def _settled_memory(subject: Subject, *, restart: bool = True) -> float:
    server = subject.server
    if restart:
        server.stop()
        server.restart()
    server.unseal()
    pin(subject.pid, SERVER_CORE)
    read = OPERATIONS[0].maker(subject)
    checked(run(server.port, [Stream("read", read, 16)], count=1_000))
    return memory(subject.pid, "RssAnon")


def unseal_to_first_answer(subject: Subject) -> float:
    """Restart; seconds from sending the last unseal key to the first secret read."""
    server = subject.server
    server.stop()
    server.restart()
    pin(subject.pid, SERVER_CORE)
    started = time.perf_counter()
    server.api.put("sys/unseal", {"key": server.keys[0]})
    while server.api.get("kv2/data/a", token=subject.token).status != 200:
        time.sleep(0.001)
    return time.perf_counter() - started


def command(subject: Subject, *arguments: str, repeats: int) -> float:
    """Median wall time in ms of a command of the subject's own client."""
    environment = subject.server.environment | {"VAULT_TOKEN": subject.token}
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run([*subject.program, *arguments], env=environment, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def dev_start(program: tuple[str, ...], folder: Path, repeats: int) -> float:
    """Median seconds from starting the process to the first authenticated answer, in development mode."""
    return statistics.median(_dev_start(program, folder / str(number)) for number in range(repeats))


def _dev_start(program: tuple[str, ...], folder: Path) -> float:
    folder.mkdir(parents=True)
    clean_environment(folder / "home")
    port = free_port()
    line = ("server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}")
    started = time.perf_counter()
    process = spawn(program, line, folder)
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - started > 30:
                raise RuntimeError((folder / "server.log").read_text())
            time.sleep(0.002)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    request = b"GET /v1/sys/mounts HTTP/1.1\r\nHost: bench\r\nX-Vault-Token: root\r\n\r\n"
    try:
        return not run(port, [Stream("mounts", lambda _: request, 1)], count=1)["mounts"].refused
    except ConnectionError:
        return False


def machine() -> str:
    """One line about where this was measured."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    busy = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}, load average at the start {busy:.1f}"
    )
