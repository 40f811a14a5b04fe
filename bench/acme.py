"""Whole orders of certificates by ACME, the host asked over HTTP-01 at its port 80, where the bench listens.

``python -m bench.acme`` runs this alone.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509

from bench.process import cpu_seconds
from bench.subject import LOAD_CORE, Subject, peer, strongroom
from tests.api import Answer
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.responders import Web
from tests.secrets.pki.acme.signing import Account, ec_key

HOST = "127.0.0.1"
ORDERS = 60
_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one order: milliseconds from its beginning to the certificate, and CPU of the server."""

    p50: float
    cpu: float


@contextmanager
def site() -> Iterator[Web]:
    """A web server at port 80 of loopback. Raises OSError where it may not be had."""
    web, loop, ready = Web(), asyncio.new_event_loop(), threading.Event()
    server = loop.run_until_complete(asyncio.start_server(web.serve, HOST, 80))
    loop.call_soon(ready.set)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    ready.wait()
    try:
        yield web
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass(slots=True)
class Client:
    """A client that asks without pause, so that what is measured is the server."""

    subject: Subject
    web: Web
    account: Account = field(default_factory=Account)
    nonce: str = ""

    def post(self, url: str, payload: Any = None) -> Answer:
        api = self.subject.server.api
        path = url.partition("/v1/")[2]
        if not self.nonce:
            answer = api.request("GET", "pki/acme/new-nonce", token=None)
            self.nonce = answer.headers["replay-nonce"]
        protected = {"nonce": self.nonce, "url": url} | self.account.identity
        answer = api.request("POST", path, signing.signed(self.account.key, protected, payload), token=None)
        self.nonce = answer.headers.get("replay-nonce", "")
        if answer.status >= 300:
            raise RuntimeError(f"refused: {answer}")
        return answer

    def until(self, url: str, status: str) -> Any:
        for _ in range(_STEPS):
            told = self.post(url).json
            if told["status"] == status:
                return told
            time.sleep(0.002)
        raise RuntimeError(f"never {status}: {told}")

    def order(self, base: str) -> None:
        made = self.post(f"{base}/new-order", {"identifiers": [{"type": "ip", "value": HOST}]})
        place, told = made.headers["location"], made.json
        authorization = told["authorizations"][0]
        challenges = self.post(authorization).json["challenges"]
        challenge = next(one for one in challenges if one["type"] == "http-01")
        token = challenge["token"]
        body = f"{token}.{signing.thumbprint(self.account.key)}".encode()
        self.web.files.clear()
        self.web.put(f"/.well-known/acme-challenge/{token}", body)
        self.post(challenge["url"], {})
        self.until(authorization, "valid")
        address = (x509.IPAddress(ip_address(HOST)),)
        self.post(told["finalize"], {"csr": signing.csr(ec_key(), others=address)})
        self.post(self.until(place, "valid")["certificate"])


def figures(subject: Subject, web: Web, orders: int = ORDERS) -> Figures:
    """What orders take, one after the other."""
    base = prepare(subject)
    client = Client(subject, web)
    client.account.url = client.post(f"{base}/new-account", {}).headers["location"]
    client.order(base)
    before, times = cpu_seconds(subject.pid), []
    for _ in range(orders):
        began = time.perf_counter()
        client.order(base)
        times.append((time.perf_counter() - began) * 1000)
    cpu = (cpu_seconds(subject.pid) - before) * 1000 / orders
    subject.server.api.delete("sys/mounts/pki")
    return Figures(statistics.median(times), cpu)


def prepare(subject: Subject) -> str:
    """A mount with ACME; gives the address of its default directory."""
    api, base = subject.server.api, f"{subject.server.address}/v1/pki"
    headers = ["Replay-Nonce", "Link", "Location"]
    answers = [
        api.post("sys/mounts/pki", {"type": "pki"}),
        api.post("sys/mounts/pki/tune", {"allowed_response_headers": headers, "max_lease_ttl": "8760h"}),
        api.post("pki/root/generate/internal", {"common_name": "r", "key_type": "ec", "ttl": "8000h"}),
        api.post("pki/config/cluster", {"path": base}),
        api.post("pki/config/acme", {"enabled": True, "eab_policy": "not-required"}),
    ]
    if failed := [answer for answer in answers if answer.status >= 300]:
        raise RuntimeError(f"preparation failed: {failed}")
    return f"{base}/acme"


def main() -> int:
    os.sched_setaffinity(0, {LOAD_CORE} if (os.cpu_count() or 1) > 1 else {0})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        web = stack.enter_context(site())
        for start in (peer, strongroom):
            with start(folder / start.__name__) as subject:
                found = figures(subject, web)
                print(f"{subject.name}: {found.p50:.1f} ms an order, {found.cpu:.1f} ms of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
