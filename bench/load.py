"""A load generator cheaper than any server: prepared bytes, one epoll loop, as little parsing as can be."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Maker = Callable[[int], bytes]


@dataclass(slots=True)
class Stream:
    """``connections`` that each keep one request in flight; ``make`` gives the bytes of the n-th request."""

    name: str
    make: Maker
    connections: int
    accept: frozenset[bytes] = frozenset((b"200", b"204"))


@dataclass(slots=True)
class Result:
    """What one stream achieved; latencies are in seconds, in the order of completion."""

    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    first_refusal: bytes = b""

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """An HTTP request as bytes."""
    head = f"{method} /v1/{path} HTTP/1.1\r\nHost: bench\r\nX-Vault-Token: {token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def missing(buffer: bytes) -> bool:
    """Whether the reply in ``buffer`` is not complete yet."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return True
    at = buffer.find(b"ontent-Length: ", 0, end)
    if at >= 0:
        return len(buffer) < end + 4 + int(buffer[at + 15 : buffer.index(b"\r", at)])
    if buffer.find(b"ransfer-Encoding: chunked", 0, end) >= 0:
        return not buffer.endswith(b"0\r\n\r\n")
    return False


class Connection:
    """One keep-alive connection of a stream."""

    __slots__ = ("buffer", "result", "sent", "socket", "stream")

    def __init__(self, port: int, stream: Stream, result: Result) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = stream
        self.result = result
        self.buffer = b""
        self.sent = 0.0

    def send(self, number: int) -> None:
        self.sent = time.perf_counter()
        self.socket.sendall(self.stream.make(number))

    def receive(self) -> bool:
        """Take what has come; True when a reply is complete and counted."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError(f"the server closed a connection of {self.stream.name}")
        self.buffer += part
        if missing(self.buffer):
            return False
        self.result.latencies.append(time.perf_counter() - self.sent)
        if self.buffer[9:12] not in self.stream.accept:
            self.result.refused += 1
            self.result.first_refusal = self.result.first_refusal or self.buffer[:600]
        self.buffer = b""
        return True


def run(port: int, streams: list[Stream], *, seconds: float = 0, count: int = 0) -> dict[str, Result]:
    """Drive all streams for ``seconds``, or until ``count`` requests are sent; results by stream name."""
    results = {stream.name: Result() for stream in streams}
    connections = [
        Connection(port, stream, results[stream.name])
        for stream in streams
        for _ in range(stream.connections)
    ]
    by_number = {connection.socket.fileno(): connection for connection in connections}
    poll = select.epoll()
    number = 0
    for descriptor, connection in by_number.items():
        poll.register(descriptor, select.EPOLLIN)
        connection.send(number)
        number += 1
    deadline = time.perf_counter() + (seconds or 1e9)
    waiting = len(connections)
    while waiting:
        for descriptor, _ in poll.poll():
            connection = by_number[descriptor]
            if not connection.receive():
                continue
            if (count and number >= count) or time.perf_counter() >= deadline:
                waiting -= 1
                continue
            connection.send(number)
            number += 1
    for connection in connections:
        connection.socket.close()
    poll.close()
    return results
