"""A connection without a socket: what goes in, what the application saw, what came out."""

from __future__ import annotations

import asyncio
from typing import Any

from strongroom.listener.config import ListenerConfig
from strongroom.listener.connection import Connection
from strongroom.listener.service import Service
from strongroom.wire import Application, Message, Reply


class Wire(asyncio.Transport):
    """The server's end of a wire nobody else holds."""

    def __init__(self) -> None:
        super().__init__()
        self.output = b""
        self.closed = False
        self.aborted = False
        self.paused = 0
        self.unsent = 0

    def write(self, data: Any) -> None:
        assert not self.closed
        self.output += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = 1

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = 0

    def get_write_buffer_size(self) -> int:
        return self.unsent


def echo(message: Message) -> Reply:
    """Answers with what it understood."""
    return Reply(
        200, [("Content-Type", "text/plain")], f"{message.method} {message.target}".encode() + message.body
    )


class Conversation:
    """One connection to ``app``. ``messages`` is what reached the application."""

    def __init__(self, config: ListenerConfig | None = None, app: Application = echo) -> None:
        self.messages: list[Message] = []

        def recorded(message: Message) -> Any:
            self.messages.append(message)
            return app(message)

        self.service = Service(recorded, config or ListenerConfig())
        self.connection = Connection(self.service, ("192.0.2.1", 4321), "192.0.2.1")
        self.wire = Wire()
        self.connection.connection_made(self.wire)

    def say(self, *parts: bytes) -> Conversation:
        """Send ``parts``, each as one read."""
        for part in parts:
            self.connection.data_received(part)
        return self

    @property
    def heard(self) -> list[tuple[str, str, bytes]]:
        """Verb, target and body of each message."""
        return [(one.method, one.target, one.body) for one in self.messages]

    @property
    def statuses(self) -> list[int]:
        """Of each reply; bodies of these tests never look like a status line."""
        return [int(part[:3]) for part in self.wire.output.split(b"HTTP/1.1 ")[1:]]

    def pass_time(self, seconds: float) -> None:
        """Let the clock run and the deadlines strike."""
        expired = [one for one in self.service.connections if one.deadline < self.service.now + seconds]
        for one in expired:
            one.expire()
