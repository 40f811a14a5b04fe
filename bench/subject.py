"""A server made ready to be measured: durable storage, file audit, mounts, a policy, a token, a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Maker, request
from bench.process import pin
from tests.server import PEER, STRONGROOM, Server, running, start_configured

SERVER_CORE, LOAD_CORE = 0, 1

POLICY = """
path "kv1/*" { capabilities = ["read", "create", "update"] }
path "kv2/*" { capabilities = ["read", "create", "update"] }
path "transit/*" { capabilities = ["create", "update"] }
path "auth/token/create" { capabilities = ["create", "update"] }
"""
SECRET = {"username": "application", "password": "correct horse battery staple", "host": "db.example"}
ROLE = {"token_policies": ["bench"], "token_ttl": "24h"}
LOGIN = {"role_id": "bench-role", "secret_id": "5f0c3b1e-5f61-4c58-9b0e-0d9b1c1f3a77"}


@dataclass(slots=True)
class Subject:
    """One of the two, running; ``token`` has an ordinary policy, as an application's would."""

    name: str
    program: tuple[str, ...]
    server: Server
    token: str

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def maker(self, method: str, path: str, body: object = None, *, paths: int = 0) -> Maker:
        """Requests of one kind; with ``paths`` the n-th goes to ``path`` followed by n modulo ``paths``."""
        content = b"" if body is None else json.dumps(body).encode()
        prepared = [request(method, f"{path}{n}", self.token, content) for n in range(paths)]
        if prepared:
            return lambda number: prepared[number % paths]
        single = request(method, path, self.token, content)
        return lambda _: single


@contextmanager
def strongroom(folder: Path, *, readers: int = 0, both_cores: bool = False) -> Iterator[Subject]:
    with _subject(
        "Strongroom", STRONGROOM, "lmdb", folder, f"readers = {readers}", both_cores=both_cores
    ) as subject:
        yield subject


@contextmanager
def peer(folder: Path, *, both_cores: bool = False) -> Iterator[Subject]:
    with _subject("peer", PEER, "raft", folder, "", both_cores=both_cores) as subject:
        yield subject


@contextmanager
def _subject(
    name: str, program: tuple[str, ...], storage: str, folder: Path, extra: str, *, both_cores: bool
) -> Iterator[Subject]:
    with running(start_configured(program, folder, storage=storage, extra=extra)) as server:
        server.initialize()
        server.unseal()
        if not both_cores:
            pin(server.process.pid, SERVER_CORE)
        yield Subject(name, program, server, prepare(server))


def prepare(server: Server) -> str:
    """Mounts, a policy, a secret and a role that logs in; returns a token with that policy."""
    api = server.api
    answers = [
        api.post("sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}}),
        api.post("sys/mounts/kv2", {"type": "kv", "options": {"version": "2"}}),
        api.post("sys/mounts/transit", {"type": "transit"}),
        api.post("transit/keys/aes", {}),
        api.post("transit/keys/p256", {"type": "ecdsa-p256"}),
        api.put("sys/policies/acl/bench", {"policy": POLICY}),
        api.post("kv1/a", SECRET),
        api.post("sys/auth/approle", {"type": "approle"}),
        api.post("auth/approle/role/bench", ROLE | {"role_id": LOGIN["role_id"]}),
        api.post("auth/approle/role/bench/custom-secret-id", {"secret_id": LOGIN["secret_id"]}),
    ]
    while (written := api.post("kv2/data/a", {"data": SECRET})).status == 400:
        pass  # a new versioned mount refuses until its upgrade is done
    created = api.post("auth/token/create", {"policies": ["bench"], "period": "24h"})
    failed = [answer for answer in (*answers, written, created) if answer.status not in (200, 204)]
    if failed:
        raise RuntimeError(f"preparation failed: {failed}")
    return str(created.auth["client_token"])
