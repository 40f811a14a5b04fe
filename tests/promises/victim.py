"""The process that is killed: a server on real storage, under load from inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from strongroom.config.load import dev
from strongroom.core import Core
from strongroom.handler import Handler
from strongroom.seal.seal import InitRequest
from strongroom.storage.registry import open_storage
from tests.inprocess import ROOT_TOKEN, InProcess
from tests.promises.crash import load


@asynccontextmanager
async def opened(kind: str, path: Path, key: bytes) -> AsyncIterator[InProcess]:
    """The server inside this process, unsealed; an empty key initialises it."""
    core = Core(dev(address="127.0.0.1:0"), open_storage(kind, {"path": str(path)}))
    api = InProcess(core, Handler(core), key)
    await core.start()
    try:
        if not key:
            result, made = await core.lifecycle.initialize(InitRequest(secret_shares=1, secret_threshold=1))
            api.key = bytes(result.keys.parts[0])
            await core.lifecycle.submit(api.key)
            await core.lifecycle.prepare_dev(made, ROOT_TOKEN, kv_version="2")
        else:
            await core.lifecycle.submit(key)
        assert not core.barrier.sealed
        yield api
    finally:
        await core.stop()


def victim(kind: str, path: Path, key: bytes, family: str, notes: Connection) -> None:
    """Work, and tell what was acknowledged, until killed."""

    async def run() -> None:
        async with opened(kind, path, key) as api:
            await asyncio.gather(*load(api, notes.send, family))

    notes.send(("started",))
    asyncio.run(run())
