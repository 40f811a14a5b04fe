"""How many leases live below the places that lease-count quotas are about.

A tally is counted when it is first asked for, and from then on kept by the commits themselves: each
tells how it changes the number of leases at the moment it is accepted, which is also when bounds
are checked. So the number is exact whatever happens at the same time, and no row is written that
all logins would collide on. It lives in memory, of the one process that writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from strongroom.errors import Conflict

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Namespace, Request
    from strongroom.storage.transaction import Transaction

_PAGE = 1_000


class Tally:
    """The number of leases below one place, in batches that are accepted. ``epoch`` is the store's."""

    __slots__ = ("count", "counting", "epoch")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.count = 0
        self.counting: asyncio.Task[None] | None = None


class Tallies:
    """The tallies of one core, by storage prefix of the namespace and place in it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._kept: dict[tuple[str, str], Tally] = {}

    def changed(self, request: Request, lease_id: str, by: int) -> None:
        """A request adds a lease, or takes one away; this counts when its writes are accepted."""
        request.tx.on_accept(partial(self._change, request.namespace.prefix, lease_id, by))

    def _change(self, namespace: str, lease_id: str, by: int) -> None:
        if not self._kept:
            return
        for place in _places(lease_id):
            tally = self._kept.get((namespace, place))
            if tally is not None:
                tally.count += by

    async def of(self, namespace: Namespace, place: str) -> Tally:
        """The tally of a place (empty, or ending in ``/``); counted first if that was not done."""
        key = namespace.prefix, place
        tally = self._kept.get(key)
        if tally is None or tally.epoch != self._core.store.epoch:
            tally = self._begin(key)
        counting = tally.counting
        if counting is not None:
            await asyncio.wait([counting])
            counting.result()
        return tally

    def bound(self, request: Request, place: str, most: int) -> None:
        """Have the request begin again if there are ``most`` leases by the time it is accepted."""
        key = request.namespace.prefix, place

        def check() -> None:
            tally = self._kept.get(key)
            if tally is None or tally.epoch != self._core.store.epoch or tally.count >= most:
                raise Conflict(cause="the leases have become too many, or have to be counted again")

        request.tx.on_accept(check=check)

    def keep(self, places: Iterable[str]) -> None:
        """Forget the tallies of all other places."""
        wanted = frozenset(places)
        for key in [key for key in self._kept if key[1] not in wanted]:
            self._drop(key)

    def forget(self) -> None:
        """Forget all tallies."""
        self.keep(())

    def _drop(self, key: tuple[str, str]) -> None:
        counting = self._kept.pop(key).counting
        if counting is not None:
            counting.cancel()

    def _begin(self, key: tuple[str, str]) -> Tally:
        """Begin to count. Commits from here on add to the tally, those before are in the transaction."""
        if key in self._kept:
            self._drop(key)
        store = self._core.store
        tally = self._kept[key] = Tally(store.epoch)
        tx = store.begin(write=True)
        namespace, place = key
        prefix = f"{namespace}sys/expire/id/{place}"
        tx.watch(prefix)  # the state that is read is that of now
        tally.counting = asyncio.get_running_loop().create_task(self._count(key, tally, tx, prefix))
        return tally

    async def _count(self, key: tuple[str, str], tally: Tally, tx: Transaction, prefix: str) -> None:
        after = ""
        try:
            while page := await tx.scan(prefix, after, _PAGE):
                tally.count += len(page)
                after = page[-1]
                await asyncio.sleep(0)  # others have their turn
        except BaseException:
            if self._kept.get(key) is tally:
                del self._kept[key]
            raise
        finally:
            tx.close()
        tally.counting = None


def _places(lease_id: str) -> Iterator[str]:
    """Every place that a lease is below."""
    yield ""
    end = lease_id.find("/")
    while end >= 0:
        yield lease_id[: end + 1]
        end = lease_id.find("/", end + 1)
