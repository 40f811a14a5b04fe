"""A server that fails as it is told to, and answers like one otherwise."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = {
    "id": "root", "accessor": "its accessor", "policies": ["root"], "meta": None, "ttl": 0, "creation_ttl": 0,
    "creation_time": 1_700_000_000, "expire_time": None, "explicit_max_ttl": 0, "num_uses": 0, "orphan": True,
    "path": "auth/token/root", "renewable": False, "type": "service", "entity_id": "", "display_name": "root",
}  # fmt: skip


class Leases:
    """Gives leased secrets, ``v1``, ``v2`` ...; ``trouble`` is what comes instead of an answer."""

    def __init__(self, duration: float = 2.0, longest: float = 3_600.0) -> None:
        self.duration = duration
        self.longest = longest
        self.issued: list[float] = []
        self.renewed = 0
        self.revoked = False
        self.trouble: int | str = 0
        self.troubled = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._epoch = 0

    def serving(self, *tls: Path) -> Serving:
        return Serving(self, tls)

    def hang_up(self) -> None:
        """End the connections that are open, each after its next answer."""
        self._epoch += 1

    @property
    def epoch(self) -> int:
        return self._epoch

    def answer(self, path: str) -> dict[str, Any] | None:
        if path.startswith("/v1/auth/cluster-one/login"):
            auth = {"client_token": "token of web at cluster-one", "accessor": "its accessor"}
            return {"auth": auth | {"lease_duration": 60, "renewable": True}}
        if path.startswith("/v1/auth/token/lookup-self"):
            return {"data": dict(ROOT)}
        if path.startswith("/v1/sys/leases/renew"):
            if self.revoked:
                return None
            self.renewed += 1
            left = self.issued[-1] + self.longest - time.monotonic()
            granted = max(min(self.duration, left), 0.01)
            whole = int(granted) if granted == int(granted) else granted
            return {"lease_id": "x", "lease_duration": whole, "renewable": True}
        if "/creds/" in path and "/mounts/" not in path:
            self.issued.append(time.monotonic())
            self.revoked = False
            value = f"v{len(self.issued)}"
            return {
                "lease_id": f"x/{value}", "lease_duration": int(self.duration + 0.5), "renewable": True,
                "data": {"v": value},
            }  # fmt: skip
        return None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    leases: Leases

    def setup(self) -> None:
        super().setup()
        self.epoch = self.leases.epoch

    def do_PUT(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.leases.trouble and "/creds/" in self.path and "/mounts/" not in self.path:
            self.leases.troubled += 1
            self.trouble(self.leases.trouble)
            return
        found = self.leases.answer(self.path)
        missing = 404 if "/mounts/" in self.path else 400
        self.reply(missing if found is None else 200, json.dumps(found or {"errors": ["gone"]}))

    def trouble(self, kind: int | str) -> None:
        if isinstance(kind, int):
            self.reply(kind, json.dumps({"errors": ["not now"]}))
        elif kind == "garbage":
            self.wfile.write(b"what?\r\n\r\n")
            self.close_connection = True
        elif kind == "slow":
            time.sleep(0.3)
            self.reply(503, "{}")
        else:
            self.close_connection = True

    def reply(self, code: int, text: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or self.epoch != self.leases.epoch

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Quiet(ThreadingHTTPServer):
    """Does not complain of clients that hang up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate is meant."""


class Serving:
    """A server's threads."""

    def __init__(self, leases: Leases, tls: tuple[Path, ...]) -> None:
        self._server = Quiet(("127.0.0.1", 0), type("Mine", (Handler,), {"leases": leases}))
        self._scheme = "http"
        if tls:
            leases.context.load_cert_chain(tls[0], tls[1])
            self._server.socket = leases.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of its own authority for 127.0.0.1, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
