"""``python -m bench.identities``: a login by one among few, and among a million."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import measure
from bench.process import memory, pin
from bench.report import Report
from bench.results import finish
from bench.subject import LOAD_CORE, SERVER_CORE, Subject, strongroom

ROUNDS = 3
LOGIN = next(each for each in measure.OPERATIONS if each.name == "AppRole login")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.identities", description=__doc__)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--folder", type=Path, help="where the server stores")
    parser.add_argument("--keep", action="store_true", help="write bench/RESULTS.md")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {LOAD_CORE} if (os.cpu_count() or 1) > 1 else {0})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        report = Report([f"- entities with an alias each: {chosen.few:,}, then {chosen.many:,}"])
        ours = stack.enter_context(strongroom(folder / "strongroom"))
        fill(ours, chosen.few)
        few = measure.by_turns([ours], LOGIN, 16, chosen.seconds, ROUNDS)[0]
        before = memory(ours.pid, "RssAnon")
        fill(ours, chosen.many - chosen.few)
        many = measure.by_turns([ours], LOGIN, 16, chosen.seconds, ROUNDS)[0]
        name = f"AppRole login with {chosen.many:,} entities, in proportion to {chosen.few:,}"
        report.ratio(f"{name}: CPU", many.cpu / few.cpu, 1.3)
        report.ratio(f"{name}: time a login", few.rate / many.rate, 1.3)
        report.limit("anonymous memory that they add, MB", None, memory(ours.pid, "RssAnon") - before, 60)
    return finish("Identities", f"python -m bench.identities {' '.join(arguments)}", report, keep=chosen.keep)


def fill(ours: Subject, count: int) -> None:
    """Store entities, and start the server again on what is there then."""
    server = ours.server
    accessor = server.api.get("sys/auth").json["data"]["approle/"]["accessor"]
    server.stop()
    line = (sys.executable, "-m", "bench.bulk", str(server.folder / "server.hcl"), server.keys[0], str(count))
    subprocess.run([*line, f"--entities={accessor}"], check=True)
    os.sync()  # else every commit waits for what was filled
    server.restart()
    server.unseal()
    pin(ours.pid, SERVER_CORE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
