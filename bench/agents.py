"""``python -m bench.agents``: both agents side by side, each against its own server, or a pretended one.

Leased secrets come from a pretended server, the same for both, so that only the agents differ.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.process import cpu_seconds, memory
from bench.report import Report
from bench.results import finish
from tests.agent.agents import Agents, Running, approle, kv
from tests.agent.failing import Leases
from tests.server import PEER, STRONGROOM, Server, running, start_dev

PROGRAMS = {"theirs": PEER, "ours": STRONGROOM}
LOGIN = """
vault { address = "%" }
auto_auth {
  method "approle" {
    config = {
      role_id_file_path = "@/role"
      secret_id_file_path = "@/secret"
      remove_secret_id_file_after_reading = false
    }
  }
}
"""
ONE = """
template {
  contents = "{{ with secret `secret/data/bench` }}{{ .Data.data.v }}{{ end }}"
  destination = "@/out"
}
"""
TOKEN = """
vault { address = "%" }
auto_auth { method "token_file" { config = { token_file_path = "@/token" } } }
"""
POLICY = 'path "secret/data/bench" { capabilities = ["read"] }'


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.agents", description=__doc__)
    parser.add_argument("--agents", type=int, default=200, help="started in one second")
    parser.add_argument("--templates", type=int, default=500)
    parser.add_argument("--leases", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="at rest; also the length of a lease")
    parser.add_argument("--starts", type=int, default=7, help="of which the middle one counts")
    parser.add_argument("--keep", action="store_true", help="write bench/RESULTS.md")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    chosen = options(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed agent is compiled
    report = Report([])
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {
            name: stack.enter_context(running(start_dev(program, folder / name)))
            for name, program in PROGRAMS.items()
        }
        starts = {name: start(servers[name], name, folder, chosen.starts) for name in PROGRAMS}
        report.limit("start to rendered file, s", starts["theirs"], starts["ours"], 1)
        rests = {name: rest(name, folder, chosen) for name in PROGRAMS}
        scale = f"{chosen.templates} templates over {chosen.leases} leased secrets"
        report.below(f"{scale}: RSS, MB", rests["theirs"][0], rests["ours"][0])
        report.limit(f"{scale}: CPU at rest, % of a core", rests["theirs"][1], rests["ours"][1], 0.5)
        requests = "requests at rest in the length of a lease"
        report.limit(
            f"{chosen.leases} leases: {requests}",
            rests["theirs"][2],
            rests["ours"][2],
            rests["theirs"][2] + 1,
        )
        crowds = {name: crowd(servers[name], name, folder, chosen.agents) for name in PROGRAMS}
        many = f"{chosen.agents} agents started in one second"
        report.below(f"{many}: until all have rendered, s", crowds["theirs"][0], crowds["ours"][0])
        report.limit(f"{many}: errors", crowds["theirs"][1], crowds["ours"][1], 1)
    return finish("Agents", f"python -m bench.agents {' '.join(arguments)}", report, keep=chosen.keep)


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Agents]:
    agents = Agents(folder)
    try:
        yield agents
    finally:
        agents.close()


def _login(server: Server) -> dict[str, str]:
    kv(server, "bench", v="one")
    role, secret = approle(server, "bench", POLICY)
    return {"agent.hcl": LOGIN + ONE, "role": role, "secret": secret}


def start(server: Server, name: str, folder: Path, times: int) -> float:
    """Seconds from the start of the process until the file is there: the middle of several."""
    files, took = _login(server), []
    with started(folder / f"start-{name}") as agents:
        for number in range(times):
            agent = agents.prepare(f"a{number}", PROGRAMS[name], server, files)
            began = time.perf_counter()
            agent.start()
            _until(agent)
            took.append(time.perf_counter() - began)
            agent.stop()
    return sorted(took)[times // 2]


def rest(name: str, folder: Path, chosen: argparse.Namespace) -> tuple[float, float, float]:
    """Resident memory, CPU in percent of a core, requests in the length of a lease."""
    leases = Counting(chosen.seconds)
    texts = [
        f"""
template {{
  contents = "{{{{ with secret `x/creds/{number % chosen.leases}` }}}}{{{{ .Data.v }}}}{{{{ end }}}}"
  destination = "@/out{number}"
}}
"""
        for number in range(chosen.templates)
    ]
    with started(folder / f"rest-{name}") as agents, leases.serving() as address:
        files = {"agent.hcl": TOKEN + "".join(texts), "token": "root"}
        agent = agents.prepare("a", PROGRAMS[name], address, files).start()
        agent.until(lambda: all(agent.path(f"out{n}").exists() for n in range(chosen.templates)), 120)
        time.sleep(2)
        pid = agent.process.pid
        before, asked = cpu_seconds(pid), leases.asked
        time.sleep(chosen.seconds)
        used, requests = cpu_seconds(pid) - before, leases.asked - asked
        return memory(pid, "VmRSS"), used / chosen.seconds * 100, float(requests)


class Counting(Leases):
    """Counts what it is asked."""

    asked = 0

    def answer(self, path: str) -> dict[str, object] | None:
        self.asked += 1
        return super().answer(path)


def crowd(server: Server, name: str, folder: Path, count: int) -> tuple[float, float]:
    """Seconds until all have rendered, and how many lines of errors they wrote."""
    files = _login(server)
    with started(folder / f"crowd-{name}") as agents:
        prepared = [agents.prepare(f"a{number}", PROGRAMS[name], server, files) for number in range(count)]
        began = time.perf_counter()
        for number, agent in enumerate(prepared):
            agent.start()
            time.sleep(max(0.0, began + number / count - time.perf_counter()))
        for agent in prepared:
            _until(agent, 180)
        took = time.perf_counter() - began
        errors = sum(agent.log.count("[ERROR]") + agent.log.count("[WARN]") for agent in prepared)
        _end(prepared)
        return took, float(errors)


def _end(prepared: list[Running]) -> None:
    for agent in prepared:
        agent.signal(signal.SIGTERM)
    for agent in prepared:
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.process.wait(30)


def _until(agent: Running, seconds: float = 30) -> None:
    deadline = time.perf_counter() + seconds
    while not agent.path("out").exists():
        if time.perf_counter() > deadline:
            raise RuntimeError(agent.log[-2000:])
        time.sleep(0.001)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
