"""``python -m bench``: measure both servers, print the table, write it to ``bench/RESULTS.md``."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import strongroom
from bench import database, measure
from bench.process import file_system, memory
from bench.report import Report
from bench.results import finish
from bench.subject import LOAD_CORE, Subject
from bench.subject import peer as start_peer
from bench.subject import strongroom as start_strongroom
from tests.server import PEER, STRONGROOM

ROUNDS = 3


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute; few tokens, nothing written")
    parser.add_argument("--seconds", type=float, help="of load for each figure")
    parser.add_argument("--tokens", type=int, help="live tokens in Strongroom")
    parser.add_argument("--peer-tokens", type=int, help="live tokens in the peer")
    parser.add_argument("--folder", type=Path, help="where the servers store (default: a temporary folder)")
    chosen = parser.parse_args(arguments)
    defaults = (0.8, 5_000, 1_000) if chosen.quick else (5.0, 1_000_000, 100_000)
    for name, value in zip(("seconds", "tokens", "peer_tokens"), defaults, strict=True):
        if getattr(chosen, name) is None:
            setattr(chosen, name, value)
    return chosen


def main(arguments: list[str]) -> int:
    chosen = options(arguments)
    os.sched_setaffinity(0, {LOAD_CORE} if (os.cpu_count() or 1) > 1 else {0})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        report = Report(heading(chosen, folder))
        theirs = stack.enter_context(start_peer(folder / "peer"))
        ours = stack.enter_context(start_strongroom(folder / "strongroom"))
        report.limit("resident memory when empty, MB", rss(theirs), rss(ours), 90)
        operations(report, theirs, ours, chosen.seconds)
        databases(report, theirs, ours, chosen.seconds)
        commands(report, theirs, ours, 5 if chosen.quick else 21)
        tokens(report, theirs, ours, chosen)
        repeats = 3 if chosen.quick else 11
        peer_start = measure.dev_start(PEER, folder / "peer-dev", repeats)
        our_start = measure.dev_start(STRONGROOM, folder / "strongroom-dev", repeats)
        report.limit("development server, start to first answer, s", peer_start, our_start, 0.5)
        both_cores(report, folder, chosen.seconds)
    return finish("The server", f"scripts/bench {' '.join(arguments)}", report, keep=not chosen.quick)


def heading(chosen: argparse.Namespace, folder: Path) -> list[str]:
    """What a reader needs to repeat the run."""
    version = subprocess.run([*PEER, "version"], capture_output=True, text=True, check=True).stdout.strip()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return [
        f"- peer: {version}, raft storage, file audit",
        f"- Strongroom {strongroom.__version__} on {python}, LMDB storage, file audit",
        f"- both store on {file_system(folder)}",
        f"- each server on core 0, the load on core 1, an ordinary policy, {chosen.seconds:g} s a figure",
        f"- at 16 connections: the median of {ROUNDS} rounds in which the two take turns",
    ]


def rss(subject: Subject) -> float:
    return memory(subject.pid, "VmRSS")


def operations(report: Report, theirs: Subject, ours: Subject, seconds: float) -> None:
    """Peer and ours by turns, so that what else the machine does hits both."""
    for operation in measure.OPERATIONS:
        for connections in (1, 16):
            rounds = ROUNDS if connections > 1 else 1
            before, after = measure.by_turns((theirs, ours), operation, connections, seconds, rounds)
            name = f"{operation.name}, {connections} connection{'s' if connections > 1 else ''}"
            report.cost(name, before, after, operation.required if connections == 16 else None)
    beside = [measure.reads_beside_writers(subject, seconds) for subject in (theirs, ours)]
    report.below("KV v2 read beside 10 writers: p99 us", beside[0][1], beside[1][1])


def databases(report: Report, theirs: Subject, ours: Subject, seconds: float) -> None:
    """Roles made in a real PostgreSQL, which runs beside the load."""
    for connections in (1, 16):
        rounds = [database.costs([theirs, ours], connections, seconds) for _ in range(ROUNDS)]
        before, after = (measure.median(each) for each in zip(*rounds, strict=True))
        name = f"database credentials, {connections} connection{'s' if connections > 1 else ''}"
        report.cost(name, before, after, None)
        if connections > 1:
            report.faster(f"{name}: the same requests/s", before.rate, after.rate, database.REQUIRED)


def both_cores(report: Report, folder: Path, seconds: float) -> None:
    """Reads with servers and load free to use all cores, ours with a reader process beside the writer."""
    read = measure.OPERATIONS[0]
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with (
        start_peer(folder / "peer-both", both_cores=True) as theirs,
        start_strongroom(folder / "alone", both_cores=True) as one,
        start_strongroom(folder / "readers", readers=1, both_cores=True) as two,
    ):
        peer, alone, shared = measure.by_turns((theirs, one, two), read, 16, seconds, ROUNDS)
    report.cost("KV v2 read on both cores, one reader, 16 connections", peer, shared, None)
    report.ratio("the same: CPU a read, in proportion to one process", shared.cpu / alone.cpu, 1.1)
    report.ratio("the same: time a read, in proportion to one process", alone.rate / shared.rate, 1.0)


def commands(report: Report, theirs: Subject, ours: Subject, repeats: int) -> None:
    for line in (("version",), ("kv", "get", "-mount=kv2", "a")):
        times = [measure.command(subject, *line, repeats=repeats) for subject in (theirs, ours)]
        report.below(f"command `{' '.join(line)}`, ms", *times)


def tokens(report: Report, theirs: Subject, ours: Subject, chosen: argparse.Namespace) -> None:
    """Memory of live tokens, and how long an unseal takes with them."""
    grown = measure.load_tokens(theirs, chosen.peer_tokens), measure.fill_tokens(ours, chosen.tokens)
    counts = f"{chosen.tokens:,} (peer: {chosen.peer_tokens:,})"
    report.limit(f"anonymous memory of {counts} live tokens, MB", *grown, 60)
    unseals = measure.unseal_to_first_answer(theirs), measure.unseal_to_first_answer(ours)
    report.limit(f"unseal to first answer with {counts} live tokens, s", *unseals, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
