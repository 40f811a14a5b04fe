"""Configurations that leases outlive: what is deleted is kept, out of sight, for those that need it to end.

It goes with the last lease of its mount, or when another takes its place.
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


async def retire(request: Request, records: Records[T], name: str) -> Response | None:
    """Delete a configuration, and say so where it is kept."""
    record = await records.get(name)
    records.delete(name)
    if record is None or not await _left(request, 1):
        return None
    records.put(_KEPT, record)
    return Response(warnings=[_WARNING])


async def still(records: Records[T], name: str) -> T | None:
    """The configuration to end a lease with."""
    return await records.get(name) or await records.get(_KEPT)


async def let_go(request: Request, records: Records[T]) -> None:
    """Forget what is kept, when a lease has ended and was the last."""
    if await records.get(_KEPT) is not None and not await _left(request, 2):
        records.delete(_KEPT)


async def _left(request: Request, least: int) -> bool:
    """Whether the mount has so many leases."""
    ids = await request.core.leases.ids(request, request.mount.prefix, least)
    return len(ids) >= least
