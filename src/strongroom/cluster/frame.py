"""What leader and follower say to each other: one MessagePack array a frame.

Source of the encoding: the MessagePack specification; a frame's first element names its kind.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self

import msgspec

from strongroom.wire import ListenerTraits, Message


class Call(msgspec.Struct, array_like=True, tag=0):
    """A client's message, for the leader to answer. ``listener`` numbers the listener it came by."""

    id: int
    listener: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    remote_address: str
    remote_port: int
    peer_address: str
    tls: bool
    certificate: bytes | None
    certificate_chain: tuple[bytes, ...]

    @classmethod
    def of(cls, number: int, listener: int, message: Message) -> Self:
        """The frame for a message."""
        return cls(
            number,
            listener,
            message.method,
            message.target,
            message.headers,
            message.body,
            message.remote_address,
            message.remote_port,
            message.peer_address,
            message.tls,
            message.certificate,
            message.certificate_chain,
        )

    def message(self, traits: ListenerTraits) -> Message:
        """The message again, as the leader's own listener would have made it."""
        return Message(
            self.method,
            self.target,
            self.headers,
            self.body,
            self.remote_address,
            self.remote_port,
            self.peer_address,
            self.tls,
            self.certificate,
            self.certificate_chain,
            traits,
        )


class Answer(msgspec.Struct, array_like=True, tag=1):
    """The reply to a call. With ``streamed`` its body comes in chunks, each when asked for."""

    id: int
    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    streamed: bool = False


class More(msgspec.Struct, array_like=True, tag=2):
    """The next chunk of a streamed body, please."""

    id: int


class End(IntEnum):
    """Whether a chunk ends its body."""

    NOT_YET = 0
    LAST = 1
    BROKEN = 2


class Chunk(msgspec.Struct, array_like=True, tag=3):
    """A part of a streamed body; one that ends it holds nothing."""

    id: int
    data: bytes = b""
    end: End = End.NOT_YET


class Stop(msgspec.Struct, array_like=True, tag=4):
    """Nobody wants the rest of this streamed body."""

    id: int


class Hello(msgspec.Struct, array_like=True, tag=5):
    """What a reader is to serve: pickled configuration, listening descriptors in its order, own address.

    ``threshold`` is as in :class:`Level`.
    """

    config: bytes
    sockets: list[int]
    api_address: str
    threshold: int


class Ready(msgspec.Struct, array_like=True, tag=6):
    """The reader listens."""


class Lock(msgspec.Struct, array_like=True, tag=7):
    """Forget all keys, those with a lower number too that are still on their way."""

    serial: int


class Done(msgspec.Struct, array_like=True, tag=8):
    """The keys, or the lock, of that number are taken over."""

    serial: int


class KeysWanted(msgspec.Struct, array_like=True, tag=9):
    """The root key at hand does not open the stored keyring."""


class Reload(msgspec.Struct, array_like=True, tag=10):
    """Open files anew; take over the pickled configuration, if there is one."""

    config: bytes = b""


class Leave(msgspec.Struct, array_like=True, tag=11):
    """Finish what is under way within so many seconds, and end."""

    grace: float


class Topic(IntEnum):
    """What a writer asks its readers about."""

    METRICS = 0
    REQUESTS = 1


class Question(msgspec.Struct, array_like=True, tag=12):
    """What the reader has measured, or what it is answering just now."""

    id: int
    topic: Topic


class Told(msgspec.Struct, array_like=True, tag=13):
    """The answer: a :class:`~strongroom.metrics.Snapshot` as MessagePack, or requests by ID as JSON."""

    id: int
    content: bytes


class Level(msgspec.Struct, array_like=True, tag=14):
    """Send lines of the log from this level on."""

    threshold: int


class Logged(msgspec.Struct, array_like=True, tag=15):
    """A line of the log; ``created`` in seconds since the epoch."""

    logger: str
    level: int
    created: float
    message: str
    fields: dict[str, str | int | float]


Frame = (
    Call
    | Answer
    | More
    | Chunk
    | Stop
    | Hello
    | Ready
    | Lock
    | Done
    | KeysWanted
    | Reload
    | Leave
    | Question
    | Told
    | Level
    | Logged
)
