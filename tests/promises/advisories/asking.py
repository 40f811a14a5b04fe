"""What the tests here ask a server."""

from __future__ import annotations

from tests.inprocess import InProcess

CANARY = "canary-5f1d0c2b9a"


async def seeded(api: InProcess, *paths: str) -> None:
    for path in paths:
        answer = await api("POST", f"secret/data/{path}", {"data": {"at": path}})
        assert answer.status == 200, answer


async def asked(api: InProcess, method: str, path: str, token: str) -> int:
    return (await api(method, path, token=token)).status
