"""Lines sent to a socket: TCP, UDP or Unix."""

from __future__ import annotations

import socket
from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from strongroom.audit.backlog import Backlog
from strongroom.errors import BadRequest

NETWORKS = {
    "tcp": (socket.AF_UNSPEC, socket.SOCK_STREAM),
    "tcp4": (socket.AF_INET, socket.SOCK_STREAM),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM),
    "udp": (socket.AF_UNSPEC, socket.SOCK_DGRAM),
    "udp4": (socket.AF_INET, socket.SOCK_DGRAM),
    "udp6": (socket.AF_INET6, socket.SOCK_DGRAM),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM),
    "unixgram": (socket.AF_UNIX, socket.SOCK_DGRAM),
}


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where a socket connects to: ``host:port``, or the path of a Unix socket."""

    network: str
    address: str

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise BadRequest(f"dial {self.network}: unknown network {self.network}")
        if self.network.startswith("unix"):
            return
        host, _, port = self.address.rpartition(":")
        if not port.isdecimal() or int(port) > 65535 or (":" in host) != (host[:1] + host[-1:] == "[]"):
            raise BadRequest(f"address {self.address}: not a host and a port")

    def connect(self, timeout: float) -> socket.socket:
        """A connected socket, within ``timeout`` seconds for each of the host's addresses. Raises OSError."""
        family, kind = NETWORKS[self.network]
        if family == socket.AF_UNIX:
            return _connected(family, kind, 0, self.address, timeout)
        host, _, port = self.address.rpartition(":")
        failure: OSError = OSError("the host has no address")
        found = socket.getaddrinfo(host.strip("[]") or None, int(port), family, kind)
        for resolved, form, protocol, _, target in found:
            try:
                return _connected(resolved, form, protocol, target, timeout)
            except OSError as error:
                failure = error
        raise failure


def _connected(family: int, kind: int, protocol: int, address: object, timeout: float) -> socket.socket:
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(timeout)
        connection.connect(address)  # type: ignore[arg-type]  # getaddrinfo's forms are connect's
    except BaseException:
        connection.close()
        raise
    return connection


class SocketSink:
    """Sends each line to ``connect``'s socket within ``timeout`` seconds, connecting again once.

    On a stream a line counts as written when the kernel has it; a line that was cut short by a
    lost connection is sent again as a whole on the next. ``frame`` wraps a line for the wire.
    """

    def __init__(
        self,
        connect: Callable[[float], socket.socket],
        *,
        timeout: float = 2.0,
        frame: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._connect = connect
        self._frame = frame
        self._connection: socket.socket | None = None
        self._stale = False
        self._backlog = Backlog(self._transmit, deadline=timeout)

    def write(self, line: bytes) -> Future[None]:
        """Queue ``line``; the future is done when it is sent."""
        return self._backlog.put(self._frame(line))

    def reopen(self) -> None:
        """Connect anew at the next line."""
        self._stale = True

    def close(self) -> None:
        """Send what waits and hang up."""
        self._backlog.close()
        self._hang_up()

    def _transmit(self, data: bytes, timeout: float) -> None:
        deadline = monotonic() + timeout
        try:
            self._send(data, deadline)
        except OSError:
            if monotonic() >= deadline:
                raise
            self._send(data, deadline)

    def _send(self, data: bytes, deadline: float) -> None:
        connection = self._open(deadline)
        try:
            connection.settimeout(_remaining(deadline))
            connection.sendall(data)
        except OSError:
            self._hang_up()
            raise

    def _open(self, deadline: float) -> socket.socket:
        if self._connection is not None and (self._stale or _ended(self._connection)):
            self._hang_up()
        self._stale = False
        if self._connection is None:
            self._connection = self._connect(_remaining(deadline))
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _remaining(deadline: float) -> float:
    return max(0.001, deadline - monotonic())  # zero would mean a non-blocking socket


def _ended(connection: socket.socket) -> bool:
    """Whether the other side hung up: the kernel would still take a line, and lose it."""
    if connection.type != socket.SOCK_STREAM:
        return False
    connection.setblocking(False)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
