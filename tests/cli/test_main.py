from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom import __version__
from strongroom.cli.command import Command
from strongroom.cli.old import translate
from strongroom.cli.tree import COMMON, GROUPS, OTHER, every_command
from tests.cli.conftest import Cli

PROGRAM = Path(sys.executable).with_name("strongroom")


@pytest.mark.parametrize("word", ("version", "-v", "-version", "--version"))
def test_version(local: Cli, word: str) -> None:
    assert local(word).out == f"Strongroom v{__version__}\n"


def test_no_command_and_unknown_commands(local: Cli) -> None:
    for argv in ((), ("nosuch",), ("nosuch", "-h")):
        done = local(*argv)
        assert (done.code, done.out) == (127, "")
        assert done.err.startswith("Usage: strongroom <command>")


@pytest.mark.parametrize("word", ("-h", "-help", "--help"))
def test_help(local: Cli, word: str) -> None:
    done = local(word)
    assert (done.code, done.err) == (0, "")
    assert all(f"  {name} " in done.out for name in (*COMMON, *OTHER))


@pytest.mark.parametrize("words", sorted(GROUPS))
def test_groups(local: Cli, words: str) -> None:
    alone, asked = local(*words.split()), local(*words.split(), "-h")
    assert (alone.code, alone.out) == (1, "")
    assert (asked.code, asked.out) == (0, alone.err)
    assert asked.out.startswith(f"Usage: strongroom {words} <command>")


@pytest.mark.parametrize("words", [command.words for command in every_command()])
def test_every_command_explains_itself(local: Cli, words: str) -> None:
    done = local(*words.split(), "-help", name="vault")
    assert (done.code, done.err) == (0, "")
    if words != "version":
        assert done.out.startswith(f"Usage: vault {words}")
        assert "{name}" not in done.out
        assert all(line.startswith("      $ ") for line in done.out.splitlines() if "$ vault" in line)
    assert max(map(len, done.out.splitlines())) <= 120


@pytest.mark.parametrize("command", every_command(), ids=lambda command: command.words)
def test_declarations(command: Command) -> None:
    assert command.help.split("\n")[0].endswith(".")
    names = [name for flag in command.flags for name in (flag.name, *flag.aliases)]
    assert len(names) == len(set(names))
    assert all(flag.help.endswith((".", "...")) for flag in command.flags)


def test_group_below_a_group(local: Cli) -> None:
    assert "metadata" in local("kv", "-h").out
    assert local("kv", "metadata").code == 1


@pytest.mark.parametrize(
    ("old", "new"),
    (
        ("init -status", "operator init -status"),
        ("policy-write a /nonexistent", "policy write a /nonexistent"),
        ("policies", "policy list"),
        ("policies a", "policy read a"),
        ("mount kv", "secrets enable kv"),
        ("mounts", "secrets list"),
        ("auth-enable userpass", "auth enable userpass"),
        ("auth -methods", "auth list"),
        ("auth s.token", "login s.token"),
        ("auth -method=userpass username=a password=b", "login -method=userpass username=a password=b"),
        ("unseal key", "operator unseal key"),
        ("token-create", "token create"),
        ("renew lease/id", "lease renew lease/id"),
        ("revoke -prefix lease", "lease revoke -prefix lease"),
    ),
)
def test_old_spellings(local: Cli, old: str, new: str) -> None:
    was, now = local(*old.split()), local(*new.split())
    assert (was.code, was.err) == (now.code, now.err)
    assert "Usage" not in was.err


def test_old_renew_took_the_increment_last() -> None:
    assert translate(["renew", "a/b", "60"]) == ["lease", "renew", "-increment=60", "a/b"]
    assert translate(["auth", "-h"]) == []
    assert translate(["read", "x"]) == []


def test_failures_name_no_value_that_could_be_secret(local: Cli) -> None:
    done = local("write", "x", "password=hunter2")
    assert done.code == 2
    assert "hunter2" not in done.err


def test_flags_after_arguments_are_mentioned(local: Cli) -> None:
    done = local("read", "x", "-field=y")
    assert "not read as flags: -field=y" in done.err


def process(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ}
    return subprocess.run([PROGRAM, *argv], env=env, capture_output=True, text=True, check=False)


def test_as_a_process(tmp_path: Path) -> None:
    assert process("version").stdout == f"Strongroom v{__version__}\n"
    assert process().returncode == 127
    refused = process("status", STRONGROOM_ADDR="http://127.0.0.1:1")
    assert refused.returncode == 1
    assert "connection refused" in refused.stderr


def test_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "vault").symlink_to(PROGRAM)
    done = subprocess.run([tmp_path / "vault", "kv", "-h"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: vault kv")


def test_version_loads_next_to_nothing() -> None:
    code = (
        "import sys; from strongroom.cli.main import main; main(['version']); "
        "print(*sorted(m for m in sys.modules if m.startswith('strongroom') or m in "
        "{'json', 'typing', 're', 'ssl', 'http.client', 'argparse', 'dataclasses'}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].split() == ["strongroom", "strongroom.cli", "strongroom.cli.main"]


def test_reading_a_secret_loads_no_more_than_it_needs(cli: Cli) -> None:
    address = cli("read", "-output-curl-string", "x").out.split('"')[-2].removesuffix("/v1/x")
    code = (
        "import sys; from strongroom.cli.main import main; "
        f"environ = {{'VAULT_TOKEN': 'root', 'VAULT_ADDR': '{address}'}}; "
        "code = main(['read', 'sys/mounts/secret'], environ=environ); "
        "print(*sorted(m for m in sys.modules if m in {'typing', 'dataclasses', 'argparse', 'orjson', "
        "'strongroom.cli.yaml', 'strongroom.cli.login', 'strongroom.cli.kv'})); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_a_reader_that_has_enough() -> None:
    line = f"{PROGRAM} kv get -help | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def on_a_terminal(answers: bytes, *argv: str, **environ: str) -> tuple[int, str]:
    """What is seen on a terminal where ``answers`` are typed, and the exit code."""
    env = {"PATH": os.environ["PATH"], "TERM": "dumb", **environ}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(PROGRAM, [str(PROGRAM), *argv], env)
    seen = b""
    try:
        while b"hidden" not in seen:
            seen += os.read(terminal, 4096)
        os.write(terminal, answers)
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:
        pass  # how Linux says that the other end of a terminal was closed
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_tokens_are_asked_for_without_echo(cli: Cli, tmp_path: Path) -> None:
    address = cli("read", "-output-curl-string", "x").out.split('"')[-2].removesuffix("/v1/x")
    code, seen = on_a_terminal(b"root\n", "login", "-no-print", VAULT_ADDR=address, HOME=str(tmp_path))
    assert code == 0, seen
    assert "Token (will be hidden):" in seen
    assert "root" not in seen
    assert (tmp_path / ".vault-token").read_text() == "root"
