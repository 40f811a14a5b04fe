"""``strongroom proxy`` as a process before a real server: clients, restarts, signals."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hvac
import pytest

from strongroom.crypto.selfsigned import self_signed
from tests.canary import Canaries
from tests.postgres import PASSWORD, ROOT, Postgres, _cluster, postgres
from tests.proxying import anonymous, approle_of, new_token, start_proxy
from tests.server import PEER, STRONGROOM, Server, clean_environment, running, wait_until

__all__ = ["_cluster", "postgres"]


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory, _canaries: Canaries) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("proxy")
    _canaries.folders.append(folder / "own")
    credentials = approle_of(server, folder / "credentials", "proxied")
    with running(start_proxy(STRONGROOM, folder / "own", server, credentials=credentials)) as started:
        yield started


def test_hvac_needs_no_token(proxy: Server, canary: Canaries) -> None:
    client = hvac.Client(url=proxy.address, token="")
    secret = canary()
    client.secrets.kv.v2.create_or_update_secret("proxied", {"password": secret})
    found = client.secrets.kv.v2.read_secret_version("proxied", raise_on_deleted_version=True)
    assert found["data"]["data"] == {"password": secret}
    assert client.secrets.kv.v2.list_secrets("")["data"]["keys"].count("proxied") == 1
    assert "id" not in client.auth.token.lookup_self()["data"]
    child = canary.watch(client.auth.token.create(ttl="1h")["auth"]["client_token"])
    assert hvac.Client(url=proxy.address, token=child).auth.token.lookup_self()["data"]["id"] == child
    client.adapter.close()


def test_the_command_line_of_either_needs_none(proxy: Server) -> None:
    for program, prefix in ((PEER, "BAO"), (STRONGROOM, "STRONGROOM")):
        environment = clean_environment(proxy.folder / "home") | {f"{prefix}_ADDR": proxy.address}
        for line, expected in (
            (("kv", "put", "-mount=secret", "cli", "k=v"), "version"),
            (("kv", "get", "-mount=secret", "-field=k", "cli"), "v"),
            (("kv", "list", "secret/"), "cli"),
            (("token", "lookup"), "policies"),
        ):
            done = subprocess.run(
                [*program, *line], env=environment, capture_output=True, text=True, check=False, timeout=20
            )
            assert done.returncode == 0, (line, done.stderr)
            assert expected in done.stdout


def test_a_thousand_clients_at_once_get_one_token(proxy: Server, server: Server) -> None:
    def create(_: int) -> tuple[str, str]:
        api = anonymous(proxy)
        try:
            answer = api.post("auth/token/create", {"display_name": "thousand", "ttl": "1h"})
            return answer.auth["client_token"], answer.headers["x-cache"]
        finally:
            api.close()

    before = len(server.api.list("auth/token/accessors").data["keys"])
    with ThreadPoolExecutor(32) as pool:
        made = list(pool.map(create, range(1000)))
    assert len({token for token, _ in made}) == 1
    assert sum(cache == "MISS" for _, cache in made) == 1
    assert len(server.api.list("auth/token/accessors").data["keys"]) == before + 1


def test_a_revoked_child_is_made_anew(proxy: Server) -> None:
    fields = {"display_name": "revoked", "ttl": "1h"}
    first = proxy.api.post("auth/token/create", fields).auth
    assert proxy.api.post("auth/token/create", fields).auth == first
    assert proxy.api.post("auth/token/revoke-self", token=first["client_token"]).status == 204
    second = proxy.api.post("auth/token/create", fields).auth
    assert second["client_token"] != first["client_token"]
    assert proxy.api.post("auth/token/revoke-accessor", {"accessor": second["accessor"]}).status == 204
    assert proxy.api.post("auth/token/create", fields).auth["client_token"] != second["client_token"]


def test_database_users_are_given_again_until_they_are_revoked(
    proxy: Server, server: Server, postgres: Postgres, canary: Canaries
) -> None:
    server.api.post("sys/mounts/proxied-db", {"type": "database"})
    connection = {
        "username": ROOT,
        "password": PASSWORD,
        "connection_url": postgres.url,
        "allowed_roles": "*",
    }
    kind = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*"}
    assert server.api.post("proxied-db/config/pg", connection | kind).status == 204
    create = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'"
    role = {"db_name": "pg", "creation_statements": [create], "default_ttl": "1h"}
    assert server.api.post("proxied-db/roles/app", role).status == 204
    first, again = (proxy.api.get("proxied-db/creds/app") for _ in range(2))
    assert [each.headers["x-cache"] for each in (first, again)] == ["MISS", "HIT"]
    assert first.json == again.json
    user, password = first.data["username"], canary.watch(first.data["password"])
    assert postgres.logs_in(user, password)
    revoked = proxy.api.put("sys/leases/revoke", {"lease_id": first.json["lease_id"], "sync": True})
    assert revoked.status == 204
    assert not postgres.has(user)
    assert proxy.api.get("proxied-db/creds/app").headers["x-cache"] == "MISS"
    assert proxy.api.delete("sys/mounts/proxied-db").status == 204
    assert proxy.api.get("proxied-db/creds/app").status == 404


def test_what_is_written_is_read_by_whoever_comes_after(proxy: Server) -> None:
    """Reads that are shared are never older than the write before them."""

    def round_trip(number: int) -> bool:
        api = anonymous(proxy)
        try:
            for turn in range(15):
                value = f"{number}-{turn}"
                api.post(f"secret/data/shared{number % 2}", {"data": {f"k{number}": value}, "options": {}})
                version = api.get(f"secret/data/shared{number % 2}").data["metadata"]["version"]
                if version < turn + 1:
                    return False
                api.put(f"cubbyhole/c{number}", {"v": value})
                if api.get(f"cubbyhole/c{number}").data["v"] != value:
                    return False
            return True
        finally:
            api.close()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(8)))


def test_what_has_no_end_begins_at_once(proxy: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("GET", "/v1/sys/monitor?log_level=debug")
    response = connection.getresponse()
    assert (response.status, response.getheader("Content-Type")) == (200, "text/plain")
    response.close()
    connection.close()


def test_large_bodies_go_both_ways(proxy: Server) -> None:
    value = "x" * 700_000
    assert proxy.api.post("secret/data/large", {"data": {"v": value}}).status == 200
    assert proxy.api.get("secret/data/large").data["data"]["v"] == value


def test_a_lost_token_is_noticed_and_replaced(server: Server, tmp_path: Path) -> None:
    credentials = approle_of(server, tmp_path / "credentials", "lost")
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, credentials=credentials)) as proxy:
        accessors = server.api.list("auth/token/accessors").data["keys"]
        for accessor in accessors:
            found = server.api.post("auth/token/lookup-accessor", {"accessor": accessor})
            if found.status == 200 and (found.data["meta"] or {}).get("role_name") == "lost":
                server.api.post("auth/token/revoke-accessor", {"accessor": accessor})
        assert proxy.api.get("auth/token/lookup-self").status == 403
        wait_until(lambda: proxy.api.get("auth/token/lookup-self").status == 200, proxy)


def test_an_unreachable_server_is_told_as_such(server: Server, tmp_path: Path) -> None:
    gone = Server(STRONGROOM, tmp_path, 1, server.process)
    with running(start_proxy(STRONGROOM, tmp_path / "own", gone)) as proxy:
        answer = proxy.api.get("secret/data/a")
        assert (answer.status, answer.errors) == (
            502,
            ["failed to get the response: the server cannot be reached: connection refused"],
        )
    gone.api.close()


def persistent(folder: Path, *, keep: bool = True) -> str:
    account = folder / "account"
    account.write_text("the service account's token")
    return f"""
