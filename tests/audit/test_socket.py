from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.audit.socket import Endpoint, SocketSink
from strongroom.errors import BadRequest


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


def endpoint(server: socket.socket, network: str = "tcp") -> Endpoint:
    return Endpoint(network, f"127.0.0.1:{server.getsockname()[1]}")


def read_until_closed(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    connection.close()
    return data


def run(connect: Callable[[float], socket.socket], *lines: bytes, timeout: float = 2.0) -> None:
    async def scenario() -> None:
        sink = SocketSink(connect, timeout=timeout)
        try:
            for line in lines:
                await sink.write(line)
        finally:
            sink.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("network", ("tcp", "tcp4"))
def test_tcp(listener: socket.socket, network: str) -> None:
    run(endpoint(listener, network).connect, b"one\n", b"two\n")
    assert read_until_closed(listener.accept()[0]) == b"one\ntwo\n"


def test_tcp6() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        run(Endpoint("tcp6", f"[::1]:{server.getsockname()[1]}").connect, b"one\n")
        assert read_until_closed(server.accept()[0]) == b"one\n"


def test_udp_sends_a_datagram_a_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        run(endpoint(server, "udp").connect, b"one\n", b"two\n")
        assert [server.recv(100), server.recv(100)] == [b"one\n", b"two\n"]


@pytest.mark.parametrize(("network", "kind"), (("unix", socket.SOCK_STREAM), ("unixgram", socket.SOCK_DGRAM)))
def test_unix(tmp_path: Path, network: str, kind: socket.SocketKind) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(path)
        server.settimeout(5)
        if kind == socket.SOCK_STREAM:
            server.listen()
        run(Endpoint(network, path).connect, b"one\n")
        data = read_until_closed(server.accept()[0]) if kind == socket.SOCK_STREAM else server.recv(100)
        assert data == b"one\n"


def test_lost_connection_is_made_again(listener: socket.socket) -> None:
    """Without a look first, the kernel would take the line and lose it."""

    async def scenario() -> bytes:
        sink = SocketSink(endpoint(listener).connect)
        await sink.write(b"one\n")
        connection, _ = await asyncio.to_thread(listener.accept)
        assert connection.recv(100) == b"one\n"
        connection.close()
        await asyncio.sleep(0.05)
        await sink.write(b"two\n")
        sink.close()
        return read_until_closed(listener.accept()[0])

    assert asyncio.run(scenario()) == b"two\n"


def test_dead_peer_is_an_error_at_once_and_found_when_it_is_back() -> None:
    async def scenario() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
        sink = SocketSink(Endpoint("tcp", f"127.0.0.1:{address[1]}").connect, timeout=5.0)
        started = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            await sink.write(b"lost\n")
        assert time.monotonic() - started < 2
        with socket.create_server(address) as server:
            await sink.write(b"one\n")
            sink.close()
            return read_until_closed(server.accept()[0])

    assert asyncio.run(scenario()) == b"one\n"


def test_one_failed_connection_is_tried_again(listener: socket.socket) -> None:
    attempts = []

    def connect(timeout: float) -> socket.socket:
        attempts.append(timeout)
        if len(attempts) == 1:
            raise ConnectionResetError("first")
        return endpoint(listener).connect(timeout)

    run(connect, b"one\n")
    assert len(attempts) == 2
    assert read_until_closed(listener.accept()[0]) == b"one\n"


def test_peer_that_reads_nothing_costs_the_timeout(listener: socket.socket) -> None:
    async def scenario() -> bytes:
        sink = SocketSink(endpoint(listener).connect, timeout=0.3)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await sink.write(b"x" * 20_000_000 + b"\n")
        assert time.monotonic() - started < 10
        await sink.write(b"fresh\n")
        sink.close()
        listener.accept()[0].close()
        return read_until_closed(listener.accept()[0])

    assert asyncio.run(scenario()) == b"fresh\n"


def test_line_cut_short_is_sent_whole_on_the_next_connection(listener: socket.socket) -> None:
    line = b"x" * 20_000_000 + b"\n"
    received = []

    def serve() -> None:
        first, _ = listener.accept()
        first.recv(1000)
        first.close()
        received.append(read_until_closed(listener.accept()[0]))

    thread = threading.Thread(target=serve)
    thread.start()
    run(endpoint(listener).connect, line, timeout=20.0)
    thread.join()
    assert received == [line]


def test_reopen_connects_anew(listener: socket.socket) -> None:
    async def scenario() -> list[bytes]:
        sink = SocketSink(endpoint(listener).connect)
        await sink.write(b"one\n")
        sink.reopen()
        await sink.write(b"two\n")
        sink.close()
        return [read_until_closed(listener.accept()[0]) for _ in range(2)]

    assert asyncio.run(scenario()) == [b"one\n", b"two\n"]


@pytest.mark.parametrize("network", ("sctp", "", "TCP"))
def test_unknown_networks_are_refused(network: str) -> None:
    with pytest.raises(BadRequest, match="unknown network"):
        Endpoint(network, "127.0.0.1:1")


@pytest.mark.parametrize("address", ("host", "host:", "host:port", "host:70000", "::1:80", "[::1:80", ":x"))
def test_addresses_without_host_and_port_are_refused(address: str) -> None:
    with pytest.raises(BadRequest, match="not a host and a port"):
        Endpoint("tcp", address)
