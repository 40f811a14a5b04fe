"""One-time secrets for containers: the scripts of examples/autopilot-secrets, run as they stand.

A real server with the example's own configuration, its commands through a link named ``vault``.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server import STRONGROOM, Server, free_port, listening, running, spawn, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "autopilot-secrets"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@dataclass(slots=True)
class Site:
    """The server, and what an operator has set up there."""

    server: Server
    tools: Path
    ci_token: str = ""
    role_id: str = ""

    def run(self, *line: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.tools}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            line,
            env=self.server.environment | {"PATH": path} | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def script(self, name: str, *line: str, stdin: str = "", **environment: str) -> str:
        done = self.run(str(EXAMPLE / name), *line, stdin=stdin, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment_of_a_container(self, **wishes: str) -> dict[str, str]:
        """What CI prints."""
        printed = self.script("ci.sh", VAULT_TOKEN=self.ci_token, ROLE_ID=self.role_id, **wishes)
        return dict(line.split("=", 1) for line in printed.splitlines())

    def container(self, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Start a container, whose program says what token it has."""
        folder.mkdir(exist_ok=True)
        known = {"SECRETS": str(folder), "VAULT_TOKEN": ""} | environment
        return self.run(str(EXAMPLE / "container.sh"), "sh", "-c", "printf %s $VAULT_TOKEN", **known)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with the one link that scripts written for Vault need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "vault").symlink_to(STRONGROOM[0])
    return folder


@pytest.fixture
def server(tmp_path: Path, tools: Path) -> Iterator[Server]:
    """A server of the example's configuration, with a port and places of the test's own."""
    port = free_port()
    text = (EXAMPLE / "server.hcl").read_text()
    for known, own in (
        ("/var/lib/strongroom", str(tmp_path / "storage")),
        ("/var/log/strongroom", str(tmp_path)),
        ("127.0.0.1:8200", f"127.0.0.1:{port}"),
    ):
        assert known in text
        text = text.replace(known, own)
    (tmp_path / "storage").mkdir()
    (tmp_path / "server.hcl").write_text(text)
    program, line = (str(tools / "vault"),), ("server", f"-config={tmp_path / 'server.hcl'}")
    started = Server(program, tmp_path, port, spawn(program, line, tmp_path), line)
    with running(started):
        wait_until(lambda: listening(port), started)
        started.initialize()
        started.unseal()
        yield started


@pytest.fixture
def site(server: Server, tools: Path) -> Site:
    assert shutil.which("curl")
    assert shutil.which("jq")
    one = Site(server, tools)
    one.ci_token = one.script("setup.sh").strip()
    one.role_id = server.api.get("auth/approle/role/jenkins/role-id").data["role_id"]
    for name, value in (("triton_cert", CERTIFICATE), ("triton_key", "the key")):
        assert one.run("vault", "write", f"secret/jenkins/{name}", "value=-", stdin=value).returncode == 0
    return one


def lost(folder: Path) -> bool:
    """Whether a container got nothing at all."""
    return not list(folder.iterdir())


def test_a_container_gets_its_secrets_once(site: Site, tmp_path: Path) -> None:
    environment = site.environment_of_a_container(BUILD="77")
    first = site.container(tmp_path / "one", environment)
    assert first.returncode == 0, first.stderr
    for name, value in (("triton_cert", CERTIFICATE), ("triton_key", "the key")):
        file = tmp_path / "one" / name
        assert file.read_text() == value
        assert stat.S_IMODE(file.stat().st_mode) == 0o400
    token = site.server.api.get("auth/token/lookup-self", token=first.stdout).data
    assert token["meta"] == {"build": "77", "role_name": "jenkins"}
    assert token["renewable"] is True
    assert site.server.api.post("auth/token/renew-self", {}, token=first.stdout).status == 200

    second = site.container(tmp_path / "two", environment)
    assert second.returncode != 0
    assert "ALARM" in second.stderr
    assert "invalid role or secret ID" in second.stderr
    assert lost(tmp_path / "two")


def test_both_logins_are_in_the_audit_log_and_the_secret_id_is_not(site: Site, tmp_path: Path) -> None:
    environment = site.environment_of_a_container()
    assert site.container(tmp_path / "one", environment).returncode == 0
    assert site.container(tmp_path / "two", environment).returncode != 0
    log = tmp_path / "audit.log"
    printed = site.script("who-used.sh", str(log), stdin=environment["SECRET_ID"])
    told = [line.split()[1:] for line in printed.splitlines()]
    assert told == [["127.0.0.1", "in"], ["127.0.0.1", "refused"]]
    text = log.read_text()
    assert environment["SECRET_ID"] not in text
    assert CERTIFICATE.splitlines()[1] not in text
    minted = [
        line
        for line in map(json.loads, text.splitlines())
        if line["type"] == "response" and line["request"]["path"] == "auth/approle/role/jenkins/secret-id"
    ]
    assert [line["auth"]["display_name"] for line in minted] == ["token-ci"]


def test_a_wrapped_secret_id_that_nobody_saw(site: Site, tmp_path: Path) -> None:
    environment = site.environment_of_a_container(WRAP_TTL="60s", NETWORK="127.0.0.1/32")
    assert "SECRET_ID" not in environment
    first = site.container(tmp_path / "one", environment)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "one" / "triton_cert").read_text() == CERTIFICATE
    second = site.container(tmp_path / "two", environment)
    assert "ALARM: the wrapping token" in second.stderr
    assert lost(tmp_path / "two")


def test_a_wrapped_secret_id_that_somebody_opened_and_wrapped_again(site: Site, tmp_path: Path) -> None:
    environment = site.environment_of_a_container(WRAP_TTL="60s")
    api = site.server.api
    seen = api.post("sys/wrapping/unwrap", {}, token=environment["WRAPPED_SECRET_ID"]).data
    forged = api.post(
        "sys/wrapping/wrap", seen, token=site.ci_token, headers={"X-Vault-Wrap-TTL": "60s"}
    ).json["wrap_info"]["token"]
    done = site.container(tmp_path / "one", environment | {"WRAPPED_SECRET_ID": forged})
    assert done.returncode != 0
    assert "not made by the role" in done.stderr
    assert lost(tmp_path / "one")


def test_a_secret_id_for_another_network(site: Site, tmp_path: Path) -> None:
    environment = site.environment_of_a_container(NETWORK="10.4.2.7/32")
    done = site.container(tmp_path / "one", environment)
    assert done.returncode != 0
    assert "CIDR" in done.stderr
    assert lost(tmp_path / "one")


def test_without_leave_ci_prints_nothing(site: Site) -> None:
    done = site.run(str(EXAMPLE / "ci.sh"), VAULT_TOKEN="nobody", ROLE_ID=site.role_id)
    assert (done.returncode != 0, done.stdout) == (True, "")


def test_ci_can_mint_and_nothing_else(site: Site) -> None:
    api, role = site.server.api, "auth/approle/role/jenkins"
    for method, path, body in (
        ("GET", f"{role}/role-id", None),
        ("GET", role, None),
        ("POST", role, {"secret_id_num_uses": 0}),
        ("LIST", f"{role}/secret-id", None),
        ("POST", f"{role}/custom-secret-id", {"secret_id": "x"}),
        ("GET", "secret/jenkins/triton_cert", None),
        ("POST", "auth/approle/role/other/secret-id", {}),
    ):
        assert api.request(method, path, body, token=site.ci_token).status == 403, path
    for beyond in ({"num_uses": 2}, {"num_uses": 0}, {"ttl": "1h"}, {"ttl": 0}):
        assert api.post(f"{role}/secret-id", beyond, token=site.ci_token).status == 400
