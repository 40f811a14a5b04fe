from __future__ import annotations

import stat
from pathlib import Path

import pytest

from strongroom.client.error import ClientError
from strongroom.client.token_helper import TokenFile, TokenProgram, configured_program, token_helper


def test_file(tmp_path: Path) -> None:
    helper = token_helper({"HOME": str(tmp_path)})
    assert isinstance(helper, TokenFile)
    assert helper.get() == ""
    helper.store("first")
    helper.store("second")
    file = tmp_path / ".vault-token"
    assert file.read_text() == "second"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert helper.get() == "second"
    assert [entry.name for entry in tmp_path.iterdir()] == [".vault-token"]
    helper.erase()
    helper.erase()
    assert helper.get() == ""


def test_file_behind_a_link_stays_behind_it(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / ".vault-token").symlink_to(tmp_path / "real")
    token_helper({"HOME": str(tmp_path)}).store("new")
    assert (tmp_path / ".vault-token").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_elsewhere(tmp_path: Path) -> None:
    token_helper({"HOME": "/nonexistent", "BAO_TOKEN_PATH": str(tmp_path / "t")}).store("x")
    assert (tmp_path / "t").read_text() == "x"


def test_folder_that_is_not_there() -> None:
    with pytest.raises(ClientError, match="error storing token"):
        token_helper({"HOME": "/nonexistent"}).store("x")


def test_program(tmp_path: Path) -> None:
    program = tmp_path / "helper"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in\nget) cat {tmp_path}/kept 2>/dev/null;;\nstore) cat > {tmp_path}/kept;;\n'
        f'erase) rm -f {tmp_path}/kept;;\nesac\necho "$@" >> {tmp_path}/calls\n'
    )
    program.chmod(0o700)
    (tmp_path / ".vault").write_text(f'# mine\ntoken_helper = "{program}"\n')
    helper = token_helper({"HOME": str(tmp_path)})
    assert isinstance(helper, TokenProgram)
    helper.store("s3cret")
    assert helper.get() == "s3cret"
    helper.erase()
    assert helper.get() == ""
    assert (tmp_path / "calls").read_text().split() == ["store", "get", "erase", "get"]


def test_program_that_fails(tmp_path: Path) -> None:
    program = tmp_path / "helper"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o700)
    with pytest.raises(ClientError, match="get: broken"):
        TokenProgram(str(program)).get()
    with pytest.raises(ClientError):
        TokenProgram("/nonexistent").get()


@pytest.mark.parametrize(
    ("text", "program"),
    (
        ('token_helper = "/a/b"', "/a/b"),
        ('token_helper="pass" # a name', "vault-token-pass"),
        ('"token_helper" = "/a"', "/a"),
        ("token_helper = ", ""),
        ("other = 1", ""),
        ("", ""),
    ),
)
def test_config(tmp_path: Path, text: str, program: str) -> None:
    (tmp_path / ".vault").write_text(text)
    assert configured_program(str(tmp_path / ".vault")) == program


def test_no_config(tmp_path: Path) -> None:
    assert configured_program(str(tmp_path / "none")) == ""
    assert configured_program(str(tmp_path)) == ""
