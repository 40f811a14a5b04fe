"""The same questions to the real peer: generated policies against its own capabilities and sentences."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.logical import Operation
from strongroom.policy import ACL, parse_policy
from strongroom.policy.rule import CAPABILITIES
from tests.policy.test_acl import ALL, NOW, RESTRICTED, rule
from tests.policy.test_parser import CONTROL, CONTROL_GROUPS, PEERS_SENTENCES
from tests.policy.test_password import SENTENCES

BAO = Path(sys.executable).with_name("bao")
TOKEN = "root"  # of a server that lives for one test


class Peer:
    def __init__(self, port: int) -> None:
        self._port = port

    def call(
        self, method: str, path: str, data: Any = None, *, token: str = TOKEN, wrap_ttl: int = 0
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"X-Vault-Token": token} | ({"X-Vault-Wrap-TTL": str(wrap_ttl)} if wrap_ttl else {})
        try:
            connection.request(method, f"/v1/{path}", None if data is None else json.dumps(data), headers)
            response = connection.getresponse()
            body = response.read()
            return response.status, json.loads(body) if body else {}
        finally:
            connection.close()

    def token(self, *texts: str) -> str:
        """A token that holds just these policies."""
        names = [f"generated-{index}" for index, _ in enumerate(texts)]
        for name, text in zip(names, texts, strict=True):
            status, body = self.call("PUT", f"sys/policies/acl/{name}", {"policy": text})
            assert status == 204, (text, body)
        _, body = self.call("POST", "auth/token/create", {"policies": names, "no_default_policy": True})
        return str(body["auth"]["client_token"])


def free_port() -> int:
    """A port whose successor is free too: the peer's cluster listener takes that one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    home = tmp_path_factory.mktemp("peer")
    port = free_port()
    command = [
        str(BAO),
        "server",
        "-dev",
        f"-dev-root-token-id={TOKEN}",
        f"-dev-listen-address=127.0.0.1:{port}",
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={"HOME": str(home), "PATH": os.defpath}
        )
    try:
        yield ready(Peer(port), process)
    finally:
        process.terminate()
        process.wait(30)


def ready(peer: Peer, process: subprocess.Popen[bytes]) -> Peer:
    for _ in range(300):
        assert process.poll() is None, "the peer ended at once"
        try:
            if peer.call("GET", "sys/internal/ui/mounts/secret")[0] == 200:
                return peer
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail("the peer did not come up")


SEGMENTS = ("a", "b", "ab", "+", "c", "")
PATHS = (
    "a",
    "a/",
    "a/b",
    "a/b/",
    "ab",
    "b/a/c",
    "a/b/c",
    "a/b/c/",
    "c//b",
    "a/ab/b",
    "ab/c/",
    "b",
    "a//",
    "c/a/",
)


def random_rule(source: random.Random) -> str:
    path = "/".join(source.choice(SEGMENTS) for _ in range(source.randint(1, 4))).removeprefix("/") or "a"
    path += source.choice(("", "", "*", "a*", "/*", "/"))
    path = path.replace("+*", "+/*").replace("+a*", "+/a*")
    return rule(path, *source.sample(sorted(CAPABILITIES), source.choice((1, 1, 1, 2, 3))))


def denied_through_the_slash(acl: ACL, path: str) -> bool:
    """Where ours is stricter: a wildcard of higher priority that denies ``a/b`` also denies ``a/b/``."""
    return path.endswith("/") and acl.capabilities(path) == acl.capabilities(path[:-1]) == ["deny"]


@pytest.mark.parametrize("seed", range(30))
def test_capabilities_of_generated_policies(peer: Peer, seed: int) -> None:
    source = random.Random(seed)
    texts = [
        "".join(random_rule(source) for _ in range(source.randint(1, 8))) for _ in range(source.randint(1, 3))
    ]
    token = peer.token(*texts)
    status, body = peer.call("POST", "sys/capabilities", {"token": token, "paths": PATHS})
    assert status == 200
    acl = ACL([parse_policy(f"generated-{index}", text) for index, text in enumerate(texts)], now=NOW)
    for path in PATHS:
        if acl.capabilities(path) != body["data"][path]:
            assert denied_through_the_slash(acl, path), (texts, path, body["data"][path])


def test_resultant_acl(peer: Peer) -> None:
    texts = (
        rule("sys/internal/ui/resultant-acl", "read") + rule("z/*", *ALL, "sudo") + rule("v", "deny"),
        rule("w", "list", more='allowed_parameters={a=["1"]} min_wrapping_ttl=10 max_wrapping_ttl="1m"'),
        rule("w", "read", more='denied_parameters={b=[]} required_parameters=["q"] min_wrapping_ttl=20'),
    )
    _, body = peer.call("GET", "sys/internal/ui/resultant-acl", token=peer.token(*texts))
    acl = ACL([parse_policy(f"generated-{index}", text) for index, text in enumerate(texts)], now=NOW)
    assert acl.resultant() == body["data"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    (
        *PEERS_SENTENCES,
        *((f'path "x" {{ control_group = {b} }}', CONTROL.format(s)) for b, s in CONTROL_GROUPS),
    ),
)
def test_sentences_are_the_peers(peer: Peer, text: str, sentence: str) -> None:
    status, body = peer.call("PUT", "sys/policies/acl/refused", {"policy": text})
    assert (status, body) == (400, {"errors": [f"failed to parse policy: {sentence}"]})


@pytest.mark.parametrize(("text", "sentence"), [row for row in SENTENCES if row[0]])
def test_sentences_about_passwords_are_the_peers(peer: Peer, text: str, sentence: str) -> None:
    status, body = peer.call("PUT", "sys/policies/password/refused", {"policy": text})
    assert (status, body) == (400, {"errors": [sentence]})


METHODS = {Operation.CREATE: "POST", Operation.READ: "GET", Operation.LIST: "LIST", Operation.SCAN: "SCAN"}


def test_restrictions_on_real_requests(peer: Peer) -> None:
    assert peer.call("POST", "sys/mounts/t", {"type": "kv"})[0] == 204
    assert peer.call("POST", "t/p", {"a": "1"})[0] == 204
    for more, operation, data, wrap_ttl, reason in RESTRICTED:
        if operation not in METHODS or (operation is Operation.CREATE and not data):
            continue
        token = peer.token(rule("t/*", *ALL, more=more))
        query = "&".join(f"{name}={value}" for name, value in data.items())
        body = data if operation is Operation.CREATE else None
        path = "t/p" if operation in (Operation.CREATE, Operation.READ) else "t/"
        path += f"?{query}" if query and body is None else ""
        status, _ = peer.call(METHODS[operation], path, body, token=token, wrap_ttl=wrap_ttl)
        assert (status == 403) == (reason != "allowed"), (more, operation, data, status)
