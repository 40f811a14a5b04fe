"""How many leases live below the places that lease-count quotas are about.

A tally is counted when it is first asked for, and from then on kept by the commits themselves: each
tells how it changes the number of leases at the moment it is accepted, which is also when bounds
are checked. So the number is exact whatever happens at the same time, and no row is written that
all logins would collide on. It lives in memory, of the one process that writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from strongroom.errors import Conflict

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction

Place = tuple[str, str]
"""Storage prefix of a namespace, and the beginning of lease IDs in it: empty, or ending in ``/``."""

_PAGE = 1_000


class Tally:
    """The number of leases below one place, in batches that are accepted. ``epoch`` is the store's."""

    __slots__ = ("count", "counting", "epoch")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.count = 0
        self.counting: asyncio.Task[None] | None = None


class Tallies:
    """The tallies of one core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._kept: dict[Place, Tally] = {}

    def changed(self, tx: Transaction, namespace: str, lease_id: str, by: int) -> None:
        """A transaction adds a lease, or takes one away; this counts when its writes are accepted.

        ``namespace`` is the storage prefix of the namespace in which the lease is stored.
        """
        tx.on_accept(partial(self._change, namespace, lease_id, by))

    def _change(self, namespace: str, lease_id: str, by: int) -> None:
        if not self._kept:
            return
        for beginning in _beginnings(lease_id):
            tally = self._kept.get((namespace, beginning))
            if tally is not None:
                tally.count += by

    async def count(self, places: Sequence[Place]) -> int:
        """How many leases live at these places, none of which lies below another one."""
        return sum([(await self._tally(place)).count for place in places])

    async def _tally(self, place: Place) -> Tally:
        """The tally of a place, counted first if that was not done."""
        tally = self._known(place) or self._begin(place)
        counting = tally.counting
        if counting is not None:
            await asyncio.wait([counting])
            if counting.cancelled():
                raise Conflict(cause="the leases were not counted to the end")
            counting.result()
        return tally

    def _known(self, place: Place) -> Tally | None:
        tally = self._kept.get(place)
        return None if tally is None or tally.epoch != self._core.store.epoch else tally

    def bound(self, tx: Transaction, places: Sequence[Place], most: int) -> None:
        """Have the commit fail if ``most`` leases live at these places by then: the request begins again."""

        def check() -> None:
            tallies = [self._known(place) for place in places]
            if sum(most if tally is None else tally.count for tally in tallies) >= most:
                raise Conflict(cause="the leases have become too many, or have to be counted again")

        tx.on_accept(check=check)

    def keep(self, beginnings: Iterable[str]) -> None:
        """Forget the tallies of all places where lease IDs begin otherwise."""
        wanted = frozenset(beginnings)
        for place in [place for place in self._kept if place[1] not in wanted]:
            self._drop(place)

    def forget(self) -> None:
        """Forget all tallies."""
        self.keep(())

    def _drop(self, place: Place) -> None:
        counting = self._kept.pop(place).counting
        if counting is not None:
            counting.cancel()

    def _begin(self, place: Place) -> Tally:
        """Begin to count. Commits from here on add to the tally, those before are in the transaction."""
        if place in self._kept:
            self._drop(place)
        store = self._core.store
        tally = self._kept[place] = Tally(store.epoch)
        tx = store.begin(write=True)
        namespace, beginning = place
        prefix = f"{namespace}sys/expire/id/{beginning}"
        tx.watch(prefix)  # the state that is read is that of now
        tally.counting = asyncio.get_running_loop().create_task(self._count(place, tally, tx, prefix))
        tally.counting.add_done_callback(lambda _: tx.close())
        return tally

    async def _count(self, place: Place, tally: Tally, tx: Transaction, prefix: str) -> None:
        after = ""
        try:
            while page := await tx.scan(prefix, after, _PAGE):
                tally.count += len(page)
                after = page[-1]
                await asyncio.sleep(0)  # others have their turn
        except BaseException:
            if self._kept.get(place) is tally:
                del self._kept[place]
            raise
        tally.counting = None


def _beginnings(lease_id: str) -> Iterator[str]:
    """Every beginning of a lease's ID that a rule may be about."""
    yield ""
    end = lease_id.find("/")
    while end >= 0:
        yield lease_id[: end + 1]
        end = lease_id.find("/", end + 1)
