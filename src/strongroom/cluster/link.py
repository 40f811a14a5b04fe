"""One reader process, as its writer sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

from strongroom.cluster import outbox
from strongroom.cluster.channel import Channel
from strongroom.cluster.forward import Answers
from strongroom.cluster.frame import (
    Call,
    Done,
    Frame,
    Hello,
    KeysWanted,
    Leave,
    Lock,
    Logged,
    More,
    Question,
    Ready,
    Stop,
    Told,
    Topic,
)
from strongroom.crypto.aead import zeroize
from strongroom.metrics import Snapshot
from strongroom.wire import Application, ListenerTraits

T = TypeVar("T")
SERIAL = 8
"""Bytes of the number that stands before a root key in the pipe."""

_OURS = ("VAULT_", "BAO_", "STRONGROOM_")
_DEADLINE = 8.0
"""Seconds a reader has to take over keys or a lock; it is killed then, so that nobody waits for ever."""

_PATIENCE = 1.0
"""Seconds a reader has to answer a question."""


class Link:
    """A reader: its process, its channel, and the pipe that brings it the root key.

    ``want_keys`` is called when the reader can use the root key: it listens, or lost track of it.
    ``measured`` is what it had measured when it was last asked.
    """

    def __init__(
        self, app: Application, traits: Sequence[ListenerTraits], want_keys: Callable[[Link], None]
    ) -> None:
        self.ready = False
        self.measured = Snapshot()
        self._want_keys = want_keys
        self._channel = Channel(self._receive, self._lost, holds=True)
        self._answers = Answers(self._channel, app, traits)
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._questions: dict[int, asyncio.Future[bytes]] = {}
        self._asked = 0
        self._keys = -1
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    async def start(
        cls,
        app: Application,
        traits: Sequence[ListenerTraits],
        want_keys: Callable[[Link], None],
        hello: Hello,
    ) -> Self:
        """Start the process. Raises OSError."""
        link = cls(app, traits, want_keys)
        ours, theirs = socket.socketpair()
        keys, link._keys = os.pipe()
        os.set_blocking(link._keys, False)
        try:
            link._process = await _spawn(theirs.fileno(), keys, hello.sockets)
            await asyncio.get_running_loop().create_connection(lambda: link._channel, sock=ours)
        except BaseException:
            ours.close()
            link.close()
            raise
        finally:
            theirs.close()
            os.close(keys)
        link._channel.send(hello)
        return link

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid if self._process is not None else -1

    def send(self, frame: Frame) -> None:
        """Tell the reader something that it need not confirm."""
        self._channel.send(frame)

    async def ended(self) -> int | None:
        """Return when the process has ended, with its exit code."""
        if self._process is None:
            return None
        try:
            return await self._process.wait()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of channel and pipe."""
        self._channel.close()
        if self._keys >= 0:
            os.close(self._keys)
            self._keys = -1
        self._lost()

    async def hand(self, serial: int, root_key: bytes | bytearray) -> None:
        """Give the reader the root key and wait until it has taken it over, or is gone."""
        frame = bytearray(serial.to_bytes(SERIAL, "big") + root_key)
        try:
            os.write(self._keys, frame)
        except OSError:  # it does not read its pipe, or is gone
            self.kill()
        finally:
            zeroize(frame)
        await self._confirmed(serial)

    async def lock(self, serial: int) -> None:
        """Take all keys from the reader and wait until it has none, or is gone."""
        self._channel.send(Lock(serial))
        await self._confirmed(serial)

    async def ask(self, topic: Topic) -> bytes:
        """What the reader tells about a topic; nothing when it does not answer soon."""
        self._asked += 1
        number = self._asked
        waiting = self._questions[number] = asyncio.get_running_loop().create_future()
        self._channel.send(Question(number, topic))
        await asyncio.wait([waiting], timeout=_PATIENCE)
        del self._questions[number]
        return waiting.result() if waiting.done() else b""

    async def leave(self, grace: float) -> None:
        """Let the reader finish what is under way within ``grace`` seconds, and end."""
        self._channel.send(Leave(grace))
        if self._process is None:
            return
        ending = asyncio.ensure_future(self._process.wait())
        await asyncio.wait([ending], timeout=grace + 2)
        if not ending.done():
            self.kill()
            await ending

    def kill(self) -> None:
        """End the process now."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _confirmed(self, serial: int) -> None:
        """Return when the reader has confirmed; one that does not in time is killed, and so has no keys."""
        waiting = self._waiting[serial] = asyncio.get_running_loop().create_future()
        if self._keys < 0:
            waiting.set_result(False)
        await asyncio.wait([waiting], timeout=_DEADLINE)
        del self._waiting[serial]
        if not waiting.done() and self._process is not None:
            self.kill()
            await self._process.wait()

    def _receive(self, frame: Frame) -> None:
        match frame:
            case Call():
                self._answers.call(frame)
            case More():
                self._answers.more(frame)
            case Stop():
                self._answers.stop(frame)
            case Done():
                _resolve(self._waiting.get(frame.serial), True)
            case Told():
                _resolve(self._questions.get(frame.id), frame.content)
            case Logged():
                outbox.log(frame, self.pid)
            case Ready():
                self.ready = True
                self._want_keys(self)
            case KeysWanted():
                self._want_keys(self)
            case _:
                raise AssertionError(f"a reader does not say {type(frame).__name__}")

    def _lost(self) -> None:
        """The channel is gone: the reader ends, if it has not."""
        self.ready = False
        self._answers.ended()
        self.kill()
        for waiting in self._waiting.values():
            _resolve(waiting, False)
        for asked in self._questions.values():
            _resolve(asked, b"")


def _resolve(waiting: asyncio.Future[T] | None, result: T) -> None:
    """Tell whoever waits, if anybody still does."""
    if waiting is not None and not waiting.done():
        waiting.set_result(result)


async def _spawn(channel: int, keys: int, sockets: Sequence[int]) -> asyncio.subprocess.Process:
    """A Python with nothing on its command line but descriptors, and none of our settings around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "strongroom.cluster.reader",
        str(channel),
        str(keys),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=(channel, keys, *sockets),
        env=environment,
    )
