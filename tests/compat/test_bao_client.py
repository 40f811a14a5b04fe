"""The peer's command line as client of our server: every group of commands, exit codes and output."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SealedServer
from tests.server import PEER, Server


class Bao:
    """Runs ``bao`` against one server. ``code`` is the exit code expected."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __call__(self, *line: str, code: int = 0, stdin: str = "", token: str | None = None) -> str:
        """What it printed, both streams after each other."""
        environment = self._server.environment
        if token is not None:
            environment["VAULT_TOKEN"] = token
        done = subprocess.run(
            [*PEER, *line],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def json(self, *line: str, **options: Any) -> Any:
        """What it printed with ``-format=json`` after the command's words."""
        return json.loads(self(*line, **options))


@pytest.fixture
def bao(server: Server) -> Bao:
    return Bao(server)


@pytest.fixture
def name() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def test_data_commands(bao: Bao, name: str) -> None:
    assert "Success! Enabled the kv secrets engine" in bao(
        "secrets", "enable", f"-path={name}", "-version=1", "kv"
    )
    assert "Success! Data written to" in bao("write", f"{name}/a/b", "x=1", "y=two")
    assert bao.json("read", "-format=json", f"{name}/a/b")["data"] == {"x": "1", "y": "two"}
    assert bao("read", "-field=y", f"{name}/a/b").strip() == "two"
    assert bao("list", name).split() == ["Keys", "----", "a/"]
    assert "a/b" in bao("scan", name)
    assert "Success! Data deleted" in bao("delete", f"{name}/a/b")
    assert "No value found" in bao("read", f"{name}/a/b", code=2)
    assert "No value found" in bao("list", name, code=2)
    assert bao("write", f"{name}/c", "-", stdin='{"k": [1]}')
    assert bao.json("read", "-format=json", f"{name}/c")["data"] == {"k": [1]}
    bao("secrets", "disable", name)


def test_kv_version_2(bao: Bao, name: str) -> None:
    path = f"secret/{name}"
    assert "version            1" in bao("kv", "put", path, "a=1", "b=2")
    assert "version            2" in bao("kv", "patch", path, "b=3")
    assert "version            3" in bao("kv", "patch", "-method=rw", path, "c=4")
    assert bao.json("kv", "get", "-format=json", path)["data"]["data"] == {"a": "1", "b": "3", "c": "4"}
    assert bao("kv", "get", "-version=1", "-field=b", path).strip() == "2"
    assert "check-and-set" in bao("kv", "put", "-cas=0", path, "a=1", code=2)
    assert name in bao("kv", "list", "secret")
    assert "Success" in bao("kv", "delete", path)
    assert "== Data ==" not in bao("kv", "get", path)
    assert "Success" in bao("kv", "undelete", "-versions=3", path)
    assert "Success" in bao("kv", "destroy", "-versions=1", path)
    assert "version            4" in bao("kv", "rollback", "-version=2", path)
    assert "Success" in bao("kv", "metadata", "put", "-max-versions=3", "-custom-metadata=who=ops", path)
    assert "Success" in bao("kv", "metadata", "patch", "-custom-metadata=why=test", path)
    metadata = bao.json("kv", "metadata", "get", "-format=json", path)["data"]
    assert metadata["custom_metadata"] == {"who": "ops", "why": "test"}
    assert metadata["versions"]["2"]["destroyed"] is False
    assert "Success" in bao("kv", "metadata", "delete", path)
    assert "No value found" in bao("kv", "get", path, code=2)


def test_kv_version_1_and_its_upgrade(bao: Bao, name: str) -> None:
    bao("secrets", "enable", f"-path={name}", "kv")
    bao("kv", "put", f"{name}/a", "x=1")
    assert bao("kv", "get", "-field=x", f"{name}/a").strip() == "1"
    assert "Success! Tuned" in bao("kv", "enable-versioning", name)
    assert "version            2" in bao("kv", "put", f"{name}/a", "x=2")


def test_tokens(bao: Bao) -> None:
    made = bao.json("token", "create", "-format=json", "-policy=default", "-ttl=1h", "-metadata=who=ci")[
        "auth"
    ]
    token, accessor = made["client_token"], made["accessor"]
    assert made["lease_duration"] == 3600
    assert "meta                map[who:ci]" in bao("token", "lookup", token)
    assert bao.json("token", "lookup", "-format=json", "-accessor", accessor)["data"]["id"] == ""
    assert "2h" in bao("token", "renew", "-increment=2h", token)
    assert bao("token", "capabilities", token, "secret/a").strip() == "deny"
    assert bao("token", "capabilities", "secret/a").strip() == "root"
    assert "Success! Revoked token" in bao("token", "revoke", "-accessor", accessor)
    bao("token", "lookup", token, code=2)
    bao("token", "lookup", token=token, code=2)


def test_login_and_print(bao: Bao, server: Server) -> None:
    token = server.api.post("auth/token/create", {"policies": ["default"]}).auth["client_token"]
    assert "Success! You are now authenticated" in bao("login", token, token="")
    assert bao("print", "token", token="").strip() == token
    assert "permission denied" in bao("login", "nonsense", token="", code=2)


def test_login_with_a_password(bao: Bao, name: str) -> None:
    assert "Success! Enabled userpass auth method" in bao("auth", "enable", f"-path={name}", "userpass")
    bao("auth", "tune", "-user-lockout-threshold=2", "-user-lockout-duration=10m", f"{name}/")
    bao("write", f"auth/{name}/users/ann", "password=-", "token_policies=default", stdin="pw")
    flags = ("login", "-no-store", "-method=userpass", f"-path={name}")
    line = (*flags, "username=ann")
    assert "token_meta_username    ann" in bao(*line, "password=pw")
    for sentence in ("invalid username or password", "invalid username or password", "permission denied"):
        assert sentence in bao(*line, "password=no", code=2)
    locked = bao.json("read", "-format=json", "sys/locked-users")["data"]["by_namespace"][0]
    (mount,) = [m for m in locked["mount_accessors"] if m["alias_identifiers"] == ["ann"]]
    bao("write", "-f", f"sys/locked-users/{mount['mount_accessor']}/unlock/ann")
    assert bao(*flags, "-token-only", "username=ann", "password=pw").startswith("srs.")
    bao("auth", "disable", name)


def test_wrapping(bao: Bao, name: str) -> None:
    bao("kv", "put", f"secret/{name}", "a=1")
    wrapped = bao("read", "-wrap-ttl=60s", "-field=wrapping_token", f"secret/data/{name}").strip()
    assert bao.json("unwrap", "-format=json", wrapped)["data"]["data"] == {"a": "1"}
    bao("unwrap", wrapped, code=2)


def test_secrets_engines(bao: Bao, name: str) -> None:
    bao("secrets", "enable", f"-path={name}", "-description=first", "-max-lease-ttl=2h", "kv")
    mounts = bao.json("secrets", "list", "-format=json")
    assert mounts[f"{name}/"]["config"]["max_lease_ttl"] == 7200
    assert "first" in bao("secrets", "list", "-detailed")
    assert "Success! Tuned" in bao("secrets", "tune", "-description=second", "-default-lease-ttl=10m", name)
    assert "Success! Finished moving" in bao("secrets", "move", name, f"{name}-b")
    assert bao.json("secrets", "list", "-format=json")[f"{name}-b/"]["description"] == "second"
    assert "Success! Disabled" in bao("secrets", "disable", f"{name}-b")
    assert "plugin not found" in bao("secrets", "enable", "no-such-engine", code=2)


def test_auth_methods(bao: Bao) -> None:
    assert bao.json("auth", "list", "-format=json")["token/"]["type"] == "token"
    heading = bao("auth", "list").splitlines()[0].split()
    assert heading == ["Path", "Type", "Accessor", "Description", "Version"]
    assert "Success! Tuned" in bao("auth", "tune", "-default-lease-ttl=768h", "token")
    bao("auth", "enable", "no-such-method", code=2)


def test_approle(bao: Bao, name: str) -> None:
    assert "Success! Enabled approle auth method" in bao("auth", "enable", f"-path={name}", "approle")
    role = f"auth/{name}/role/web"
    assert "Success!" in bao("write", role, "token_policies=default", "token_ttl=1h", "secret_id_num_uses=2")
    assert "token_ttl                  1h" in bao("read", role)
    assert bao("list", f"auth/{name}/role").split()[-1] == "web"
    role_id = bao("read", "-field=role_id", f"{role}/role-id").strip()
    made = bao.json("write", "-format=json", "-f", f"{role}/secret-id")["data"]
    login = ("write", "-format=json", f"auth/{name}/login", f"role_id={role_id}")
    auth = bao.json(*login, f"secret_id={made['secret_id']}", token="")["auth"]
    assert auth["metadata"] == {"role_name": "web"}
    assert "auth/approle" not in bao("token", "lookup", token=auth["client_token"])
    wrapped = bao.json("write", "-format=json", "-f", "-wrap-ttl=60s", f"{role}/secret-id")["wrap_info"]
    about = bao.json("write", "-format=json", "sys/wrapping/lookup", f"token={wrapped['token']}")
    assert about["data"]["creation_path"] == f"{role}/secret-id"
    secret = bao("unwrap", "-field=secret_id", wrapped["token"]).strip()
    assert bao.json(*login, f"secret_id={secret}", token="")["auth"]["token_policies"] == ["default"]
    accessor = f"secret_id_accessor={made['secret_id_accessor']}"
    assert "secret_id_num_uses    1" in bao("write", f"{role}/secret-id-accessor/lookup", accessor)
    assert "Success!" in bao("write", f"{role}/secret-id-accessor/destroy", accessor)
    refused = bao(*login, f"secret_id={made['secret_id']}", token="", code=2)
    assert "invalid role or secret ID" in refused
    bao("auth", "disable", name)


def test_policies(bao: Bao, name: str, tmp_path: Path) -> None:
    file = tmp_path / "p.hcl"
    file.write_text('path   "secret/*" {\ncapabilities=["read"]\n}\n')
    assert "Success! Formatted" in bao("policy", "fmt", str(file))
    assert "Success! Uploaded policy" in bao("policy", "write", name, str(file))
    assert bao("policy", "read", name).strip() == file.read_text().strip()
    assert name in bao("policy", "list").split()
    assert "Success! Deleted policy" in bao("policy", "delete", name)
    assert "No policy named" in bao("policy", "read", name, code=2)
    assert "failed to parse policy" in bao("policy", "write", name, "-", stdin="path {", code=2)


def test_leases(bao: Bao, server: Server, name: str) -> None:
    server.api.post(f"auth/token/roles/{name}", {"path_suffix": name})
    server.api.post(f"auth/token/create/{name}", {"policies": ["default"], "ttl": "1h"})
    prefix = f"auth/token/create/{name}/{name}"
    (key,) = server.api.list(f"sys/leases/lookup/{prefix}/").data["keys"]
    assert prefix in bao("lease", "lookup", f"{prefix}/{key}")
    assert "tokens cannot be renewed" in bao("lease", "renew", f"{prefix}/{key}", code=2)
    assert "Success! Revoked lease" in bao("lease", "revoke", "-sync", f"{prefix}/{key}")
    assert "Success" in bao("lease", "revoke", "-sync", "-prefix", prefix)
    bao("lease", "lookup", f"{prefix}/{key}", code=2)


def test_audit_devices(dev_server: Server) -> None:
    bao = Bao(dev_server)
    file = dev_server.folder / "audit.log"
    assert "Success! Enabled the file audit device" in bao("audit", "enable", "file", f"file_path={file}")
    assert "file/" in bao("audit", "list", "-detailed")
    assert file.read_text().count("\n") > 0
    assert "Success! Disabled audit device" in bao("audit", "disable", "file")
    assert "No audit devices" in bao("audit", "list", code=2)


def test_status_and_paths(bao: Bao) -> None:
    status = bao.json("status", "-format=json")
    assert (status["sealed"], status["initialized"]) == (False, True)
    assert "Sealed          false" in bao("status")
    assert "## DESCRIPTION" in bao("path-help", "auth/token")
    assert "Request:" in bao("path-help", "sys/mounts")
    assert "Version" in bao("version-history")
    assert "Key Term" in bao("operator", "key-status")


def test_from_init_to_new_keys(sealed_server: SealedServer) -> None:
    server = sealed_server()
    bao = Bao(server)
    assert "Initialized        false" in bao("status", code=2)
    bao("operator", "init", "-status", code=2)
    made = bao.json("operator", "init", "-format=json", "-key-shares=3", "-key-threshold=2")
    server.root_token, keys = made["root_token"], made["unseal_keys_b64"]
    server.keys = made["unseal_keys_hex"]
    assert "Unseal Progress    1/2" in bao("operator", "unseal", keys[0])
    assert "Sealed          false" in bao("operator", "unseal", keys[1])
    assert "Success! Rotated key" in bao("operator", "rotate")
    assert "2" in bao("operator", "key-status")
    begun = bao.json("operator", "rotate-keys", "-format=json", "-init", "-key-shares=1", "-key-threshold=1")
    nonce = begun["nonce"]
    bao("operator", "rotate-keys", f"-nonce={nonce}", keys[0])
    done = bao.json("operator", "rotate-keys", "-format=json", f"-nonce={nonce}", keys[2])
    (key,) = done["keys_base64"]
    server.keys = [base64.b64decode(key).hex()]
    otp = bao("operator", "generate-root", "-generate-otp").strip()
    begun = bao.json("operator", "generate-root", "-format=json", "-init", f"-otp={otp}")
    done = bao.json("operator", "generate-root", "-format=json", f"-nonce={begun['nonce']}", key)
    token = bao("operator", "generate-root", f"-decode={done['encoded_token']}", f"-otp={otp}").strip()
    assert "root" in bao("token", "lookup", token=token)
    assert "Success! Vault is sealed" in bao("operator", "seal").replace("OpenBao", "Vault")
    assert "Sealed             true" in bao("status", code=2)


def test_monitor(bao: Bao, server: Server) -> None:
    process = subprocess.Popen(
        [*PEER, "monitor", "-log-level=debug"],
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)  # it goes on until it is stopped
    finally:
        process.kill()
        process.communicate()


def test_namespaces(bao: Bao, name: str) -> None:
    made = bao.json("namespace", "create", "-format=json", "-custom-metadata=team=web", name)
    assert (made["path"], made["custom_metadata"]) == (f"{name}/", {"team": "web"})
    bao("namespace", "create", f"-namespace={name}", "sub")
    assert f"{name}/" in bao.json("namespace", "list", "-format=json")
    assert f"{name}/sub/" in bao.json("namespace", "scan", "-format=json")
    assert bao.json("namespace", "list", "-format=json", f"-namespace={name}") == ["sub/"]
    patched = bao.json("namespace", "patch", "-format=json", "-remove-custom-metadata=team", name)
    assert patched["custom_metadata"] == {}
    assert bao.json("namespace", "lookup", "-format=json", name)["id"] == made["id"]
    assert "Namespace not found" in bao("namespace", "lookup", f"{name}-none", code=2)
    bao("secrets", "enable", f"-namespace={name}/sub", "-version=2", "kv")
    bao("kv", "put", f"-ns={name}/sub", "kv/a", "x=1")
    assert bao("kv", "get", f"-ns={name}/sub", "-field=x", "kv/a").strip() == "1"
    assert bao("kv", "get", "-field=x", f"{name}/sub/kv/a").strip() == "1"
    bao("kv", "get", f"-ns={name}", "kv/a", code=2)
    token = bao("token", "create", f"-ns={name}", "-policy=default", "-field=token", "-ttl=1h").strip()
    assert token.endswith(f".{made['id']}")
    assert bao.json("token", "lookup", "-format=json", token=token)["data"]["namespace_path"] == f"{name}/"
    bao("secrets", "list", token=token, code=2)
    assert "Unlock Key" in bao("namespace", "lock", name)
    bao("secrets", "list", f"-ns={name}", code=2)
    bao("namespace", "unlock", name)
    assert "child namespaces" in bao("namespace", "delete", name, code=2)
    assert "deletion scheduled" in bao("namespace", "delete", f"-namespace={name}", "sub")
    bao("namespace", "delete", name)
    bao("secrets", "list", f"-ns={name}", code=2)
