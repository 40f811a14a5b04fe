"""Identical requests at the same moment: one goes, the others wait for what it brings."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from strongroom.errors import StrongroomError

T = TypeVar("T")

_REMEMBERED = 4096


class _Flight(Generic[T]):
    __slots__ = ("ended", "error", "following", "result")

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.error: StrongroomError | None = None
        self.following: _Flight[T] | None = None
        """The next one, for all who waited for this one."""
        self.result: T | None = None


class Flights(Generic[T]):
    """Who is under way, by identity.

    A request that joins others shares no answer that was made before it came: it may have been sent because
    of a change that answer does not show. So it waits for the one under way, and only what that one left in
    the cache, or the next one together with all who waited, serves it.
    """

    def __init__(self) -> None:
        self._flying: dict[str, _Flight[T]] = {}
        self._alone: OrderedDict[str, None] = OrderedDict()
        self.joined = 0
        """How many requests another one has saved."""

    def __len__(self) -> int:
        return len(self._flying)

    async def fly(
        self,
        id_: str,
        kept: Callable[[], T | None],
        send: Callable[[], Awaitable[tuple[T, bool, bool]]],
    ) -> T:
        """The answer to a request: from ``kept`` as soon as it is there, else by ``send``.

        ``send`` tells of its answer besides whether those who waited may have the same, and whether it is
        worth waiting for such a request at all.
        """
        if id_ not in self._alone:
            flight = self._flying.get(id_)
            if flight is None:
                return await self._lead(id_, _Flight[T](), send)
            await flight.ended.wait()
            if (found := kept()) is not None:
                self.joined += 1
                return found
            if id_ not in self._alone:
                following = flight.following or self._flying.get(id_)
                if following is None:
                    flight.following = _Flight[T]()
                    return await self._lead(id_, flight.following, send)
                return await self._join(following, kept, send)
        return await self._go_alone(id_, send)

    async def _join(
        self,
        flight: _Flight[T],
        kept: Callable[[], T | None],
        send: Callable[[], Awaitable[tuple[T, bool, bool]]],
    ) -> T:
        """Have what a flight brings that began after the request came."""
        await flight.ended.wait()
        found = kept() or flight.result
        if found is None and flight.error is None:
            return (await send())[0]
        self.joined += 1
        if found is None and flight.error is not None:
            raise flight.error
        assert found is not None  # noqa: S101  for the type checker
        return found

    async def _go_alone(self, id_: str, send: Callable[[], Awaitable[tuple[T, bool, bool]]]) -> T:
        answer, _, worth = await send()
        if worth:
            self._alone.pop(id_, None)
        return answer

    async def _lead(
        self, id_: str, flight: _Flight[T], send: Callable[[], Awaitable[tuple[T, bool, bool]]]
    ) -> T:
        self._flying[id_] = flight
        try:
            answer, shared, worth = await send()
        except StrongroomError as error:
            flight.error = error
            raise
        else:
            if shared:
                flight.result = answer
            if not worth:
                self._alone[id_] = None
                if len(self._alone) > _REMEMBERED:
                    self._alone.popitem(last=False)
            return answer
        finally:
            if self._flying.get(id_) is flight:
                del self._flying[id_]
            flight.ended.set()
