"""The reader process: the listening sockets and the storage of its writer, its own caches and audit lines.

Started by :mod:`strongroom.cluster.link` with two descriptors: the channel to the writer, and the
pipe by which root keys come. It ends at once when the writer is gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import msgspec

from strongroom import codec, telemetry
from strongroom.cluster.channel import Channel
from strongroom.cluster.contract import Leader, LeaderNeeded
from strongroom.cluster.follower import Follower
from strongroom.cluster.forward import Forwarder
from strongroom.cluster.frame import (
    Answer,
    Chunk,
    Done,
    Frame,
    Hello,
    Leave,
    Level,
    Lock,
    Question,
    Ready,
    Reload,
    Told,
    Topic,
)
from strongroom.cluster.link import SERIAL
from strongroom.cluster.outbox import Outbox
from strongroom.config.listeners import listener_config
from strongroom.crypto.aead import KEY_BYTES, zeroize
from strongroom.errors import StorageFailed
from strongroom.handler import Handler
from strongroom.listener.listener import Listener
from strongroom.log import Logs
from strongroom.metrics import Snapshot
from strongroom.server import GRACE, run, settle_memory
from strongroom.storage.lmdb import LMDB, MAP_SIZE
from strongroom.sys import introspect
from strongroom.wire import Message, Reply

if TYPE_CHECKING:
    from strongroom.config.stanza import ServerConfig

_log = logging.getLogger("cluster")
_LARGE = 65_536
"""Bodies above so many bytes are for the writer, and are not parsed here to find that out."""
_AGAIN = 0.05
"""Seconds until a root key is asked for again that did not open the keyring."""
_LAST_WORDS = 0.1
"""Seconds for the last line of the log to get to the writer."""


class Answering:
    """The application of a reader's listeners: it answers what it may, and forwards the rest."""

    def __init__(self, core: Follower, leader: Leader) -> None:
        self._core = core
        self._leader = leader
        self._handler = Handler(core)

    def __call__(self, message: Message) -> Reply | Awaitable[Reply]:
        """Answer a message, here or by the leader."""
        core = self._core
        if core.barrier.sealed or len(message.body) > _LARGE:
            return self._leader.forward(message)
        try:
            core.store.follow()
            outcome = self._handler(message)
        except (LeaderNeeded, StorageFailed):
            return self._leader.forward(message)
        finally:
            core.store.release()
        return outcome if type(outcome) is Reply else self._rest(outcome, message)  # type: ignore[arg-type]

    async def _rest(self, outcome: Awaitable[Reply], message: Message) -> Reply:
        try:
            return await outcome
        except LeaderNeeded:
            return await self._leader.forward(message)


