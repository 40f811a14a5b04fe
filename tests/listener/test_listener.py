"""The listener on real sockets, on both event loops."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from strongroom.listener import ListenerConfig, listening_socket
from strongroom.wire import Message, Reply
from tests.listener.served import Served, ask, ended, read_all, read_reply

ANY = "127.0.0.1:0"
both_loops = pytest.mark.parametrize("fast", (True, False), ids=("uvloop", "asyncio"))


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@both_loops
def test_requests_on_one_connection_and_the_counters(*, fast: bool) -> None:
    with Served(ListenerConfig(ANY), fast=fast) as served, served.connect() as sock:
        assert ask(sock, "LIST /v1/a HTTP/1.1") == b"LIST /v1/a from 127.0.0.1 by 127.0.0.1"
        assert ask(sock, "SCAN /v1/a HTTP/1.1").startswith(b"SCAN /v1/a ")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _ = read_reply(sock)
        assert head.startswith(b"HTTP/1.1 200 OK\r\nDate: ")
        counters = served.listener.counters
        assert (counters.open_connections, counters.accepted, counters.requests, counters.refused) == (
            1,
            1,
            3,
            0,
        )


@both_loops
def test_a_large_body_and_a_large_reply(*, fast: bool) -> None:
    def mirror(message: Message) -> Reply:
        return Reply(200, [], message.body)

    body = bytes(range(256)) * 20_000
    with Served(ListenerConfig(ANY), mirror, fast=fast) as served, served.connect() as sock:
        sender = threading.Thread(
            target=sock.sendall,
            args=(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body,),
        )
        sender.start()
        assert read_reply(sock)[1] == body
        sender.join(10)


@both_loops
def test_a_refused_upload_still_hears_why(*, fast: bool) -> None:
    with Served(ListenerConfig(ANY, max_request_size=10), fast=fast) as served, served.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + b"x" * 100_000)
        assert read_all(sock).startswith(b"HTTP/1.1 413 ")


@both_loops
def test_half_closed_client(*, fast: bool) -> None:
    async def slowly(message: Message) -> Reply:
        await asyncio.sleep(0.05)
        return Reply(200, [], message.method.encode())

    with Served(ListenerConfig(ANY), slowly, fast=fast) as served, served.connect() as sock:
        sock.sendall(b"LIST / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).count(b"\r\n\r\nLIST") == 2


@both_loops
def test_a_stream_ends_when_its_client_goes(*, fast: bool) -> None:
    ended = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0)
        finally:
            ended.set()

    with Served(ListenerConfig(ANY), lambda _: Reply(200, [], endless()), fast=fast) as served:
        with served.connect() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(100)
        assert ended.wait(5)


@both_loops
def test_slow_heads_and_bodies_and_idle_connections_end(*, fast: bool) -> None:
    config = ListenerConfig(ANY, read_header_timeout=0.2, read_timeout=0.2, idle_timeout=0.2)
    with Served(config, fast=fast) as served:
        started = time.monotonic()
        silent, head, body, idle = (served.connect() for _ in range(4))
        head.sendall(b"GET / HTTP/1.1\r\nHost:")
        body.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        ask(idle)
        assert read_all(silent) == b""
        assert read_all(head).startswith(b"HTTP/1.1 408 ")
        assert read_all(body).startswith(b"HTTP/1.1 408 ")
        assert read_all(idle) == b""
        assert 0.1 < time.monotonic() - started < 5
        for sock in (silent, head, body, idle):
            sock.close()


@both_loops
def test_a_client_that_does_not_read_is_dropped(*, fast: bool) -> None:
    config = ListenerConfig(ANY, write_timeout=0.2)
    with (
        Served(config, lambda _: Reply(200, [], b"x" * 30_000_000), fast=fast) as served,
        served.connect() as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: served.listener.counters.requests == 1)
        wait_until(lambda: served.listener.counters.open_connections == 0)


@both_loops
def test_drain(*, fast: bool) -> None:
    """Idle connections end at once, busy ones after their reply, new ones are not accepted."""
    started, release = threading.Event(), threading.Event()

    async def held(_: Message) -> Reply:
        started.set()
        await asyncio.to_thread(release.wait, 5)
        return Reply(200, [], b"done")

    def app(message: Message) -> Reply | Awaitable[Reply]:
        return held(message) if message.target == "/held" else Reply(204, [])

    with Served(ListenerConfig(ANY), app, fast=fast) as served:
        idle, busy = served.connect(), served.connect()
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 204 ")
        busy.sendall(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        assert started.wait(5)
        stopper = threading.Thread(target=lambda: served.run(served.listener.stop(5)))
        stopper.start()
        assert read_all(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port), 1)
        release.set()
        reply = read_all(busy)
        assert b"\r\nConnection: close\r\n" in reply
        assert reply.endswith(b"done")
        stopper.join(5)
        assert not stopper.is_alive()
        idle.close()
        busy.close()


@both_loops
def test_drain_ends_at_its_deadline(*, fast: bool) -> None:
    started = threading.Event()

    async def hour() -> Reply:
        await asyncio.sleep(3600)
        return Reply(200, [])

    def never(message: Message) -> Awaitable[Reply]:
        started.set()
        return hour()

    with Served(ListenerConfig(ANY), never, fast=fast) as served, served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert started.wait(5)
        before = time.monotonic()
        served.run(served.listener.stop(0.1))
        assert time.monotonic() - before < 3
        assert not served.listener.counters.open_connections
        assert ended(sock)


@both_loops
def test_unix_socket(tmp_path: Path, *, fast: bool) -> None:
    path = tmp_path / "s"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with Served(ListenerConfig(str(path), socket_mode=0o600), fast=fast) as served:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert served.listener.address == str(path)
        with served.connect() as sock:
            assert ask(sock) == b"GET / from  by "
    assert not path.exists()


def test_a_file_in_the_way_of_a_unix_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        listening_socket(ListenerConfig(str(path)))
    assert path.read_text() == "precious"


@pytest.mark.parametrize("setting", ({"socket_user": "no such user"}, {"socket_group": "no such group"}))
def test_unknown_owner_of_a_unix_socket(tmp_path: Path, setting: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown socket_"):
        listening_socket(ListenerConfig(str(tmp_path / "s"), **setting))  # type: ignore[arg-type]


def test_a_socket_handed_in() -> None:
    async def scenario() -> None:
        from strongroom.listener import Listener  # noqa: PLC0415 - only here

        sock = listening_socket(ListenerConfig(ANY))
        listener = Listener(lambda _: Reply(204, []), ListenerConfig("127.0.0.1:1"))
        await listener.start(sock)
        reader, writer = await asyncio.open_connection("127.0.0.1", sock.getsockname()[1])
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        await listener.stop(1)
        writer.close()

    asyncio.run(scenario())


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("address", ("[::]:0", ":0"))
def test_ipv4_clients_of_a_socket_for_both_families(address: str) -> None:
    with Served(ListenerConfig(address)) as served, served.connect() as sock:
        assert served.listener.address.startswith("[::]:")
        assert ask(sock) == b"GET / from 127.0.0.1 by 127.0.0.1"


@both_loops
def test_stop_waits_for_an_operation_whose_client_has_left(*, fast: bool) -> None:
    started, finished = threading.Event(), threading.Event()

    async def commit(message: Message) -> Reply:
        started.set()
        await asyncio.sleep(0.2)
        finished.set()
        return Reply(204, [])

    with Served(ListenerConfig(ANY), commit, fast=fast) as served:
        with served.connect() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert started.wait(5)
        served.run(served.listener.stop(5))
        assert finished.is_set()


def test_two_listeners_share_a_port() -> None:
    with Served(ListenerConfig(ANY, reuse_port=True)) as first:
        second = listening_socket(ListenerConfig(first.listener.address, reuse_port=True))
        assert second.getsockname()[1] == first.port
        second.close()


def test_address_in_use() -> None:
    with Served(ListenerConfig(ANY)) as served, pytest.raises(OSError, match="in use"):
        listening_socket(ListenerConfig(served.listener.address))


@pytest.mark.parametrize("address", ("localhost", "127.0.0.1:x"))
def test_bad_address(address: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|invalid literal"):
        listening_socket(ListenerConfig(address))


@both_loops
def test_proxy_protocol(*, fast: bool) -> None:
    config = ListenerConfig(ANY, proxy_protocol_behavior="use_always")
    with Served(config, fast=fast) as served:
        with served.connect() as sock:
            for part in (
                b"PRO",
                b"XY TCP4 203.0.113.7 10.0.0.1 1 2\r",
                b"\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
            ):
                sock.sendall(part)
                time.sleep(0.02)
            assert read_reply(sock)[1] == b"GET /a from 203.0.113.7 by 127.0.0.1"
            assert ask(sock) == b"GET / from 203.0.113.7 by 127.0.0.1"
        with served.connect() as sock:
            assert ask(sock) == b"GET / from 127.0.0.1 by 127.0.0.1"
        with served.connect() as sock:
            sock.sendall(b"PROXY TCP9 rubbish\r\n")
            assert ended(sock)


def test_proxy_protocol_from_strangers() -> None:
    header = b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n"
    others = (ip_network("192.0.2.0/24"),)
    config = ListenerConfig(
        ANY, proxy_protocol_behavior="allow_authorized", proxy_protocol_authorized_addrs=others
    )
    with Served(config) as served, served.connect() as sock:
        sock.sendall(header)
        assert ask(sock) == b"GET / from 127.0.0.1 by 127.0.0.1"
    config = ListenerConfig(
        ANY, proxy_protocol_behavior="deny_unauthorized", proxy_protocol_authorized_addrs=others
    )
    with Served(config) as served, served.connect() as sock:
        assert ended(sock)


def test_a_silent_client_before_a_proxy_header_is_dropped() -> None:
    config = ListenerConfig(ANY, proxy_protocol_behavior="use_always", read_header_timeout=0.2)
    with Served(config) as served, served.connect() as silent, served.connect() as half:
        half.sendall(b"PROXY TCP4")
        assert ended(silent)
        assert ended(half)


def test_x_forwarded_for() -> None:
    config = ListenerConfig(
        ANY,
        x_forwarded_for_authorized_addrs=(ip_network("127.0.0.0/8"),),
        x_forwarded_for_reject_not_present=True,
    )
    with Served(config) as served, served.connect() as sock:
        assert (
            ask(sock, "GET / HTTP/1.1", "X-Forwarded-For: 203.0.113.7")
            == b"GET / from 203.0.113.7 by 127.0.0.1"
        )
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, body = read_reply(sock)
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"missing x-forwarded-for header" in body


def test_many_connections_at_once() -> None:
    with Served(ListenerConfig(ANY)) as served:
        socks = [served.connect() for _ in range(200)]
        for sock in socks:
            assert ask(sock).startswith(b"GET / from")
        assert served.listener.counters.open_connections == 200
        for sock in socks:
            sock.close()


@both_loops
def test_noise_leaves_no_trace_in_the_log(caplog: pytest.LogCaptureFixture, *, fast: bool) -> None:
    noise = (
        b"\0" * 100,
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\xaa" * 400,
        b"GET",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\r\n" * 1000,
        bytes(range(256)) * 300,
        b"",
    )
    with Served(ListenerConfig(ANY), fast=fast) as served:
        for one in noise:
            with served.connect() as sock:
                sock.sendall(one)
                sock.shutdown(socket.SHUT_WR)
                read_all(sock)
            with served.connect() as sock:  # and one that goes without waiting
                sock.sendall(one)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with served.connect() as sock:
            assert ask(sock).startswith(b"GET / from")
    assert not [record for record in caplog.records if record.levelname != "DEBUG" or record.exc_info]
