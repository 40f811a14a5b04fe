"""``server -dev`` as people use it: a process, a terminal, a home directory."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from tests.cli.conftest import call
from tests.server import STRONGROOM, running, start_dev
from tests.test_server import log_of, process


def free(words: tuple[str, ...] = ()) -> tuple[str, ...]:
    return ("-dev", "-dev-listen-address=127.0.0.1:0", *words)


def shown(tmp_path: Path, name: str) -> str:
    """What the terminal shows after ``name``."""
    return next(line for line in log_of(tmp_path).splitlines() if name in line).partition(name)[2].strip("'")


def wait_for(tmp_path: Path, name: str) -> str:
    while name not in log_of(tmp_path):  # pytest's timeout ends what never comes
        time.sleep(0.01)
    return shown(tmp_path, name)


def test_the_terminal_says_how_to_get_in(tmp_path: Path) -> None:
    with process(tmp_path, *free()):
        token = wait_for(tmp_path, "Root Token: ")
        address = shown(tmp_path, "export VAULT_ADDR='")
        stored = tmp_path / "home" / ".vault-token"
        assert stored.read_text() == token
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600
        found = call("kv", "put", "secret/a", "b=c", HOME=str(tmp_path / "home"), VAULT_ADDR=address)
        assert found.code == 0, found.err


def test_the_token_is_not_stored_where_that_is_not_wanted(tmp_path: Path) -> None:
    with process(tmp_path, *free(("-dev-no-store-token",))):
        wait_for(tmp_path, "Root Token: ")
        assert not (tmp_path / "home" / ".vault-token").exists()
        assert "stored" not in log_of(tmp_path)


def test_the_users_token_helper_gets_the_token(tmp_path: Path) -> None:
    home, program = tmp_path / "home", tmp_path / "helper"
    home.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" = store ] && cat > {tmp_path}/kept\n')
    program.chmod(0o700)
    (home / ".vault").write_text(f'token_helper = "{program}"\n')
    with process(tmp_path, *free(("-dev-root-token-id=mine",))):
        assert wait_for(tmp_path, "Root Token: ") == "mine"
        assert (tmp_path / "kept").read_text() == "mine"
        assert not (home / ".vault-token").exists()


@pytest.mark.parametrize("given", (True, False), ids=("directory named", "directory made"))
def test_tls_with_certificates_made_for_it(tmp_path: Path, given: bool) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    more = (f"-dev-tls-cert-dir={folder}",) if given else ()
    flags = ("-dev-tls", "-dev-listen-address=127.0.0.1:0", "-dev-root-token-id=root", *more)
    with process(tmp_path, *flags) as started:
        wait_for(tmp_path, "Root Token: ")
        ca, address = Path(shown(tmp_path, "export VAULT_CACERT='")), shown(tmp_path, "export VAULT_ADDR='")
        assert (ca.name, ca.parent == folder) == ("vault-ca.pem", given)
        assert {stat.S_IMODE(file.stat().st_mode) for file in ca.parent.iterdir()} == {0o600}
        home = str(tmp_path / "home")
        for host in (address, address.replace("127.0.0.1", "localhost")):
            trusted = call("token", "lookup", HOME=home, VAULT_ADDR=host, VAULT_CACERT=str(ca))
            assert trusted.code == 0, trusted.err
        untrusted = call("token", "lookup", HOME=home, VAULT_ADDR=address)
        assert "the server's certificate is not trusted" in untrusted.err
        started.terminate()
        assert started.wait(15) == 0
    assert not ca.exists()
    assert folder.exists()


def test_the_server_describes_itself_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cluster.json"
    with running(start_dev(STRONGROOM, tmp_path, f"-dev-cluster-json={file}")) as server:
        wait_for(tmp_path, "Root Token: ")
        while not file.exists() or not file.read_bytes():
            time.sleep(0.01)
        facts = json.loads(file.read_bytes())
        assert facts["nodes"] == [{"api_address": server.address}]
        assert facts["root_token"] == "root"


def test_version_1_of_kv_where_that_is_wanted(tmp_path: Path) -> None:
    with running(start_dev(STRONGROOM, tmp_path, "-dev-kv-v1")) as server:
        assert server.api.post("secret/a", {"value": "b"}).status == 204
        assert server.api.get("secret/a").data == {"value": "b"}


def test_data_that_stays_is_opened_with_its_own_keys(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    flags = free((f"-dev-storage={tmp_path / 'data'}", "-dev-root-token-id=root"))
    with process(tmp_path, *flags) as started:
        key = wait_for(tmp_path, "Unseal Key: ")
        started.terminate()
        assert started.wait(15) == 0
    (tmp_path / "server.log").unlink()
    with process(tmp_path, *flags):
        wait_for(tmp_path, "unseal it with its own keys")
        address = shown(tmp_path, "export VAULT_ADDR='")
        unsealed = call("operator", "unseal", key, HOME=str(tmp_path), VAULT_ADDR=address)
        assert unsealed.code == 0, unsealed.err
        assert call("token", "lookup", HOME=str(tmp_path), VAULT_ADDR=address, VAULT_TOKEN="root").code == 0
