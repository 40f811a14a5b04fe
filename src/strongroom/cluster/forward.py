"""Forwarding: a follower's half, which sends calls and waits, and the leader's, which answers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from typing import Any, cast

from strongroom.cluster.channel import Channel
from strongroom.cluster.frame import Answer, Call, Chunk, End, KeysWanted, More, Stop
from strongroom.wire import Application, ListenerTraits, Message, Reply


class BrokenOff(Exception):
    """The leader could not finish a streamed body."""


class Forwarder:
    """The leader at the other end of a channel. ``traits`` are those of the listeners, in their order."""

    def __init__(self, channel: Channel, traits: Sequence[ListenerTraits]) -> None:
        self._channel = channel
        self._listeners = {id(each): number for number, each in enumerate(traits)}
        self._number = 0
        self._calls: dict[int, asyncio.Future[Answer]] = {}
        self._streams: dict[int, asyncio.Future[Chunk]] = {}

    async def forward(self, message: Message) -> Reply:
        """What the leader answers."""
        await self._channel.room()
        self._number += 1
        number = self._number
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        self._channel.send(Call.of(number, self._listeners[id(message.listener)], message))
        try:
            found = await answer
        finally:
            del self._calls[number]
        body = self._chunks(number) if found.streamed else found.body
        return Reply(found.status, found.headers, body)

    def want_keys(self) -> None:
        """Ask for the root key."""
        self._channel.send(KeysWanted())

    def answered(self, answer: Answer) -> None:
        """An answer has come; when nobody waits for it any more, its body is declined."""
        waiting = self._calls.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
        elif answer.streamed:
            self._channel.send(Stop(answer.id))

    def chunk(self, chunk: Chunk) -> None:
        """A part of a streamed body has come."""
        waiting = self._streams.get(chunk.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(chunk)

    async def _chunks(self, number: int) -> AsyncIterator[bytes]:
        """The body, fetched no faster than it is used. Raises :class:`BrokenOff`."""
        try:
            while True:
                waiting = self._streams[number] = asyncio.get_running_loop().create_future()
                self._channel.send(More(number))
                chunk = await waiting
                if chunk.end is End.BROKEN:
                    raise BrokenOff
                if chunk.end is End.LAST:
                    return
                yield chunk.data
        finally:
            self._streams.pop(number, None)
            self._channel.send(Stop(number))


class Answers:
    """Answers the calls that come through a channel, with the leader's application.

    A call goes on when its follower is gone: what it writes is whole, and nobody gets the reply.
    """

    def __init__(self, channel: Channel, app: Application, traits: Sequence[ListenerTraits]) -> None:
        self._channel = channel
        self._app = app
        self._traits = traits
        self._tasks: set[asyncio.Task[None]] = set()
        self._bodies: dict[int, AsyncIterator[bytes]] = {}
        self._fetching: dict[int, asyncio.Task[None]] = {}

    def call(self, call: Call) -> None:
        """Answer a call, now or when it is done."""
        outcome = self._app(call.message(self._traits[call.listener]))
        if type(outcome) is Reply:
            self._reply(call.id, outcome)
        else:
            self._spawn(self._wait(call.id, cast("Awaitable[Reply]", outcome)))

    def more(self, wish: More) -> None:
        """Fetch the next part of a streamed body."""
        if wish.id in self._bodies:
            self._fetching[wish.id] = self._spawn(self._fetch(wish.id, self._bodies[wish.id]))

    def stop(self, wish: Stop) -> None:
        """End a streamed body early; nothing when it has ended."""
        body = self._bodies.pop(wish.id, None)
        fetching = self._fetching.pop(wish.id, None)
        if fetching is not None:
            fetching.cancel()
        if body is not None:
            self._spawn(_close(body, fetching))

    def ended(self) -> None:
        """The follower is gone: nobody reads what it was streaming."""
        for number in list(self._bodies):
            self.stop(Stop(number))

    async def _wait(self, number: int, outcome: Awaitable[Reply]) -> None:
        self._reply(number, await outcome)

    def _reply(self, number: int, reply: Reply) -> None:
        body = reply.body
        if type(body) is bytes:
            self._channel.send(Answer(number, reply.status, reply.headers, body))
            return
        self._bodies[number] = cast("AsyncIterator[bytes]", body)
        self._channel.send(Answer(number, reply.status, reply.headers, streamed=True))

    async def _fetch(self, number: int, body: AsyncIterator[bytes]) -> None:
        try:
            chunk = Chunk(number, await anext(body))
        except StopAsyncIteration:
            chunk = Chunk(number, end=End.LAST)
        except Exception:  # noqa: BLE001  whatever it is, the client must notice
            chunk = Chunk(number, end=End.BROKEN)
        self._channel.send(chunk)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _close(body: AsyncIterator[bytes], fetching: asyncio.Task[None] | None) -> None:
    """Let a body clean up, once nothing is being fetched from it."""
    if fetching is not None:
        await asyncio.wait([fetching])
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
