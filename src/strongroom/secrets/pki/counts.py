"""How many certificates a mount keeps, and how many of them are revoked.

They are counted when somebody first asks, in the background, and from then on kept by the commits themselves:
each tells at the moment it is accepted what it adds and takes away. So the numbers are exact whatever happens
at the same time, asking costs nothing, and no row is written that all who issue would collide on. They live
in memory, of the one process that writes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.logical import Request

CERTIFICATES, REVOKED = "certs/", "revoked/"
"""What is counted, by the rows it stands in."""
_NAMES = {CERTIFICATES: "total_certificates_stored", REVOKED: "total_revoked_certificates_stored"}
_PAGE = 5_000
_PATIENCE = 2
"""Seconds that who asks waits for the counting; who asks again finds it further, or done."""


class _Count:
    """One number, in batches that are accepted. ``epoch`` is the store's."""

    __slots__ = ("counting", "epoch", "number")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.number = 0
        self.counting: asyncio.Task[None] | None = None


class Counts:
    """The numbers of one mount."""

    def __init__(self) -> None:
        self._kept: dict[str, _Count] = {}
        self._published = False

    def changed(self, request: Request, rows: str, by: int) -> None:
        """A request adds rows, or takes them away; this counts when its writes are accepted."""
        request.tx.on_accept(partial(self._change, rows, by))

    def _change(self, rows: str, by: int) -> None:
        count = self._kept.get(rows)
        if count is not None:
            count.number += by

    async def of(self, request: Request, rows: str) -> int | None:
        """The number; None while it is still counted."""
        count = self._known(request, rows)
        if count.counting is not None:
            await asyncio.wait([count.counting], timeout=_PATIENCE)
        return count.number if count.counting is None else None

    def _known(self, request: Request, rows: str) -> _Count:
        """The number, of which the counting begins if need be."""
        count = self._kept.get(rows)
        if count is None or count.epoch != request.core.store.epoch:
            count = self._begin(request, rows)
        return count

    def publish(self, request: Request, *, wanted: bool) -> None:
        """Have the numbers be metrics, or end that."""
        self._published = wanted
        if not wanted:
            return
        for rows, name in _NAMES.items():
            self._known(request, rows)
            place = f"secrets.pki.{request.mount.entry.uuid}.{name}"
            request.core.measures.metrics.gauge(place, partial(self._reading, rows))

    def _reading(self, rows: str) -> Any:
        count = self._kept.get(rows)
        return [] if count is None or count.counting is not None or not self._published else count.number

    def forget(self) -> None:
        """Forget the numbers: another process may write from now on."""
        for rows in list(self._kept):
            self._drop(rows)

    def _drop(self, rows: str) -> None:
        counting = self._kept.pop(rows).counting
        if counting is not None:
            counting.cancel()

    def _begin(self, request: Request, rows: str) -> _Count:
        """Begin to count. Commits from here on change the number, those before are in the transaction."""
        if rows in self._kept:
            self._drop(rows)
        store = request.core.store
        count = self._kept[rows] = _Count(store.epoch)
        tx = store.begin(write=True)
        prefix = request.mount.storage_prefix + rows
        tx.watch(prefix)  # the state that is read is that of now
        count.counting = asyncio.get_running_loop().create_task(self._count(count, rows, tx, prefix))
        count.counting.add_done_callback(lambda _: tx.close())
        return count

    async def _count(self, count: _Count, rows: str, tx: Any, prefix: str) -> None:
        after = ""
        try:
            while page := await tx.scan(prefix, after, _PAGE):
                count.number += len(page)
                after = page[-1]
                await asyncio.sleep(0)  # others have their turn
        except BaseException:
            with suppress(KeyError):
                if self._kept[rows] is count:
                    del self._kept[rows]
            raise
        count.counting = None