cache {{
  persist "kubernetes" {{
    path = "{folder / "own" / "cache"}"
    service_account_token_file = "{account}"
    keep_after_import = {str(keep).lower()}
  }}
}}"""


def test_leases_and_the_login_outlive_a_restart(server: Server, tmp_path: Path, canary: Canaries) -> None:
    canary.folders.append(tmp_path / "own")
    credentials = approle_of(server, tmp_path / "credentials", "restarted")
    options: Any = {"credentials": credentials, "rest": persistent(tmp_path)}
    proxy = start_proxy(STRONGROOM, tmp_path / "own", server, **options)
    children = []
    for number in range(8):
        made = proxy.api.post("auth/token/create", {"display_name": f"kept{number}", "ttl": "1h"})
        children.append(canary.watch(made.auth["client_token"]))
    own = born(proxy)
    assert proxy.stop() == 0
    assert (tmp_path / "own" / "cache" / "strongroom-agent-cache.db").exists()
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, **options)) as again:
        for number, token in enumerate(children):
            answer = again.api.post("auth/token/create", {"display_name": f"kept{number}", "ttl": "1h"})
            assert answer.headers["x-cache"] == "HIT"
            assert answer.auth["client_token"] == token
        assert born(again) == own
        assert logins(server, "restarted") == 1
        wait_until(lambda: any(was_renewed(server, token) for token in children), again)
        assert again.api.post("auth/token/revoke-self", token=children[0]).status == 204
        assert again.stop() == 0
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, **options)) as last:
        answer = last.api.post("auth/token/create", {"display_name": "kept0", "ttl": "1h"})
        assert answer.headers["x-cache"] == "MISS", "what was revoked is in the file no more"


def born(proxy: Server) -> int:
    """When the proxy's own token was made."""
    time: int = proxy.api.get("auth/token/lookup-self").data["creation_time"]
    return time


