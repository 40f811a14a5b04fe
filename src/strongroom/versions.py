"""The versions of Strongroom that have opened this storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom import codec
from strongroom.clock import rfc3339

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction

_PREFIX = "core/versions/"


async def record(core: Core, tx: Transaction, version: str, now: int) -> None:
    """Note that this version opens the storage, when it is the first time."""
    view = core.view(tx, _PREFIX)
    if await view.get(version) is not None:
        return
    known = await history(core, tx)
    row = {
        "installed": now,
        "commit_date": core.build_date,
        "previous": next(reversed(known), None),
    }
    view.put(version, codec.encode(row))


async def history(core: Core, tx: Transaction) -> dict[str, dict[str, Any]]:
    """The versions, oldest first: when each came, and after which."""
    view = core.view(tx, _PREFIX)
    rows = {name: codec.decode(blob) for name in await view.list() if (blob := await view.get(name))}
    return {
        name: {
            "commit_date": row["commit_date"],
            "previous_version": row["previous"],
            "timestamp_installed": rfc3339(row["installed"]),
        }
        for name, row in sorted(rows.items(), key=lambda item: int(item[1]["installed"]))
    }
