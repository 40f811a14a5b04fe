"""The reaper: ends what has expired, earliest first, from the ordered index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from strongroom.errors import Conflict, Internal, Sealed, StrongroomError
from strongroom.lease import Leases
from strongroom.logical import Request, home_of

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
        ended = 0
        try:
            ended = await sweep(core)
            await core.keep_keyring()
        except Sealed:
            return
        except StrongroomError as error:
            _log.error("expiry has to wait: %s", error.cause or error.public)
        except Exception:  # noqa: BLE001  a defect in one place must not end all expiry
            _log.exception("expiry has to wait")
        if not ended:
            await asyncio.sleep(PAUSE)


async def sweep(core: Core) -> int:
    """Take one step with each of the first that are due now; gives how many there were."""
    tx = core.store.begin(write=False)
    try:
        due = await core.leases.due(tx, core.clock(), BATCH)
    finally:
        tx.close()
    if due and core.mounts.stale:  # nobody may have asked for anything since the unseal
        await core.mounts.load()
    for start in range(0, len(due), AT_ONCE):
        await asyncio.gather(*(_end(core, *one) for one in due[start : start + AT_ONCE]))
    return len(due)


async def _end(core: Core, when: int, kind: str, reference: str) -> None:
    """Take one thing back, or do the next step of a job.

    A failure is noted with the lease; what is not even readable is put off. What lost a race stays
    where it is, for the next sweep.
    """
    try:
        await _in_transaction(core, _STEPS[kind[0]], when, kind, reference)
    except Conflict:
        return
    except Sealed:
        raise
    except Exception as error:  # noqa: BLE001  an engine may fail in any way
        _log.warning("revocation failed, to be tried again: %s", type(error).__name__)
        reason = error.public if isinstance(error, StrongroomError) else type(error).__name__
        with suppress(Conflict):
            await _in_transaction(core, partial(_note_failure, kind, reason), when, kind, reference)


async def _note_failure(  # noqa: PLR0917  the first two make a step of it
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


async def _in_transaction(core: Core, step: Step, when: int, kind: str, reference: str) -> None:
    request = core.internal_request()
    try:
        namespace = await core.namespaces.whatever_is_left_of(request.tx, _home(kind, reference))
        if namespace is None:  # cleared already
            core.leases.unschedule(request.tx, when, kind, reference)
        else:
            request.namespace = namespace
            await step(core.leases, request, when, reference)
        await core.store.commit(request.tx)
    finally:
        request.tx.close()


def _home(kind: str, reference: str) -> str:
    """ID of the namespace that an entry of the index is about."""
    if kind in _TOLD_BY_END:
        return home_of(reference)
    return reference if kind == "n" else home_of(kind)


_TOLD_BY_END = frozenset("klt")
"""The kinds whose references end as tokens and leases do."""

Step = Callable[[Leases, Request, int, str], Awaitable[None]]

_STEPS: dict[str, Step] = {
    "d": Leases.purge,
    "i": Leases.forget_mount,
    "k": Leases.end_of_token,
    "l": Leases.end_lease,
    "n": Leases.end_namespace,
    "p": Leases.end_prefix,
    "t": Leases.end_token,
    "u": Leases.settle_intent,
    "w": Leases.wake,
}
"""What ends each kind of row in the index."""
