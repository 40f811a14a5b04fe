"""The reaper: ends what has expired, earliest first, from the ordered index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from strongroom.errors import Conflict, Internal, Sealed, StrongroomError
from strongroom.lease import Leases
from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.core import Core

PAUSE = 1.0
"""Seconds between two looks at the index when nothing is due."""
BATCH = 256
"""How many ends are looked up at once; each is taken back in a transaction of its own."""
AT_ONCE = 32
"""How many of them are under way together, to share commits and waits for outside systems."""

_log = logging.getLogger("expiration")


async def run(core: Core) -> None:
    """Revoke what is due, for as long as the server is unsealed."""
    while True:
        more = False
        try:
            more = await sweep(core)
            await core.keep_keyring()
        except Sealed:
            return
        except StrongroomError as error:
            _log.error("expiry has to wait: %s", error.cause or error.public)
        except Exception:  # a defect in one place must not end all expiry
            _log.exception("expiry has to wait")
        if not more:
            await asyncio.sleep(PAUSE)


async def sweep(core: Core) -> bool:
    """Revoke one batch of what is due now; gives whether more is waiting."""
    tx = core.store.begin(write=False)
    try:
        due = await core.leases.due(tx, core.root_namespace, core.clock(), BATCH)
    finally:
        tx.close()
    more = len(due) == BATCH
    for start in range(0, len(due), AT_ONCE):
        ends = [_end(core, *one) for one in due[start : start + AT_ONCE]]
        more |= any(await asyncio.gather(*ends))
    return more


async def _end(core: Core, when: int, kind: str, reference: str) -> bool:
    """Take one thing back or do a job's next step; gives whether it needs another turn.

    A failure is noted with the lease; what is not even readable is put off.
    """
    try:
        return await _in_transaction(core, _STEPS[kind], when, reference)
    except Conflict:
        return True
    except Sealed:
        raise
    except Exception as error:
        _log.warning("revocation failed, to be tried again: %s", type(error).__name__)
        reason = error.public if isinstance(error, StrongroomError) else type(error).__name__
    try:
        return await _in_transaction(core, partial(_note_failure, kind, reason), when, reference)
    except Conflict:
        return True


async def _note_failure(
    kind: str, reason: str, leases: Leases, request: Request, when: int, reference: str
) -> None:
    if kind == "l":
        try:
            await leases.end_lease(request, when, reference, reason)
        except Internal as error:
            _log.error("lease %s cannot be read: %s", reference, error.cause or error.public)
        else:
            return
    leases.postpone(request, when, kind, reference)


async def _in_transaction(core: Core, step: Step, when: int, reference: str) -> bool:
    request = core.internal_request()
    try:
        more = await step(core.leases, request, when, reference)
        await core.store.commit(request.tx)
    finally:
        request.tx.close()
    return bool(more)


Step = Callable[[Leases, Request, int, str], Awaitable[bool | None]]

_STEPS: dict[str, Step] = {
    "d": Leases.purge,
    "k": Leases.end_of_token,
    "l": Leases.end_lease,
    "p": Leases.end_prefix,
    "t": Leases.end_token,
}
"""What ends each kind of row in the index."""
