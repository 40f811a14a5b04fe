"""Requests in namespaces, for tests: ``inside(api, "team/web")`` is called as ``api`` is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.inprocess import Answer, InProcess

Call = Callable[..., Awaitable[Answer]]


def inside(api: InProcess, namespace: str) -> Call:
    """The server as seen from a namespace."""

    async def call(method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {"X-Vault-Namespace": namespace, **options.pop("headers", {})}
        return await api(method, path, body, headers, **options)

    return call


async def made(api: InProcess, *paths: str) -> list[Call]:
    """Make namespaces, each below those before it; gives what sees the server from each."""
    for path in paths:
        above, _, name = path.rpartition("/")
        answer = await inside(api, above)("POST", f"sys/namespaces/{name}", {})
        assert answer.status == 200, answer
    return [inside(api, path) for path in paths]


async def token_in(call: Call, rules: str = "", **fields: Any) -> str:
    """A token of a namespace that may do what ``rules`` say."""
    if rules:
        answer = await call("PUT", "sys/policies/acl/own", {"policy": rules})
        assert answer.status == 204, answer
    wanted = {"policies": ["own"] if rules else ["default"], **fields}
    answer = await call("POST", "auth/token/create", wanted)
    assert answer.status == 200, answer
    token: str = answer.json["auth"]["client_token"]
    return token
