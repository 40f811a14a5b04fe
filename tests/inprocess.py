"""A whole server inside the test: core and handler on in-memory storage, no sockets.

::

    def test_something() -> None:
        async def scenario(api: InProcess) -> None:
            answer = await api("POST", "sys/mounts/x", {"type": "kv"})
            assert answer.status == 204, answer

        inprocess(scenario)
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import orjson

from strongroom.config.load import dev
from strongroom.config.stanza import ServerConfig
from strongroom.core import Core
from strongroom.handler import Handler
from strongroom.seal.seal import InitRequest
from strongroom.storage.inmem import InMem
from strongroom.wire import ListenerTraits, Message, Reply

ROOT_TOKEN = "root"


@dataclass(slots=True)
class Answer:
    """A reply. ``json`` is the decoded body, ``data`` what stands under that key in it."""

    status: int
    headers: dict[str, str]
    body: bytes
    stream: AsyncIterator[bytes] | None = None

    @property
    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else None

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def errors(self) -> list[str]:
        found: list[str] = self.json["errors"]
        return found


@dataclass(slots=True)
class InProcess:
    """An initialised, unsealed server; calling it is a request with the root token."""

    core: Core
    handler: Handler
    key: bytes = b""
    token: str = ROOT_TOKEN
    traits: ListenerTraits = field(default_factory=ListenerTraits)

    @classmethod
    async def open(cls, config: ServerConfig | None = None, *, initialized: bool = True) -> InProcess:
        """Start on empty storage. ``config`` defaults to that of ``server -dev``."""
        core = Core(config or dev(address="127.0.0.1:0"), InMem())
        api = cls(core, Handler(core))
        await core.start()
        if initialized:
            result, made = await core.lifecycle.initialize(InitRequest(secret_shares=1, secret_threshold=1))
            api.key = bytes(result.keys.parts[0])
            await core.lifecycle.submit(api.key)
            await core.lifecycle.prepare_dev(made, ROOT_TOKEN, kv_version="2")
        return api

    async def close(self) -> None:
        """Seal and close."""
        await self.core.stop()

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        token: str | None = "",
        address: str = "127.0.0.1",
        certificates: tuple[bytes, ...] = (),
    ) -> Answer:
        """Send one request; ``token`` None sends none, empty the root token. The body is JSON.

        Paths are relative to ``/v1/``; one that starts with ``/`` is taken as it is.

        ``certificates`` (DER) are what a TLS client showed, its own first.
        """
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if token is not None:
            sent.setdefault("x-vault-token", token or self.token)
        message = Message(
            method=method,
            target=path if path.startswith("/") else f"/v1/{path}",
            headers=sent,
            body=body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body),
            remote_address=address,
            peer_address=address,
            certificate=certificates[0] if certificates else None,
            certificate_chain=certificates[1:],
            listener=self.traits,
        )
        reply: Reply | Awaitable[Reply] = self.handler(message)
        if inspect.isawaitable(reply):
            reply = await reply
        names = {name.lower(): value for name, value in reply.headers}
        if isinstance(reply.body, bytes):
            return Answer(reply.status, names, reply.body)
        return Answer(reply.status, names, b"", reply.body)

    async def policy_token(self, rules: str, **fields: Any) -> str:
        """A token that may do what ``rules`` (HCL) say, and no more than the default policy besides."""
        name = f"p{crc32(rules.encode()):08x}"
        answer = await self("PUT", f"sys/policies/acl/{name}", {"policy": rules})
        assert answer.status == 204, answer
        answer = await self("POST", "auth/token/create", {"policies": [name], **fields})
        assert answer.status == 200, answer
        token: str = answer.json["auth"]["client_token"]
        return token


def inprocess(
    scenario: Callable[[InProcess], Awaitable[None]],
    config: ServerConfig | None = None,
    *,
    initialized: bool = True,
    seconds: float = 20,
) -> None:
    """Run a scenario against a server of its own, and close it."""

    async def run() -> None:
        api = await InProcess.open(config, initialized=initialized)
        try:
            async with asyncio.timeout(seconds):
                await scenario(api)
        finally:
            await api.close()

    asyncio.run(run())
