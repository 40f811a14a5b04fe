"""Transit, mounted in a server inside the test."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from strongroom.crypto import private_key
from tests.inprocess import Answer, InProcess, inprocess
from tests.secrets.transit.material import RSA_4096

VECTORS = Path(__file__).parents[2] / "vectors"
PEER: dict[str, dict[str, Any]] = json.loads((VECTORS / "openbao_transit.json").read_text())["keys"]
"""Keys that the peer made: their type, a backup, and what the peer made with them."""
TEXT = b"the quick brown fox"
CONTEXT, AD = b"kennel", b"AD"


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def raw(text: str) -> bytes:
    return base64.b64decode(text.rpartition(":")[2])


class Transit:
    """Calls the engine; what is called must succeed, unless :meth:`refused` is used."""

    def __init__(self, api: InProcess, token: str = "") -> None:
        self.api, self.token = api, token

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        return await self.api(method, f"transit/{path}", body, token=self.token)

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.call(method, path, body)
        assert answer.status in (200, 204), (method, path, answer)
        return answer.data if answer.status == 200 else None

    async def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        answer = await self.call(method, path, body)
        assert answer.status == status, (method, path, answer)
        return " ".join(answer.errors)

    async def key(self, name: str = "k", **fields: Any) -> Any:
        return await self("POST", f"keys/{name}", fields)

    async def encrypt(self, plaintext: bytes, name: str = "k", **fields: Any) -> str:
        made: str = (await self("POST", f"encrypt/{name}", {"plaintext": b64(plaintext), **fields}))[
            "ciphertext"
        ]
        return made

    async def decrypt(self, ciphertext: str, name: str = "k", **fields: Any) -> bytes:
        answer = await self("POST", f"decrypt/{name}", {"ciphertext": ciphertext, **fields})
        return base64.b64decode(answer["plaintext"])

    async def sign(self, data: bytes, name: str = "k", path: str = "", **fields: Any) -> str:
        made: str = (await self("POST", f"sign/{name}{path}", {"input": b64(data), **fields}))["signature"]
        return made

    async def verify(self, data: bytes, name: str = "k", path: str = "", **fields: Any) -> bool:
        valid: bool = (await self("POST", f"verify/{name}{path}", {"input": b64(data), **fields}))["valid"]
        return valid

    async def restore(self, name: str) -> dict[str, str]:
        """Restore a key that the peer made; gives what the peer made with it."""
        await self("POST", "restore", {"backup": PEER[name]["backup"]})
        made: dict[str, str] = PEER[name]["made"]
        return made


def mounted(scenario: Callable[[Transit], Awaitable[None]], seconds: float = 30) -> None:
    """Run a scenario against an engine at ``transit/``."""

    async def run(api: InProcess) -> None:
        answer = await api("POST", "sys/mounts/transit", {"type": "transit"})
        assert answer.status == 204, answer
        await scenario(Transit(api))

    inprocess(run, seconds=seconds)


async def wrapping_key(transit: Transit) -> Any:
    """The mount's wrapping key, planted: making one takes seconds."""
    await transit("GET", "config/keys")  # who is first reads the table of mounts
    core = transit.api.core
    mount = core.mounts.by_prefix["transit/"]
    request = core.internal_request()
    view = core.view(request.tx, mount.storage_prefix)
    view.put("wrapping-key", private_key.der(private_key.load(RSA_4096)))
    await core.store.commit(request.tx)
    request.tx.close()
    text = (await transit("GET", "wrapping_key"))["public_key"]
    return private_key.load_public(text.encode())
