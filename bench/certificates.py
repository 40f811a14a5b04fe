"""``python -m bench.certificates``: issuing beside the peer; CRLs of many, and many certificates."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from bench import measure
from bench.load import Stream, run
from bench.measure import Operation
from bench.process import memory, pin
from bench.report import Report
from bench.results import finish
from bench.subject import LOAD_CORE, SERVER_CORE, Subject, peer, strongroom
from strongroom.crypto import certificate
from strongroom.secrets.pki.issuer import group_of

ISSUE = Operation("issue EC P-256", 2.5, "POST", "pki/issue/ec", {"common_name": "a.example.com"})
ROUNDS = 3
RSA = Operation("issue RSA-2048", 0, "POST", "pki/issue/rsa", {"common_name": "a.example.com"})
READ = measure.OPERATIONS[0]
POLICY = """
path "pki/*" { capabilities = ["create", "update"] }
path "kv2/*" { capabilities = ["read"] }
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.certificates", description=__doc__)
    parser.add_argument("--revoked", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--folder", type=Path, help="where the servers store")
    parser.add_argument("--keep", action="store_true", help="write bench/RESULTS.md")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {LOAD_CORE} if (os.cpu_count() or 1) > 1 else {0})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        report = Report([f"- certificates: {chosen.revoked:,} revoked, {chosen.many:,} stored"])
        theirs = stack.enter_context(peer(folder / "peer"))
        ours = stack.enter_context(strongroom(folder / "strongroom"))
        group = [prepare(subject) for subject in (theirs, ours)][1]
        their_cost, our_cost = measure.by_turns((theirs, ours), ISSUE, 16, chosen.seconds, ROUNDS)
        report.cost("PKI issue EC P-256, 16 connections", their_cost, our_cost, ISSUE.required)
        rsa(report, theirs, ours, chosen.seconds)
        crl(report, ours, group, chosen.revoked)
        stored(report, ours, group, chosen.many)
    return finish(
        "Certificates", f"python -m bench.certificates {' '.join(arguments)}", report, keep=chosen.keep
    )


def prepare(subject: Subject) -> str:
    """A root, and a role for each kind of key; returns where the rows of its certificates belong."""
    api = subject.server.api
    api.post("sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    api.put("sys/policies/acl/bench", {"policy": POLICY})
    root = api.post(
        "pki/root/generate/internal", {"common_name": "Root", "key_type": "ec", "ttl": "8760h"}
    ).json["data"]
    for kind in ("ec", "rsa"):
        api.post(
            f"pki/roles/{kind}",
            {"key_type": kind, "allowed_domains": "example.com", "allow_subdomains": True},
        )
    uuid = api.get("sys/mounts").json["data"]["pki/"]["uuid"]
    return f"{uuid}:{group_of(certificate.load(root['certificate'].encode()))}"


def rsa(report: Report, theirs: Subject, ours: Subject, seconds: float) -> None:
    """RSA keys on both, and what reads of secrets see meanwhile on ours."""
    rates = [measure.cost(subject, RSA, 4, seconds * 2).rate for subject in (theirs, ours)]
    report.ratio("PKI issue RSA-2048: peer / ours, certificates a second", rates[0] / rates[1], 1 / 0.8)
    streams = [Stream("read", READ.maker(ours), 2), Stream("rsa", RSA.maker(ours), 2)]
    result = measure.checked(run(ours.server.port, streams, seconds=seconds * 2))["read"]
    report.limit("KV v2 read beside RSA keys: p99 ms", None, result.percentile(0.99) * 1e3, 20)


def crl(report: Report, ours: Subject, group: str, count: int) -> None:
    """Revoke one of many, and wait for the CRL, while others read."""
    fill(ours, group, count, "revoked")
    api = ours.server.api
    serial = api.post("pki/issue/ec", {"common_name": "a.example.com"}).json["data"]["serial_number"]
    api.get("pki/crl")
    took: list[float] = []

    def revoke() -> None:
        time.sleep(0.5)
        started = time.perf_counter()
        api.post("pki/revoke", {"serial_number": serial})
        api.get("pki/crl")
        took.append(time.perf_counter() - started)

    thread = Thread(target=revoke)
    thread.start()
    result = measure.checked(run(ours.server.port, [Stream("read", READ.maker(ours), 1)], seconds=4))["read"]
    thread.join()
    report.limit(f"a fresh CRL of {count:,} after a revocation, s", None, took[0], 2)
    report.limit("KV v2 read meanwhile: p99 ms", None, result.percentile(0.99) * 1e3, 20)


def stored(report: Report, ours: Subject, group: str, count: int) -> None:
    """Memory and unsealing with many certificates."""
    before = settled(ours)
    fill(ours, group, count, "certificates")
    report.limit(f"anonymous memory that {count:,} certificates add, MB", None, settled(ours) - before, 60)
    report.limit("unseal to first answer, s", None, measure.unseal_to_first_answer(ours), 1)


def settled(ours: Subject) -> float:
    ours.server.stop()
    ours.server.restart()
    ours.server.unseal()
    pin(ours.pid, SERVER_CORE)
    measure.checked(run(ours.server.port, [Stream("issue", ISSUE.maker(ours), 4)], count=200))
    return memory(ours.pid, "RssAnon")


def fill(ours: Subject, group: str, count: int, what: str) -> None:
    """Store certificates, and start the server again on what is there then."""
    server = ours.server
    server.stop()
    line = (sys.executable, "-m", "bench.bulk", str(server.folder / "server.hcl"), server.keys[0], str(count))
    subprocess.run([*line, f"--{what}={group}"], check=True)
    server.restart()
    server.unseal()
    pin(ours.pid, SERVER_CORE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
