"""The reaper: ends what has expired, earliest first, from the ordered index."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from strongroom.errors import Conflict, Sealed, StrongroomError

if TYPE_CHECKING:
    from strongroom.core import Core

PAUSE = 1.0
"""Seconds between two looks at the index when nothing is due."""
BATCH = 256
"""How many ends are looked up at once; each is taken back in a transaction of its own."""

_log = logging.getLogger("expiration")


async def run(core: Core) -> None:
    """Revoke what is due, for as long as the server is unsealed."""
    while True:
        try:
            busy = await sweep(core)
            await core.keep_keyring()
        except Sealed:
            return
        except StrongroomError as error:
            _log.error("expiry has to wait: %s", error.cause or error.public)
            busy = 0
        if busy < BATCH:
            await asyncio.sleep(PAUSE)


async def sweep(core: Core) -> int:
    """Revoke one batch of what is due now; gives how many there were."""
    tx = core.store.begin(write=False)
    try:
        due = await core.leases.due(tx, core.root_namespace, core.clock(), BATCH)
    finally:
        tx.close()
    for when, kind, reference in due:
        await _end(core, when, kind, reference)
    return len(due)


async def _end(core: Core, when: int, kind: str, reference: str) -> None:
    """Take one token or lease back; a failure is noted with the lease."""
    try:
        await _in_transaction(core, when, kind, reference, "")
    except Conflict:
        return
    except Sealed:
        raise
    except Exception as error:
        _log.warning("revocation failed, to be tried again: %s", type(error).__name__)
        reason = error.public if isinstance(error, StrongroomError) else type(error).__name__
        await _in_transaction(core, when, kind, reference, reason)


async def _in_transaction(core: Core, when: int, kind: str, reference: str, failure: str) -> None:
    request = core.internal_request()
    try:
        if kind == "t":
            await core.leases.end_token(request, when, reference)
        elif kind == "p":
            await core.leases.end_prefix(request, when, reference)
        elif kind == "d":
            await core.leases.purge(request, when, reference)
        else:
            await core.leases.end_lease(request, when, reference, failure)
        await core.store.commit(request.tx)
    finally:
        request.tx.close()