def was_renewed(server: Server, token: str) -> bool:
    return bool(server.api.post("auth/token/lookup", {"token": token}).data.get("last_renewal"))


def logins(server: Server, role: str) -> int:
    """How many tokens of a role there are."""
    found = 0
    for accessor in server.api.list("auth/token/accessors").data["keys"]:
        answer = server.api.post("auth/token/lookup-accessor", {"accessor": accessor})
        found += answer.status == 200 and (answer.data["meta"] or {}).get("role_name") == role
    return found


def test_an_init_container_hands_its_login_over(server: Server, tmp_path: Path) -> None:
    credentials = approle_of(server, tmp_path / "credentials", "handed")
    cache = persistent(tmp_path, keep=False)
    template = f'template {{ contents = "rendered" destination = "{tmp_path / "out"}" }}'
    vault = f'vault {{ address = "{server.address}" }}'
    (tmp_path / "init.hcl").write_text(f"{vault}\n{credentials}\n{cache}\n{template}\nexit_after_auth = true")
    line = [*STRONGROOM, "agent", f"-config={tmp_path / 'init.hcl'}"]
    done = subprocess.run(
        line, env=clean_environment(tmp_path / "home"), capture_output=True, check=False, timeout=20
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out").read_text() == "rendered"
    with running(
        start_proxy(STRONGROOM, tmp_path / "own", server, credentials=credentials, rest=cache)
    ) as sidecar:
        assert sidecar.api.get("auth/token/lookup-self").status == 200
        assert logins(server, "handed") == 1
        assert not list((tmp_path / "own" / "cache").iterdir()), "what was handed over is deleted"


def test_a_token_revoked_while_the_proxy_was_down_is_not_used(server: Server, tmp_path: Path) -> None:
    credentials = approle_of(server, tmp_path / "credentials", "revoked")
    options: Any = {"credentials": credentials, "rest": persistent(tmp_path)}
    proxy = start_proxy(STRONGROOM, tmp_path / "own", server, **options)
    assert proxy.stop() == 0
    server.api.put("sys/leases/revoke-prefix/auth/approle/login")
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, **options)) as again:
        assert again.api.get("auth/token/lookup-self").status == 200


def test_a_cache_sealed_for_another_ends_the_proxy(server: Server, tmp_path: Path) -> None:
    rest = persistent(tmp_path)
    assert start_proxy(STRONGROOM, tmp_path / "own", server, rest=rest).stop() == 0
    (tmp_path / "account").write_text("another")
    with pytest.raises(AssertionError, match="another service account's token"):
        start_proxy(STRONGROOM, tmp_path / "own", server, rest=rest)