class Reader:
    """One reader, from the writer's first word to its last."""

    def __init__(self, keys: int) -> None:
        self.channel = Channel(self._receive, _orphaned)
        self._keys = keys
        self._logs = Logs()
        self._listeners: list[Listener] = []
        self._left = asyncio.Event()
        self._turn = asyncio.Lock()
        self._locked = 0
        self._missed: Reload | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._core: Follower = None  # type: ignore[assignment]  # made when the writer has said hello
        self._forwarder: Forwarder = None  # type: ignore[assignment]  # as above

    async def finished(self) -> None:
        """Return when the reader has left."""
        await self._left.wait()

    def leave(self, grace: float) -> None:
        """Finish what is under way within ``grace`` seconds, and end."""
        self._spawn(self._leave(grace))

    async def _leave(self, grace: float) -> None:
        await asyncio.gather(*(listener.stop(grace) for listener in self._listeners))
        if self._core is not None:
            await self._core.stop()
        self._left.set()

    def _receive(self, frame: Frame) -> None:
        match frame:
            case Answer():
                self._forwarder.answered(frame)
            case Chunk():
                self._forwarder.chunk(frame)
            case Lock():
                self._locked = frame.serial
                self._spawn(self._lock(frame.serial))
            case Level():
                self._logs.follow(frame.threshold)
            case Question():
                self.channel.send(Told(frame.id, told(self._core, frame.topic)))
            case Reload():
                self._reload(frame)
            case Leave():
                self.leave(frame.grace)
            case Hello():
                self._spawn(self._begin(frame))
            case _:
                raise AssertionError(f"a writer does not say {type(frame).__name__}")

    # -- beginning and reloading -------------------------------------------------------------------

    async def _begin(self, hello: Hello) -> None:
        config: ServerConfig = pickle.loads(hello.config)  # noqa: S301  from our own parent's socket
        outbox = Outbox(self.channel)
        self._logs.to(outbox)
        self._logs.follow(hello.threshold)
        self._spawn(outbox.run())
        configs = [
            listener_config(stanza, config.default_max_request_duration) for stanza in config.listeners
        ]
        self._forwarder = Forwarder(self.channel, [each.traits for each in configs])
        self._core = Follower(config, _storage(config), self._forwarder, self._logs)
        self._core.api_address = hello.api_address
        await self._core.start()
        app = Answering(self._core, self._forwarder)
        self._listeners = [Listener(app, each) for each in configs]
        for listener, descriptor in zip(self._listeners, hello.sockets, strict=True):
            listener.shared = True
            await listener.start(socket.socket(fileno=descriptor))
        asyncio.get_running_loop().add_reader(self._keys, self._take_key)
        self._spawn(telemetry.run(self._core, ()))
        settle_memory()
        self._started()

    def _started(self) -> None:
        if self._missed is not None:
            self._reload(self._missed)
        self.channel.send(Ready())

    def _reload(self, asked: Reload) -> None:
        if not self._listeners:
            self._missed = asked  # still starting, by settings that may be the old ones
            return
        for listener in self._listeners:
            try:
                listener.reload()
            except (OSError, ValueError) as error:
                _log.error("listener keeps its old TLS files: %s", error)
        for path, failure in self._core.audit.reload().items():
            _log.error("audit device %s was not reopened: %s", path, failure)
        if asked.config:
            config: ServerConfig = pickle.loads(asked.config)  # noqa: S301  from our own parent's socket
            for listener, stanza in zip(self._listeners, config.listeners, strict=False):
                listener.set_response_headers(listener_config(stanza).custom_response_headers)

    # -- keys --------------------------------------------------------------------------------------

    def _take_key(self) -> None:
        """A root key has come, after its number; one with a lower number than the last lock is void."""
        frame = bytearray(SERIAL + KEY_BYTES)
        if os.readv(self._keys, [frame]) == len(frame):
            serial, root_key = int.from_bytes(frame[:SERIAL], "big"), frame[SERIAL:]
            zeroize(frame)
            self._spawn(self._unlock(serial, root_key))
        else:  # the writer has let go of the pipe
            asyncio.get_running_loop().remove_reader(self._keys)

    async def _unlock(self, serial: int, root_key: bytearray) -> None:
        async with self._turn:
            try:
                fits = serial < self._locked or await self._core.unlock(root_key)
            finally:
                zeroize(root_key)
        self.channel.send(Done(serial))
        if not fits:  # the keyring moved on while the key was on its way
            await asyncio.sleep(_AGAIN)
            self._forwarder.want_keys()

    async def _lock(self, serial: int) -> None:
        if self._core is not None:
            self._core.lifecycle.close()
            async with self._turn:
                await self._core.lifecycle.seal()
        self.channel.send(Done(serial))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_or_die(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def told(core: Follower, topic: Topic) -> bytes:
    """What a follower tells its leader about a topic."""
    if topic is Topic.REQUESTS:
        return codec.encode(introspect.under_way(core))
    core.measures.tick(time.time())
    return msgspec.msgpack.encode(Snapshot.of(core.measures.metrics))


async def _or_die(work: Awaitable[None]) -> None:
    """A reader that fails to do what it is told ends: another one takes its place."""
    try:
        await work
    except Exception:  # noqa: BLE001  whatever it is
        _log.exception("the reader process ends")
        await asyncio.sleep(_LAST_WORDS)
        os._exit(1)


def _storage(config: ServerConfig) -> LMDB:
    """The writer's storage, for reading."""
    path = config.storage.path if config.storage is not None else ""
    size = getattr(config.storage, "map_size", 0) or MAP_SIZE
    return LMDB(path, readonly=True, map_size=size)


def _orphaned() -> None:
    """The writer is gone: nothing here may outlive it."""
    os._exit(0)


async def serve(channel: int, keys: int) -> None:
    """Be a reader on these descriptors, until told to leave; SIGTERM says that too, SIGINT nothing."""
    reader = Reader(keys)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, reader.leave, GRACE)
    await loop.create_connection(lambda: reader.channel, sock=socket.socket(fileno=channel))
    await reader.finished()
    os._exit(0)  # all is closed that has to be; an interpreter takes its time to end


if __name__ == "__main__":
    os.umask(0o077)
    run(serve(int(sys.argv[1]), int(sys.argv[2])))
