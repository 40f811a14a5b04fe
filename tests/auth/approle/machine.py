"""A machine and its operator, against a server inside the test."""

from __future__ import annotations

from typing import Any

from tests.inprocess import Answer, InProcess
from tests.leasing import rows

METHOD, ROLE = "auth/approle", "auth/approle/role/web"


async def enable(api: InProcess, **role: Any) -> str:
    """Enable the method with a role ``web``; gives the role's ID."""
    assert (await api("POST", "sys/auth/approle", {"type": "approle"})).status == 204
    return await make_role(api, "web", **role)


async def lock_nobody(api: InProcess) -> None:
    """However often logins fail, the role stays open."""
    body = {"user_lockout_config": {"lockout_disable": True}}
    assert (await api("POST", f"sys/{METHOD}/tune", body)).status == 204


async def make_role(api: InProcess, name: str, **role: Any) -> str:
    answer = await api("POST", f"{METHOD}/role/{name}", role)
    assert answer.status == 204, answer
    found: str = (await api("GET", f"{METHOD}/role/{name}/role-id")).data["role_id"]
    return found


async def secret_id(api: InProcess, role: str = "web", **fields: Any) -> str:
    return str((await secret(api, role, **fields))["secret_id"])


async def secret(api: InProcess, role: str = "web", **fields: Any) -> dict[str, Any]:
    answer = await api("POST", f"{METHOD}/role/{role}/secret-id", fields)
    assert answer.status == 200, answer
    made: dict[str, Any] = answer.data
    return made


async def login(api: InProcess, role_id: str, secret_id: str = "", *, address: str = "127.0.0.1") -> Answer:
    body = {"role_id": role_id, "secret_id": secret_id} if secret_id else {"role_id": role_id}
    return await api("POST", f"{METHOD}/login", body, token=None, address=address)


async def token(api: InProcess, role_id: str, secret_id: str) -> str:
    answer = await login(api, role_id, secret_id)
    assert answer.status == 200, answer
    found: str = answer.json["auth"]["client_token"]
    return found


async def method_rows(api: InProcess) -> dict[str, bytes]:
    """The rows of the method's storage, by their key below the mount."""
    prefix = api.core.mounts.by_prefix[f"{METHOD}/"].storage_prefix
    return await rows(api.core, prefix)