def test_a_unix_socket_with_its_mode(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "s"
    settings = f'address = "{path}"\n tls_disable = true\n socket_mode = "0640"'
    extra = f'cache {{}}\nlistener "unix" {{\n {settings}\n}}'
    token = new_token(server)
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, rest=extra)):
        assert path.stat().st_mode & 0o777 == 0o640
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            line = "GET /v1/auth/token/lookup-self HTTP/1.1"
            client.sendall(f"{line}\r\nHost: x\r\nX-Vault-Token: {token}\r\n\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
        environment = clean_environment(tmp_path / "home") | {"VAULT_AGENT_ADDR": f"unix://{path}"}
        environment["BAO_TOKEN"] = token
        done = subprocess.run(
            [*PEER, "token", "lookup"],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_listeners_each_with_its_rules(server: Server, tmp_path: Path) -> None:
    rules = "require_request_header = true"
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, listener=rules)) as proxy:
        answer = proxy.api.get("sys/health")
        assert (answer.status, answer.errors) == (412, ['missing "X-Vault-Request" header'])
        header = {"X-Vault-Request": "true"}
        assert proxy.api.get("sys/health", headers=header).status == 200
        assert proxy.api.get("/proxy/v1/metrics").status == 412
        assert proxy.api.post("/proxy/v1/quit", headers=header).status == 200
        assert proxy.process.wait(10) == 0
    with running(
        start_proxy(STRONGROOM, tmp_path / "own", server, listener='role = "metrics_only"')
    ) as proxy:
        assert proxy.api.get("/proxy/v1/metrics").status == 200
        assert proxy.api.get("sys/health").status == 404


def test_certificates_are_read_again(server: Server, tmp_path: Path) -> None:
    def write(host: str) -> None:
        made = self_signed(["127.0.0.1", host])
        (tmp_path / "cert.pem").write_bytes(made.certificate)
        (tmp_path / "key.pem").write_bytes(made.key)

    def shown(port: int) -> str:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)

    write("one.example")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    files = f'tls_cert_file = "{tmp_path / "cert.pem"}"\n tls_key_file = "{tmp_path / "key.pem"}"'
    extra = f'cache {{}}\nlistener "tcp" {{\n address = "127.0.0.1:{port}"\n {files}\n}}'
    with running(start_proxy(STRONGROOM, tmp_path / "own", server, rest=extra)) as proxy:
        wait_until(lambda: "listening: address=https" in proxy.log, proxy)
        before = shown(port)
        (tmp_path / "cert.pem").write_bytes(b"broken")
        os.kill(proxy.process.pid, signal.SIGHUP)
        wait_until(lambda: "keeps its old TLS files" in proxy.log, proxy)
        assert shown(port) == before
        write("two.example")
        os.kill(proxy.process.pid, signal.SIGHUP)
        wait_until(lambda: shown(port) != before, proxy)
        assert proxy.stop() == 0


def test_the_agent_listens_as_well(server: Server, tmp_path: Path) -> None:
    credentials = approle_of(server, tmp_path / "credentials", "agent")
    with running(
        start_proxy(STRONGROOM, tmp_path / "own", server, command="agent", credentials=credentials)
    ) as agent:
        assert agent.api.get("/agent/v1/metrics").status == 200
        assert agent.api.post("/agent/v1/cache-clear", {"type": "all"}).status == 200
        assert agent.api.post("auth/token/create", {"ttl": "1h"}).headers["x-cache"] == "MISS"
        assert agent.api.post("auth/token/create", {"ttl": "1h"}).headers["x-cache"] == "HIT"
        assert agent.api.post("/agent/v1/quit").status == 200
        assert agent.process.wait(10) == 0


def test_no_configuration_is_refused() -> None:
    for line in ((), ("-config=/nonexistent",)):
        done = subprocess.run([*STRONGROOM, "proxy", *line], capture_output=True, check=False, timeout=20)
        assert done.returncode == 1
        assert done.stderr.startswith(b"Error: ")
