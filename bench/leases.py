"""``python -m bench.leases``: a million leases, and many ended at once, beside the peer.

The leases are those of tokens, since both servers make them by the same request and no system outside
takes part. Ours are put into the storage in bulk (:mod:`bench.bulk`), the peer's come over its API.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import measure
from bench.load import Stream, request, run
from bench.process import family_cpu_seconds, memory, pin
from bench.report import Report
from bench.results import finish
from bench.subject import LOAD_CORE, SERVER_CORE, Subject
from bench.subject import peer as start_peer
from bench.subject import strongroom as start_strongroom

SOON = 45
"""Seconds after which those end whose expiry is measured; filling and starting take less."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.leases", description=__doc__)
    parser.add_argument("--leases", type=int, default=1_000_000, help="live in Strongroom")
    parser.add_argument("--ended", type=int, default=10_000, help="revoked, or expiring, at once")
    parser.add_argument("--alone", action="store_true", help="without the peer")
    parser.add_argument("--folder", type=Path, help="where the servers store")
    parser.add_argument("--keep", action="store_true", help="write bench/RESULTS.md")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {LOAD_CORE} if (os.cpu_count() or 1) > 1 else {0})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        report = Report([f"- leases: {chosen.leases:,}, ended at once: {chosen.ended:,}"])
        ours = stack.enter_context(start_strongroom(folder / "strongroom"))
        many(report, ours, chosen.leases)
        expiry(report, ours, chosen.ended)
        if not chosen.alone:
            theirs = stack.enter_context(start_peer(folder / "peer"))
            revocation(report, theirs, ours, chosen.ended)
    return finish("Leases", f"python -m bench.leases {' '.join(arguments)}", report, keep=chosen.keep)


def many(report: Report, ours: Subject, count: int) -> None:
    """Memory and unseal with that many leases."""
    grown = measure.fill_tokens(ours, count)
    report.limit(f"anonymous memory of {count:,} leases, MB", None, grown, 60)
    report.limit(f"unseal to first answer with {count:,} leases, s", None, opened(ours), 1)


def opened(subject: Subject) -> float:
    return measure.unseal_to_first_answer(subject)


def expiry(report: Report, ours: Subject, count: int) -> None:
    """Find and end those that expire in one moment, among all others."""
    server = ours.server
    server.stop()
    ends = time.time() + SOON
    line = (sys.executable, "-m", "bench.bulk", str(server.folder / "server.hcl"), server.keys[0], str(count))
    subprocess.run([*line, f"--ends={ends}"], check=True)
    server.restart()
    server.unseal()
    pin(ours.pid, SERVER_CORE)
    listed = server.api.request("LIST", "sys/leases/lookup/auth/bench/login/").json["data"]["keys"]
    if len(listed) != count or time.time() > ends:
        raise RuntimeError("filling took too long")
    time.sleep(ends - time.time())
    before = family_cpu_seconds(ours.pid)
    last = {"lease_id": f"auth/bench/login/{listed[-1]}"}  # in the order of their end, too
    while server.api.put("sys/leases/lookup", last).status == 200 and time.time() < ends + 30:
        time.sleep(0.1)
    took, used = time.time() - ends, family_cpu_seconds(ours.pid) - before
    left = server.api.request("LIST", "sys/leases/lookup/auth/bench/login/")
    if left.status != 404:
        raise RuntimeError(f"not all have ended: {left.status}")
    report.limit(f"{count:,} leases that expire now: found and ended, s", None, took, 2)
    report.limit("the same: CPU time, s", None, used, 2)
    report.limit("anonymous memory after that, MB", None, memory(ours.pid, "RssAnon"), 200)


def revocation(report: Report, theirs: Subject, ours: Subject, count: int) -> None:
    """Revoke the leases of one prefix, synchronously."""
    times = [_revoked(subject, count) for subject in (theirs, ours)]
    report.ratio(
        f"revoke {count:,} leases of one prefix: ours in proportion to the peer's", times[1] / times[0], 0.2
    )
    report.below(f"revoke {count:,} leases of one prefix, s", *times)


def _revoked(subject: Subject, count: int) -> float:
    api = subject.server.api
    api.post("auth/token/roles/many", {"allowed_policies": ["bench"], "orphan": True})
    policy = 'path "auth/token/create/many" { capabilities = ["update"] }'
    api.put("sys/policies/acl/many", {"policy": policy})
    token = str(api.post("auth/token/create", {"policies": ["many"], "period": "24h"}).auth["client_token"])
    subject.token, kept = token, subject.token
    make = subject.maker("POST", "auth/token/create/many", {"policies": ["bench"], "ttl": "24h"})
    measure.checked(run(subject.server.port, [Stream("tokens", make, 64)], count=count))
    subject.token = kept
    started = time.perf_counter()
    path = "sys/leases/revoke-prefix/auth/token/create/many"
    line = request("PUT", path, str(subject.server.root_token), b'{"sync": true}')
    measure.checked(run(subject.server.port, [Stream("revocation", lambda _: line, 1)], count=1))
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
