from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Self

import msgspec
import pytest

from strongroom.cluster.channel import Channel
from strongroom.cluster.forward import Answers, BrokenOff, Forwarder
from strongroom.cluster.frame import Answer, Call, Chunk, Done, End, Frame, KeysWanted, Lock, More, Stop
from strongroom.wire import Application, ListenerTraits, Message, Reply

TRAITS = [ListenerTraits(), ListenerTraits(unauthenticated_metrics_access=True)]


def _itself(channel: Channel) -> Channel:
    return channel


class Both:
    """A follower's end and a leader's end, joined by a socket pair."""

    def __init__(self, app: Application) -> None:
        self.gone = asyncio.Semaphore(0)
        self.theirs = Channel(self._call, self._lost, holds=True)
        self.ours = Channel(self._answer, self._lost)
        self.forwarder = Forwarder(self.ours, TRAITS)
        self.answers = Answers(self.theirs, app, TRAITS)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for channel, end in zip((self.ours, self.theirs), socket.socketpair(), strict=True):
            await loop.create_connection(partial(_itself, channel), sock=end)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ours.close()
        self.theirs.close()
        await self.gone.acquire()
        await self.gone.acquire()

    def _call(self, frame: Frame) -> None:
        match frame:
            case Call():
                self.answers.call(frame)
            case More():
                self.answers.more(frame)
            case Stop():
                self.answers.stop(frame)

    def _answer(self, frame: Frame) -> None:
        match frame:
            case Answer():
                self.forwarder.answered(frame)
            case Chunk():
                self.forwarder.chunk(frame)

    def _lost(self) -> None:
        self.gone.release()


class Streaming:
    """Answers everything with a stream."""

    def __init__(self, chunks: Callable[[], AsyncIterator[bytes]]) -> None:
        self.chunks = chunks

    def __call__(self, message: Message) -> Reply:
        return Reply(200, [], self.chunks())


def run(scenario: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario

    asyncio.run(bounded())


def sent_to(target: str = "/v1/x", body: bytes = b"") -> Message:
    return Message("POST", target, {"x-a": "ü"}, body, listener=TRAITS[1])


def test_a_message_arrives_as_it_was_and_so_does_its_reply() -> None:
    async def scenario() -> None:
        seen: list[Message] = []

        def app(message: Message) -> Reply:
            seen.append(message)
            return Reply(207, [("X-B", "ß"), ("X-B", "2")], message.body * 2)

        sent = Message(
            "LIST", "/v1/a%20b?x=1", {"h": "ÿ"}, b"\x00\xff", "192.0.2.1", 4711, "::1", True,
            b"leaf", (b"ca",), TRAITS[1],
        )  # fmt: skip
        async with Both(app) as both:
            reply = await both.forwarder.forward(sent)
        assert seen == [sent]
        assert seen[0].listener is TRAITS[1]
        assert reply == Reply(207, [("X-B", "ß"), ("X-B", "2")], b"\x00\xff" * 2)

    run(scenario())


def test_replies_find_their_callers_in_any_order() -> None:
    async def scenario() -> None:
        async def app(message: Message) -> Reply:
            await asyncio.sleep(int(message.body) % 7 / 1000)
            return Reply(200, [], message.body)

        async with Both(app) as both:
            bodies = [str(number).encode() for number in range(500)]
            replies = await asyncio.gather(*(both.forwarder.forward(sent_to(body=body)) for body in bodies))
        assert [reply.body for reply in replies] == bodies

    run(scenario())


def test_large_messages_and_replies_side_by_side_do_not_block_each_other() -> None:
    async def scenario() -> None:
        async def app(message: Message) -> Reply:
            return Reply(200, [], message.body)

        async with Both(app) as both:
            bodies = [bytes([number]) * 3_000_000 for number in range(24)]
            replies = await asyncio.gather(*(both.forwarder.forward(sent_to(body=body)) for body in bodies))
        assert [reply.body for reply in replies] == bodies

    run(scenario())


def test_a_streamed_body_is_fetched_no_faster_than_it_is_read() -> None:
    async def scenario() -> None:
        made = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal made
            for number in range(50):
                made += 1
                yield str(number).encode()

        async with Both(Streaming(chunks)) as both:
            reply = await both.forwarder.forward(sent_to())
            assert not isinstance(reply.body, bytes)
            got = []
            async for chunk in reply.body:
                got.append(int(chunk))
                await asyncio.sleep(0.002)
                assert made == len(got)
        assert got == [*range(50)]

    run(scenario())


def test_a_stream_that_nobody_reads_any_more_is_closed() -> None:
    async def scenario() -> None:
        closed = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await asyncio.Event().wait()
                yield b"never"
            finally:
                closed.set()

        async with Both(Streaming(chunks)) as both:
            reply = await both.forwarder.forward(sent_to())
            body = reply.body
            assert not isinstance(body, bytes)
            assert await anext(body) == b"first"
            waiting = asyncio.ensure_future(anext(body))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await closed.wait()

    run(scenario())


def test_streams_end_with_their_follower() -> None:
    async def scenario() -> None:
        closed = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await asyncio.Event().wait()
            finally:
                closed.set()

        async with Both(Streaming(chunks)) as both:
            reply = await both.forwarder.forward(sent_to())
            assert not isinstance(reply.body, bytes)
            assert await anext(reply.body) == b"first"
            waiting = asyncio.ensure_future(anext(reply.body))
            await asyncio.sleep(0.01)
            both.answers.ended()
            await closed.wait()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    run(scenario())


def test_a_stream_that_breaks_off_is_not_taken_for_whole() -> None:
    async def scenario() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"a part"
            raise RuntimeError

        async with Both(Streaming(chunks)) as both:
            reply = await both.forwarder.forward(sent_to())
            assert not isinstance(reply.body, bytes)
            assert await anext(reply.body) == b"a part"
            with pytest.raises(BrokenOff):
                await anext(reply.body)

    run(scenario())


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    async def scenario() -> None:
        done = asyncio.Event()

        async def app(message: Message) -> Reply:
            if message.target == "/v1/slow":
                await asyncio.sleep(0.05)
                done.set()
            return Reply(200, [], message.body)

        async with Both(app) as both:
            slow = asyncio.ensure_future(both.forwarder.forward(sent_to("/v1/slow")))
            await asyncio.sleep(0.01)
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)
            await done.wait()
            assert (await both.forwarder.forward(sent_to(body=b"next"))).body == b"next"

    run(scenario())


def test_frames_survive_any_cut() -> None:
    frames: list[Frame] = [
        Lock(1),
        Done(2),
        KeysWanted(),
        Answer(3, 200, [("a", "b")], b"x" * 300),
        Chunk(4, b"", End.LAST),
    ]
    encode = msgspec.msgpack.Encoder().encode
    stream = b"".join(len(encode(frame)).to_bytes(4, "big") + encode(frame) for frame in frames * 50)
    chance = random.Random(3)
    got: list[Frame] = []
    channel = Channel(got.append, lambda: None)
    at = 0
    while at < len(stream):
        size = chance.randint(1, 200)
        channel.data_received(stream[at : at + size])
        at += size
    assert got == frames * 50
