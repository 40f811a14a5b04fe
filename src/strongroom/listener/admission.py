"""What happens on a new socket before HTTP: PROXY protocol, and a look whether TLS is coming."""

from __future__ import annotations

import asyncio
import socket

from strongroom.listener import proxy_protocol
from strongroom.listener.proxy_protocol import ProxyHeader, ProxyPolicy

_PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
_STARTS_OF_VERBS = frozenset(b"ACDGHLMOPSTU")
_PAUSE = 0.005


class NotAdmittedError(OSError):
    """The connection ends before its first request."""


async def admit(
    sock: socket.socket, peer: tuple[str, int], policy: ProxyPolicy, *, tls: bool
) -> tuple[str, int]:
    """Take what stands before HTTP or TLS off ``sock`` and return the client's address and port.

    Raises NotAdmittedError, OSError, and ValueError for a malformed PROXY header.
    """
    client = peer
    if policy.enabled:
        if policy.rejects(peer[0]):
            raise NotAdmittedError("not an authorized proxy")
        header = await _proxy_header(sock)
        sock.recv(header.length)
        client = policy.client(peer, header)
    if tls and (await _peek(sock, 1))[0] in _STARTS_OF_VERBS:
        sock.recv(65_536)  # unread input would make the close a reset, and the answer be lost
        sock.send(_PLAIN_HTTP)
        raise NotAdmittedError("plain HTTP on a TLS port")
    return client


async def _proxy_header(sock: socket.socket) -> ProxyHeader:
    while True:
        header = proxy_protocol.parse(await _peek(sock, proxy_protocol.LONGEST))
        if header is not None:
            return header
        await asyncio.sleep(_PAUSE)  # what has come stays in the socket, which therefore stays readable


async def _peek(sock: socket.socket, size: int) -> bytes:
    """Up to ``size`` bytes from ``sock``, left where they are for TLS to read."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
    data = sock.recv(size, socket.MSG_PEEK)
    if not data:
        raise NotAdmittedError("closed before the first request")
    return data
