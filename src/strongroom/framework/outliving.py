"""Configurations that leases outlive: what is deleted is kept, out of sight, for those that need it to end.

So it is for acts that are to be undone. It goes with the last of both, or when another takes its place.
"""

from __future__ import annotations

from typing import TypeVar

from strongroom.framework.record import Records
from strongroom.logical import Request, Response

T = TypeVar("T")

_KEPT = "retired"
_WARNING = "Leases are left that were issued with this configuration; it is kept until they have ended."


def replace(records: Records[T], name: str, record: T) -> None:
    """Store a configuration; what is left is ended with it from now on."""
    records.put(name, record)
    records.delete(_KEPT)


async def retire(request: Request, records: Records[T], name: str, kind: str) -> Response | None:
    """Delete a configuration, and say so where it is kept. ``kind`` is that of the acts that need it."""
    record = await records.get(name)
    records.delete(name)
    if record is None or not await _left(request, kind, 1):
        return None
    records.put(_KEPT, record)
    return Response(warnings=[_WARNING])


async def still(records: Records[T], name: str) -> T | None:
    """The configuration to end a lease with."""
    return await records.get(name) or await records.get(_KEPT)


async def let_go(request: Request, records: Records[T], kind: str) -> None:
    """Forget what is kept, when a lease is about to end, or an act was undone, and was the last."""
    if await records.get(_KEPT) is not None and not await _left(request, kind, 2):
        records.delete(_KEPT)


async def _left(request: Request, kind: str, least: int) -> bool:
    """Whether the mount has so many leases and unsettled acts."""
    ids = await request.core.leases.ids(request, request.mount.prefix, least)
    return len(ids) >= least or len(ids) + await request.core.intents.unsettled(request, kind) >= least
