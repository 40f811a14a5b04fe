from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, call
from tests.server import Server


@pytest.fixture
def users(cli: Cli) -> str:
    """Where a userpass method is mounted that knows ann, with the password pw."""
    mount = f"u{uuid.uuid4().hex[:8]}"
    assert cli("auth", "enable", f"-path={mount}", "userpass").code == 0
    assert cli("write", f"auth/{mount}/users/ann", "password=pw", "policies=default").code == 0
    return mount


def test_stores_the_token(cli: Cli, users: str, tmp_path: Path) -> None:
    done = cli("login", "-method=userpass", f"-path={users}", "username=ann", "password=-", stdin="pw")
    assert done.code == 0, done.err
    token = (tmp_path / ".vault-token").read_text()
    assert token in done.out
    assert "token_meta_username    ann" in done.out
    assert "STRONGROOM_TOKEN is set" in done.err
    assert cli("print", "token", STRONGROOM_TOKEN="").out == f"{token}\n"
    assert "ann" in cli("token", "lookup", "-field=display_name", STRONGROOM_TOKEN="").out


@pytest.mark.parametrize("flag", ("-no-store", "-token-only"))
def test_does_not_store_when_told_so(cli: Cli, users: str, tmp_path: Path, flag: str) -> None:
    done = cli("login", flag, "-method=userpass", f"-path={users}", "username=ann", "password=pw")
    assert done.code == 0
    assert not (tmp_path / ".vault-token").exists()
    assert ("Success!" in done.out) == (flag == "-no-store")


def test_wrong_password(cli: Cli, users: str, tmp_path: Path) -> None:
    done = cli("login", "-method=userpass", f"-path={users}", "username=ann", "password=wrong")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error authenticating: Error making API request.")
    assert "wrong" not in done.err
    assert not (tmp_path / ".vault-token").exists()


def test_an_expired_token_does_not_spoil_a_login(cli: Cli, users: str) -> None:
    argv = ("login", "-no-print", "-method=userpass", f"-path={users}", "username=ann", "password=pw")
    assert cli(*argv, STRONGROOM_TOKEN="expired").code == 0


def test_token_from_standard_input(cli: Cli, tmp_path: Path) -> None:
    assert cli("login", "-no-print", "-", stdin="root\n").code == 0
    assert (tmp_path / ".vault-token").read_text() == "root"


def test_token_without_looking_it_up(cli: Cli, tmp_path: Path) -> None:
    assert cli("login", "-no-print", "token=anything", "lookup=false").code == 0
    assert (tmp_path / ".vault-token").read_text() == "anything"


def test_approle(cli: Cli) -> None:
    mount = f"a{uuid.uuid4().hex[:8]}"
    assert cli("auth", "enable", f"-path={mount}", "approle").code == 0
    assert cli("write", f"auth/{mount}/role/web", "policies=default").code == 0
    role = cli("read", "-field=role_id", f"auth/{mount}/role/web/role-id").out
    secret = cli("write", "-f", "-field=secret_id", f"auth/{mount}/role/web/secret-id").out
    done = cli("login", "-method=approle", f"-path={mount}", f"role_id={role}", f"secret_id={secret}")
    assert done.code == 0, done.err
    assert 'policies                ["default"]' in done.out


def test_our_own_server(server: Server, tmp_path: Path) -> None:
    def run(*argv: str, **more: str) -> Outcome:
        environ = {"HOME": str(tmp_path), "STRONGROOM_ADDR": server.address}
        return call(*argv, **{**environ, **more})

    mount, root = f"u{uuid.uuid4().hex[:8]}", str(server.root_token)
    user = ("write", f"auth/{mount}/users/ann", "password=pw", "policies=default")
    assert run("auth", "enable", f"-path={mount}", "userpass", STRONGROOM_TOKEN=root).code == 0
    assert run(*user, STRONGROOM_TOKEN=root).code == 0
    done = run("login", "-method=userpass", f"-path={mount}", "username=Ann", "password=-", stdin="pw")
    assert done.code == 0, done.err
    assert "token_meta_username    ann" in done.out
    assert f"{mount}-ann" in run("token", "lookup", "-field=display_name").out
    done = run("login", "-method=userpass", f"-path={mount}", "username=ann", "password=wrong")
    assert (done.code, "invalid username or password" in done.err) == (2, True)


def test_app_id_at_our_own_server(server: Server, tmp_path: Path) -> None:
    def run(*argv: str, **more: str) -> Outcome:
        environ = {"HOME": str(tmp_path), "STRONGROOM_ADDR": server.address}
        return call(*argv, **{**environ, **more})

    mount, root = f"a{uuid.uuid4().hex[:8]}", str(server.root_token)
    app = ("write", f"auth/{mount}/map/app-id/foo", "value=default", "display_name=foo")
    user = ("write", f"auth/{mount}/map/user-id/bar", "value=foo", "cidr_block=127.0.0.0/8")
    for line in (("auth", "enable", f"-path={mount}", "app-id"), app, user):
        assert run(*line, STRONGROOM_TOKEN=root).code == 0
    done = run("login", "-method=app-id", f"-path={mount}", "app_id=foo", "user_id=bar")
    assert done.code == 0, done.err
    assert f"{mount}-foo" in run("token", "lookup", "-field=display_name").out


@pytest.mark.parametrize(
    ("argv", "code", "sentence"),
    (
        (("-method=kubernetes",), 2, "Error authenticating: 'role' must be supplied"),
        (("-method=kubernetes", "role=x"), 2, "Error authenticating: 'jwt' not supplied"),
        (("-method=userpass", "username=x"), 2, "standard input is not a terminal"),
        (("-method=oidc",), 2, "needs a browser"),
        (("-method=ldap",), 2, "Error authenticating: 'username' must be specified"),
        ((), 2, "standard input is not a terminal"),
        (("-non-interactive",), 2, "'token' not supplied"),
    ),
)
def test_what_is_missing(local: Cli, argv: tuple[str, ...], code: int, sentence: str) -> None:
    done = local("login", *argv)
    assert done.code == code
    assert sentence in done.err
