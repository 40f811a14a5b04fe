"""Asks resolvers for names: over UDP, and over TCP when an answer is too long for that."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from strongroom.crypto.entropy import random_bytes
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation import dns_message
from strongroom.secrets.pki.acme.validation.dns_message import Answer, Unreadable

PATIENCE = 3.0
"""Seconds to wait for an answer before the question is asked again, or of the next resolver."""
TRIES = 2
PORT = 53
SYSTEM = Path("/etc/resolv.conf")
_SERVERS = 3
_AT_ONCE = 8
_ADDRESSES = 8
_LONGEST = 65_535

Server = tuple[str, int]


class Resolver:
    """Knows whom to ask: one resolver that was configured, or those of the system."""

    def __init__(self, configured: str = "") -> None:
        self._configured = parse(configured) if configured else None

    async def addresses(self, name: str) -> list[str]:
        """The addresses of a name, IPv4 first. Raises Problem where there is none."""
        if self._configured is None:
            found = await _of_system(name)
        else:
            found = [
                str(ip_address(data))
                for kind, size in ((dns_message.A, 4), (dns_message.AAAA, 16))
                for data in (await self._ask(name, kind)).data
                if len(data) == size
            ]
        if not found:
            raise Problem("dns", f"no address was found for {name}")
        return found[:_ADDRESSES]

    async def texts(self, name: str) -> list[bytes]:
        """The TXT records of a name; none where there is no such name."""
        found = (await self._ask(name, dns_message.TXT)).data
        try:
            return [dns_message.text(data) for data in found]
        except Unreadable:
            raise Problem("dns", f"the resolver's answer about {name} cannot be read") from None

    async def _ask(self, name: str, kind: int) -> Answer:
        servers = [self._configured] if self._configured else await asyncio.to_thread(_system_servers)
        for server in servers * TRIES:
            try:
                async with asyncio.timeout(PATIENCE):
                    reply = await _over_udp(server, name, kind)
                    if reply.truncated:
                        reply = await _over_tcp(server, name, kind)
            except (OSError, TimeoutError, Unreadable):
                continue
            if reply.code in (dns_message.NO_ERROR, dns_message.NX_DOMAIN):
                return reply
        raise Problem("dns", f"no resolver gave an answer about {name}")


def parse(address: str) -> Server:
    """Address and port of a resolver as configured. Raises ValueError, saying what is wrong with it."""
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        raise ValueError(f"address {address}: missing port in address")
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ValueError("got empty address")
    try:
        ip_address(host)
    except ValueError:
        raise ValueError("expected IPv4/IPv6 address, likely got hostname") from None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"address {address}: invalid port")
    return host, int(port)


def _system_servers() -> list[Server]:
    """The resolvers of the system, as it has them now."""
    found: list[Server] = []
    try:
        lines = SYSTEM.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            found.append((words[1], PORT))
    return found[:_SERVERS] or [("127.0.0.1", PORT)]


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads of their own: names that take long to resolve are not to hold up other work in threads."""
    return ThreadPoolExecutor(_AT_ONCE, "acme-resolver")


async def _of_system(name: str) -> list[str]:
    """The addresses by whatever way the system finds them, a file of hosts included."""
    loop = asyncio.get_running_loop()
    ask = partial(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM)
    try:
        found = await loop.run_in_executor(_threads(), ask)
    except (OSError, UnicodeError):
        return []
    addresses = dict.fromkeys(str(place[0]) for *_, place in found)
    return sorted(addresses, key=lambda address: ":" in address)


class _Exchange(asyncio.DatagramProtocol):
    """Waits for the answer to one question; what else arrives is passed over."""

    def __init__(self, number: int, name: str, kind: int) -> None:
        self._asked = (number, name, kind)
        self.reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.reply.done():
            return
        try:
            self.reply.set_result(dns_message.answer(data, *self._asked))
        except Unreadable:
            return

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)


async def _over_udp(server: Server, name: str, kind: int) -> Answer:
    """Ask from a port of its own, with a number that cannot be guessed: only the resolver can answer."""
    number = int.from_bytes(random_bytes(2), "big")
    loop = asyncio.get_running_loop()
    transport, exchange = await loop.create_datagram_endpoint(
        lambda: _Exchange(number, name, kind), remote_addr=server
    )
    try:
        transport.sendto(dns_message.question(number, name, kind))
        return await exchange.reply
    finally:
        transport.close()


async def _over_tcp(server: Server, name: str, kind: int) -> Answer:
    number = int.from_bytes(random_bytes(2), "big")
    reader, writer = await asyncio.open_connection(*server, limit=_LONGEST + 2)
    try:
        message = dns_message.question(number, name, kind)
        writer.write(len(message).to_bytes(2, "big") + message)
        await writer.drain()
        length = int.from_bytes(await reader.readexactly(2), "big")
        return dns_message.answer(await reader.readexactly(length), number, name, kind)
    except asyncio.IncompleteReadError:
        raise Unreadable from None
    finally:
        writer.close()
