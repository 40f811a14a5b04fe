"""Killed at any instant under load, the server opens again with all it acknowledged and nothing by halves."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from tests.api import Api
from tests.conftest import SealedServer
from tests.promises.crash import Ledger, load, next_family, verify
from tests.promises.victim import opened, victim
from tests.server import Server

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["strongroom.core", "strongroom.handler", "strongroom.storage.lmdb", "strongroom.storage.journal"]
)
SHARDS = 4
ROUNDS = {"lmdb": 50, "file": 8}
"""Kills in each shard; shards run beside each other."""
HTTP_ROUNDS = {"lmdb": 10, "file": 3}


def killed(chance: random.Random, start: Callable[[Connection], Any]) -> Ledger:
    """Let the victim work, kill it at some instant, and collect what it told."""
    ledger = Ledger()
    ours, theirs = context.Pipe(duplex=False)
    process = start(theirs)
    theirs.close()
    wanted = chance.randrange(40) if chance.random() < 0.9 else 0  # none: while it starts
    for _ in range(1 + wanted):
        assert ours.poll(60), "the server does nothing"
        ledger.note(ours.recv())
    time.sleep(chance.uniform(0, 0.01 if wanted else 0.1))
    process.kill()
    with suppress(EOFError):
        while True:
            ledger.note(ours.recv())
    ours.close()
    process.join()
    assert process.exitcode == -SIGKILL, f"the server ended by itself with {process.exitcode}"
    return ledger


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("kind", ("lmdb", "file"))
def test_killed_in_the_middle(kind: str, shard: int, tmp_path: Path) -> None:
    chance = random.Random(f"{kind}{shard}")
    key, family, ledger = b"", "", Ledger()
    acknowledged = 0

    async def check() -> tuple[bytes, str]:
        async with opened(kind, tmp_path, key) as api:
            await verify(api, ledger)
            return api.key, await next_family(api, family)

    def start(acks: Connection) -> Any:
        process = context.Process(target=victim, args=(kind, tmp_path, key, family, acks), daemon=True)
        process.start()
        return process

    for _ in range(ROUNDS[kind]):
        key, family = asyncio.run(check())
        ledger = killed(chance, start)
        acknowledged += ledger.acknowledged
    asyncio.run(check())
    assert acknowledged > 5 * ROUNDS[kind], "the servers were killed before they did anything"


# -- the whole server, over HTTP -------------------------------------------------------------------


class Clients:
    """As many connections as there are requests at a time, in the form of the API in process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: list[Api] = []

    async def __call__(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        api = self._idle.pop() if self._idle else Api(self._server.address, self._server.root_token)
        try:
            answer = await asyncio.to_thread(partial(api.request, method, path, body, token=token))
        except BaseException:
            api.close()
            raise
        self._idle.append(api)
        return answer

    def close(self) -> None:
        for api in self._idle:
            api.close()


async def loaded_until_killed(server: Server, ledger: Ledger, family: str, chance: random.Random) -> None:
    """Several clients at once, until the process is killed under them."""
    clients = Clients(server)
    jobs = asyncio.gather(*load(clients, ledger.note, family), return_exceptions=True)
    wanted = chance.randrange(5, 60)
    while ledger.acknowledged < wanted and not jobs.done():  # noqa: ASYNC110  the load knows of no event
        await asyncio.sleep(chance.uniform(0, 0.02))
    server.process.kill()
    for failure in await jobs:
        assert isinstance(failure, OSError | HTTPException), failure
    server.kill()
    clients.close()


async def checked(server: Server, ledger: Ledger, family: str) -> str:
    clients = Clients(server)
    try:
        await verify(clients, ledger)
        return await next_family(clients, family)
    finally:
        clients.close()


@pytest.mark.slow
@pytest.mark.parametrize("storage", ("lmdb", "file"))
def test_a_server_killed_under_its_clients(sealed_server: SealedServer, storage: str) -> None:
    server = sealed_server(storage=storage)
    server.initialize()
    server.unseal()
    answer = server.api.post("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    assert answer.status == 204, answer
    chance, family, ledger = random.Random(storage), "", Ledger()
    for _ in range(HTTP_ROUNDS[storage]):
        family = asyncio.run(checked(server, ledger, family))
        ledger = Ledger()
        asyncio.run(loaded_until_killed(server, ledger, family, chance))
        server.restart()
        server.unseal()
    asyncio.run(checked(server, ledger, family))
