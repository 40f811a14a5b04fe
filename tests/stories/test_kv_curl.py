"""The scripts of examples/kv-curl, run as they stand against real servers of both clients' kinds."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import PEER, STRONGROOM, Server, running, start_dev

EXAMPLE = Path(__file__).parents[2] / "examples" / "kv-curl"


@pytest.fixture(params=[STRONGROOM, PEER], ids=["strongroom", "peer"])
def versioned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running(start_dev(request.param, tmp_path / "server")) as one:
        yield one


@pytest.fixture
def plain(versioned: Server) -> Server:
    """The same with version 1 of kv at ``secret/``."""
    assert versioned.api.delete("sys/mounts/secret").status == 204
    assert versioned.api.post("sys/mounts/secret", {"type": "kv", "options": {"version": "1"}}).status == 204
    return versioned


def script(name: str, server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(EXAMPLE / name), *arguments],
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(name: str, server: Server) -> dict[str, str]:
    done = script(name, server)
    assert done.returncode == 0, done.stderr
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {key: value.strip() for key, _, value in pairs}


def test_a_container_gets_its_certificate(plain: Server, tmp_path: Path) -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert plain.api.post("secret/jenkins/triton_cert", {"value": certificate}).status == 204
    file = tmp_path / "triton_cert"
    done = script("container.sh", plain, str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.read_text() == certificate
    assert stat.S_IMODE(file.stat().st_mode) == 0o400


def test_a_container_without_its_secret_leaves_no_file(plain: Server, tmp_path: Path) -> None:
    done = script("container.sh", plain, str(tmp_path / "triton_cert"))
    assert done.returncode != 0
    assert "404" in done.stderr
    assert not list(tmp_path.glob("triton_cert*"))


def test_a_machine_may_create_and_read_and_no_more(plain: Server) -> None:
    assert shown("instance.sh", plain) == {
        "create": "204",
        "read": "first",
        "change": "403",
        "delete": "403",
        "others": "403",
    }


def test_the_life_of_a_secret_with_versions(versioned: Server) -> None:
    assert shown("versioned.sh", versioned) == {
        "first": "version 1",
        "second": "version 2",
        "late": "400",
        "latest": "two",
        "older": "one",
        "deleted": "404",
        "back": "two",
        "gone": "404",
        "listed": "1",
        "no trace": "404",
    }
