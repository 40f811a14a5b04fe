"""Hosts that want certificates, on loopback: what a validation finds when it looks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.secrets.pki.acme.signing import ec_key

ALPN_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


@dataclass(slots=True)
class Web:
    """A web server of files. ``files`` are whole answers by path; ``asked`` are the requests it got."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    silent: bool = False

    def put(self, path: str, body: bytes, status: str = "200 OK", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
        self.files[path] = "\r\n".join([*lines, "", ""]).encode() + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            if self.silent:
                await reader.read()
            path = head.split(b" ")[1].decode()
            writer.write(self.files.get(path, b"HTTP/1.1 404 Not Found\r\n\r\n"))
            await writer.drain()
            writer.write_eof()
            await reader.read()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port, which it gives; it ends when its connections have."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for _ in range(3):
            await asyncio.sleep(0)
        if tasks:
            await asyncio.wait(tasks, timeout=5)


@contextlib.asynccontextmanager
async def web(context: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """A web server on a free port."""
    site = Web()
    async with listening(site.serve, context) as site.port:
        yield site


# -- names ---------------------------------------------------------------------------------------------


def _name(text: str) -> bytes:
    return b"".join(bytes((len(p),)) + p.encode() for p in text.split(".")) + b"\0"


@dataclass(slots=True)
class Zone(asyncio.DatagramProtocol):
    """A resolver that knows what it was told: data of records by name and type.

    ``long`` has answers over UDP cut off; ``twist`` changes an answer before it leaves.
    """

    port: int = 0
    records: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    long: bool = False
    twist: Any = None
    transport: Any = None

    def txt(self, name: str, *texts: str) -> None:
        self.records[name, 16] = [bytes((len(text),)) + text.encode() for text in texts]

    def address(self, name: str, address: str = "127.0.0.1") -> None:
        self.records[name, 1] = [IPv4Address(address).packed]

    def answer(self, message: bytes, *, over_udp: bool) -> bytes:
        number = message[:2]
        labels, place = [], 12
        while message[place]:
            labels.append(message[place + 1 : place + 1 + message[place]].decode())
            place += 1 + message[place]
        name, kind = ".".join(labels).lower(), struct.unpack_from(">H", message, place + 1)[0]
        self.asked.append(name)
        question = message[12 : place + 5]
        if over_udp and self.long:
            return number + struct.pack(">HHHHH", 0x8380, 1, 0, 0, 0) + question
        found = b""
        count = 0
        if name in self.aliases:
            target = _name(self.aliases[name])
            found += b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, len(target)) + target
            name, count = self.aliases[name], 1
        for data in self.records.get((name, kind), []):
            owner = b"\xc0\x0c" if not count else _name(name)
            found += owner + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
            count += 1
        code = 0 if count else 3
        reply = number + struct.pack(">HHHHH", 0x8180 | code, 1, count, 0, 0) + question + found
        return self.twist(reply) if self.twist else reply

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.answer(data, over_udp=True), addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        reply = self.answer(await reader.readexactly(length), over_udp=False)
        writer.write(len(reply).to_bytes(2, "big") + reply)
        await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def zone(names: Zone | None = None) -> AsyncIterator[Zone]:
    """A resolver on a free port, the same for UDP and TCP."""
    loop = asyncio.get_running_loop()
    names = Zone() if names is None else names
    for attempt in range(20):
        transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 0))
        names.port = transport.get_extra_info("sockname")[1]
        try:
            server = await asyncio.start_server(names.serve, "127.0.0.1", names.port)
        except OSError:
            transport.close()
            assert attempt < 19, "no port is free for both"
            continue
        break
    try:
        yield names
    finally:
        transport.close()
        server.close()


# -- certificates --------------------------------------------------------------------------------------


def alpn_certificate(
    name: x509.GeneralName, authorization: str, *, critical: bool = True, value: bytes | None = None
) -> ssl.SSLContext:
    """A context that shows a certificate of RFC 8737."""
    key = ec_key()
    subject = x509.Name([])
    proof = value if value is not None else b"\x04\x20" + hashlib.sha256(authorization.encode()).digest()
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.UnrecognizedExtension(ALPN_IDENTIFIER, proof), critical=critical)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)
        context.load_cert_chain(file)
    return context


@contextlib.asynccontextmanager
async def alpn(context: ssl.SSLContext, protocol: str = "acme-tls/1") -> AsyncIterator[int]:
    """A host that shows that certificate to who asks for the protocol; gives its port."""
    context.set_alpn_protocols([protocol])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()

    async with listening(serve, context) as port:
        yield port
