from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.cli.rootgen import decoded_token, one_time_password
from tests.cli.conftest import Cli, Outcome, call
from tests.server import PEER, running, start_configured


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Cli]:
    """The command, and a server that is not initialised and lets anybody rekey."""
    open_to_all = "disable_unauthed_rekey_endpoints = false"
    with running(start_configured(PEER, tmp_path / "bare", listener=open_to_all)) as server:

        def run(*argv: str, **more: str) -> Outcome:
            return call(*argv, **{"HOME": str(tmp_path), "STRONGROOM_ADDR": server.address, **more})

        yield run


def shown(text: str, name: str) -> str:
    found = re.search(rf"^{name}:? +(.*)$", text, re.MULTILINE)
    assert found, text
    return found[1].strip()


def test_from_nothing_to_new_keys(bare: Cli) -> None:
    assert bare("operator", "init", "-status").code == 2
    assert bare("status").code == 2
    made = bare("init", "-key-shares=3", "-key-threshold=2")
    assert made.code == 0, made.err
    keys = re.findall(r"Unseal Key \d: (.*)", made.out)
    token = shown(made.out, "Initial Root Token")
    assert len(keys) == 3
    assert bare("operator", "init", "-status").code == 0

    first = bare("unseal", "-", stdin=f"{keys[0]}\n")
    assert (first.code, shown(first.out, "Unseal Progress")) == (0, "1/2")
    assert shown(bare("operator", "unseal", "-reset").out, "Unseal Progress") == "0/2"
    bare("operator", "unseal", keys[2])
    assert shown(bare("operator", "unseal", keys[1]).out, "Sealed") == "false"
    assert bare("status").code == 0

    _new_root(bare, keys, token)
    (new,) = _rekeyed(bare, keys)
    started = bare("operator", "rotate-keys", "-init", "-n=1", "-t=1", STRONGROOM_TOKEN=token)
    nonce = shown(started.out, "Nonce")
    done = bare("operator", "rotate-keys", "-format=json", f"-nonce={nonce}", new, STRONGROOM_TOKEN=token)
    assert json.loads(done.out)["complete"], done.err
    assert bare("operator", "seal", STRONGROOM_TOKEN=token).out == "Success! Vault is sealed.\n"
    assert bare("status").code == 2
    assert bare("read", "sys/mounts", STRONGROOM_TOKEN=token).code == 2


def _new_root(bare: Cli, keys: list[str], old: str) -> None:
    """Done with a token, since the peer has the way without one switched off."""
    started = bare("operator", "generate-root", "-init", STRONGROOM_TOKEN=old)
    nonce, password = shown(started.out, "Nonce"), shown(started.out, "OTP")
    assert bare("operator", "generate-root", keys[0], STRONGROOM_TOKEN=old).code == 1
    bare("operator", "generate-root", f"-nonce={nonce}", keys[0], STRONGROOM_TOKEN=old)
    last = bare("operator", "generate-root", "-", stdin=keys[1], STRONGROOM_TOKEN=old)
    assert last.code == 0, last.err
    encoded = shown(last.out, "Encoded Token")
    token = bare("generate-root", "-decode=-", f"-otp={password}", stdin=encoded).out
    assert "root" in bare("token", "lookup", "-field=policies", STRONGROOM_TOKEN=token).out


def _rekeyed(bare: Cli, keys: list[str]) -> list[str]:
    started = bare("operator", "rekey", "-init", "-key-shares=1", "-key-threshold=1", "-verify")
    assert started.code == 0, started.err
    nonce = shown(started.out, "Nonce")
    bare("operator", "rekey", f"-nonce={nonce}", keys[0])
    done = bare("operator", "rekey", f"-nonce={nonce}", keys[1])
    new = re.findall(r"^Key \d: (.*)$", done.out, re.MULTILINE)
    proof = re.search(r"-verify -nonce=(\S+)", done.out)
    assert proof, done.out
    waiting = bare("operator", "rekey", "-verify", "-status")
    assert shown(waiting.out, "Verification Progress") == "0/1"
    proven = bare("operator", "rekey", "-verify", f"-nonce={proof[1]}", new[0])
    assert proven.out.startswith("Success!"), proven.err
    return new


def test_initialising_for_scripts(bare: Cli) -> None:
    made: dict[str, Any] = json.loads(bare("operator", "init", "-n", "1", "-t", "1", "-format=json").out)
    assert len(made["unseal_keys_b64"]) == len(made["unseal_keys_hex"]) == 1
    assert made["unseal_threshold"] == 1
    assert made["root_token"]
    again = bare("operator", "init")
    assert (again.code, again.out) == (2, "")


def test_otp() -> None:
    assert len(one_time_password(26)) == 26
    assert one_time_password(26) != one_time_password(26)


def test_decoding_needs_the_right_password(local: Cli) -> None:
    for argv in (("-decode=A38",), ("-decode=A38", "-otp=x"), ("-decode=!!!!", "-otp=xxx")):
        assert local("operator", "generate-root", *argv).code == 1
    assert decoded_token("A38ZYms/UzJOCTxXDwlAGTodCC9ZHDsMfE8", "pQi22J0v4QPdzF9pmpxv2xthN6").startswith(
        "s.pPYu"
    )


def test_validate_config(local: Cli, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.hcl", tmp_path / "bad.hcl"
    good.write_text(
        'storage "inmem" {}\nlistener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'
    )
    bad.write_text("storage {")
    assert local("operator", "validate-config", f"-config={good}").code == 0
    assert local("operator", "validate-config", f"-config={bad}").code == 1
    assert local("operator", "validate-config", "-config=/nonexistent").code == 1
