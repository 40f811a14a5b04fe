"""Servers in the test that are sealed, opened and started again on the same storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from strongroom.config.load import dev
from strongroom.config.stanza import SealStanza, StaticSealStanza
from strongroom.core import Core
from strongroom.handler import Handler
from strongroom.secret import Secret
from strongroom.server import sealer_of
from strongroom.storage.inmem import InMem
from tests.inprocess import InProcess


def static(
    key_id: str, key: str, *, previous: tuple[str, str] = ("", ""), disabled: bool = False
) -> SealStanza:
    """A ``seal "static"`` stanza; keys are 64 hex digits."""
    return StaticSealStanza(
        labels=("static",),
        current_key_id=key_id,
        current_key=Secret(key),
        previous_key_id=previous[0],
        previous_key=Secret(previous[1]),
        disabled=disabled,
    )


@asynccontextmanager
async def started(physical: InMem, *seals: SealStanza) -> AsyncIterator[InProcess]:
    """A server on ``physical`` that has just started: empty, sealed, or unsealed by its seal."""
    config = dev(address="127.0.0.1:0")
    config.seals = seals
    core = Core(config, physical, sealer_of(config))
    api = InProcess(core, Handler(core))
    await core.start()
    try:
        yield api
    finally:
        await core.stop()


async def initialize(api: InProcess, **fields: Any) -> dict[str, Any]:
    """Initialise by API; the answer. From here on the root token is the one that was made."""
    answer = await api("PUT", "sys/init", fields, token=None)
    assert answer.status == 200, answer
    api.token = answer.json["root_token"]
    made: dict[str, Any] = answer.json
    return made


async def unseal(api: InProcess, *keys: str, **fields: Any) -> dict[str, Any]:
    """Give unseal shares; the last answer."""
    status: dict[str, Any] = {}
    for key in keys:
        answer = await api("PUT", "sys/unseal", {"key": key, **fields}, token=None)
        assert answer.status == 200, answer
        status = answer.json
    return status
