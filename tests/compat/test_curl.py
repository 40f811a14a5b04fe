"""curl as scripts and start hooks use it: the commands people wrote for their containers and instances."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


class Curl:
    """Runs curl with the root token in the header."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __call__(self, path: str, *arguments: str, token: str | None = "") -> tuple[int, Any]:
        """The status, and the body as JSON."""
        held = self._server.root_token if token == "" else token
        header = () if held is None else ("-H", f"X-Vault-Token: {held}")
        done = subprocess.run(
            ("curl", "-sS", "-w", "\n%{http_code}", *header, *arguments, f"{self._server.address}/v1/{path}"),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body.strip() else None


@pytest.fixture
def curl(server: Server) -> Curl:
    return Curl(server)


@pytest.fixture
def kv1(server: Server) -> Iterator[str]:
    mount = f"curl{uuid.uuid4().hex[:10]}"
    assert server.api.post(f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "1"}}).status == 204
    yield mount
    server.api.delete(f"sys/mounts/{mount}")


def test_a_container_reads_its_certificate(server: Server, curl: Curl, kv1: str) -> None:
    assert curl(f"{kv1}/jenkins/triton_cert", "-X", "POST", "-d", '{"value": "PEM"}') == (204, None)
    rules = json.dumps({"policy": f'path "{kv1}/jenkins/*" {{ capabilities = ["read"] }}'})
    assert curl(f"sys/policy/{kv1}", "-X", "PUT", "-d", rules)[0] == 204
    body = json.dumps({"policies": [kv1], "num_uses": 2, "ttl": "10m"})
    status, made = curl("auth/token/create", "--request", "POST", "--data", body)
    assert status == 200
    token = made["auth"]["client_token"]
    status, secret = curl(f"{kv1}/jenkins/triton_cert", token=token)
    assert (status, secret["data"]["value"]) == (200, "PEM")
    assert curl(f"{kv1}/other", token=token) == (
        403,
        {"errors": ["1 error occurred:\n\t* permission denied\n\n"]},
    )
    assert curl(f"{kv1}/jenkins/triton_cert", token=token)[0] == 403  # its two uses are over


def test_an_instance_reads_what_its_policy_names(server: Server, curl: Curl) -> None:
    name = f"example_{uuid.uuid4().hex[:8]}"
    status, written = curl(f"secret/data/{name}", "-d", json.dumps({"data": {"password": "p"}}))
    assert (status, written["data"]["version"]) == (200, 1)
    rules = 'path "secret/data/example_*" { capabilities = ["create", "read"] }'
    curl(f"sys/policies/acl/{name}", "-X", "PUT", "-d", json.dumps({"policy": rules}))
    _, made = curl("auth/token/create", "-d", json.dumps({"policies": [name], "ttl": "500h"}))
    token = made["auth"]["client_token"]
    status, secret = curl(f"secret/data/{name}", token=token)
    assert (status, secret["data"]["data"]) == (200, {"password": "p"})
    body = json.dumps({"data": {"password": "q"}})
    assert curl(f"secret/data/{name}", "-d", body, token=token)[0] == 403  # create, not update
    assert curl(f"secret/data/{name}-2", "-d", body, token=token)[0] == 200


def test_verbs(curl: Curl, kv1: str) -> None:
    for name in ("a", "b/c"):
        assert curl(f"{kv1}/{name}", "-X", "PUT", "-d", '{"k": "v"}')[0] == 204
    assert curl(kv1, "-X", "LIST")[1]["data"]["keys"] == ["a", "b/"]
    assert curl(f"{kv1}/?list=true")[1]["data"]["keys"] == ["a", "b/"]
    assert curl(f"{kv1}/", "-X", "SCAN")[1]["data"]["keys"] == ["a", "b/c"]
    assert curl(f"{kv1}/a", "-X", "DELETE") == (204, None)
    assert curl(f"{kv1}/a") == (404, {"errors": []})
    assert curl("sys/health", "-I", "-o", "/dev/null", token=None)[0] == 200


def test_a_patch(curl: Curl) -> None:
    path = f"secret/data/{uuid.uuid4().hex}"
    curl(path, "-d", '{"data": {"a": 1, "b": 2}}')
    kind = ("-H", "Content-Type: application/merge-patch+json")
    assert curl(path, "-X", "PATCH", *kind, "-d", '{"data": {"b": null, "c": 3}}')[0] == 200
    assert curl(path)[1]["data"]["data"] == {"a": 1, "c": 3}


def test_ways_to_send_the_token_and_the_body(server: Server, curl: Curl, kv1: str) -> None:
    bearer = ("-H", f"Authorization: Bearer {server.root_token}")
    assert curl("auth/token/lookup-self", *bearer, token=None)[0] == 200
    assert curl("auth/token/lookup-self", token=None)[0] == 403
    file = server.folder / f"{kv1}.json"
    file.write_text(json.dumps({"blob": "x" * 200_000}))  # above what curl sends without asking first
    assert curl(f"{kv1}/large", "-X", "POST", "-d", f"@{file}")[0] == 204
    assert curl(f"{kv1}/large", "-X", "POST", "-T", str(file), "-H", "Transfer-Encoding: chunked")[0] == 204
    assert len(curl(f"{kv1}/large")[1]["data"]["blob"]) == 200_000
    assert curl(f"{kv1}/a%20b", "-d", '{"k": "é"}')[0] == 204
    assert curl(f"{kv1}/a%20b")[1]["data"] == {"k": "é"}
    assert curl(f"{kv1}//a%20b", "-L")[1]["data"] == {"k": "é"}


def test_two_requests_on_one_connection(server: Server, kv1: str) -> None:
    url = f"{server.address}/v1/{kv1}"
    told = ("-sS", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", "-H", "X-Vault-Token: root")
    line = ("curl", *told, "-d", '{"a":1}', f"{url}/x", "--next", *told, "-X", "LIST", url)
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["204", "1", "200", "0"]
