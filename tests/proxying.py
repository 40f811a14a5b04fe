"""Proxies as processes: Strongroom's and the peer's, each in front of a server that is already running."""

from __future__ import annotations

from pathlib import Path

from tests.api import Api
from tests.server import Server, free_port, listening, spawn, wait_until


def start_proxy(
    program: tuple[str, ...],
    folder: Path,
    upstream: Server,
    *,
    command: str = "proxy",
    credentials: str = "",
    rest: str = "cache {}",
    listener: str = "",
    port: int = 0,
) -> Server:
    """A proxy in front of ``upstream``; with ``credentials`` it uses a token of its own.

    Its ``api`` sends no token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    login = f"{credentials}\napi_proxy {{ use_auto_auth_token = true }}" if credentials else ""
    (folder / "proxy.hcl").write_text(f"""
vault {{
  address = "{upstream.address}"
  retry {{ num_retries = -1 }}
}}
{login}
{rest}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
  {command}_api {{ enable_quit = true }}
  {listener}
}}
""")
    arguments = (command, f"-config={folder / 'proxy.hcl'}")
    process = spawn(program, arguments, folder)
    proxy = Server(program, folder, port, process, arguments)
    try:
        wait_until(lambda: listening(port), proxy)
        if credentials:
            wait_until(lambda: proxy.api.get("auth/token/lookup-self").status == 200, proxy)
    except BaseException:
        proxy.kill()
        raise
    return proxy


def approle_of(server: Server, folder: Path, name: str, *, ttl: str = "1h") -> str:
    """An ``auto_auth`` stanza with the credentials of a new AppRole that may do everything."""
    folder.mkdir(parents=True, exist_ok=True)
    api = server.api
    if "approle/" not in api.get("sys/auth").data:
        api.post("sys/auth/approle", {"type": "approle"})
    rule = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "scan", "sudo"] }'
    api.put("sys/policies/acl/everything", {"policy": rule})
    role = {"token_policies": "everything", "token_ttl": ttl, "token_max_ttl": "24h"}
    assert api.post(f"auth/approle/role/{name}", role).status == 204
    (folder / "role_id").write_text(api.get(f"auth/approle/role/{name}/role-id").data["role_id"])
    secret = api.post(f"auth/approle/role/{name}/secret-id").data["secret_id"]
    (folder / "secret_id").write_text(secret)
    return f"""
auto_auth {{
  method "approle" {{
    config = {{
      role_id_file_path = "{folder / "role_id"}"
      secret_id_file_path = "{folder / "secret_id"}"
      remove_secret_id_file_after_reading = false
    }}
  }}
}}"""


def new_token(server: Server, **fields: object) -> str:
    """A token made by root, not through a proxy."""
    made: str = server.api.post("auth/token/create", fields).auth["client_token"]
    return made


def anonymous(proxy: Server) -> Api:
    """Another client of a proxy, with a connection of its own."""
    return Api(proxy.address)


__all__ = ["anonymous", "approle_of", "new_token", "start_proxy"]
