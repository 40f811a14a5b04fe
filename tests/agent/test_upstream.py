"""The way to the server: connections, failures told without what was sent, files of TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from strongroom.agent.config import parsed
from strongroom.agent.upstream import Endpoint, Refused, Unreachable, Upstream, endpoint_of, persistently
from strongroom.agent.wire import Answer
from strongroom.secret import Secret
from tests.agent.failing import Leases
from tests.server import Server, free_port
from tests.upstream.simulator import Call, Simulator, serving


def using(address: str, act: Callable[[Upstream], Awaitable[None]]) -> None:
    async def play() -> None:
        upstream = Upstream(Endpoint(address=address))
        try:
            await act(upstream)
        finally:
            await upstream.close()

    asyncio.run(play())


def test_requests_reach_a_server_and_share_a_connection(server: Server) -> None:
    async def act(upstream: Upstream) -> None:
        for _ in range(3):
            found = await upstream.call("GET", "auth/token/lookup-self", token=Secret("root"))
            assert found.text("id") == "root"
        assert len(upstream._idle) == 1
        wrapped = await upstream.call("GET", "auth/token/lookup-self", token=Secret("root"), wrap_ttl="60s")
        assert wrapped.wrap_info is not None
        assert wrapped.wrap_info.ttl == 60

    using(server.address, act)


def test_what_the_server_refuses_is_told_with_its_sentences(server: Server) -> None:
    async def act(upstream: Upstream) -> None:
        with pytest.raises(Refused, match=r"403: .*permission denied") as caught:
            await upstream.call("GET", "auth/token/lookup-self", token=Secret("hunter2"))
        assert caught.value.code == 403
        assert "hunter2" not in caught.value.public

    using(server.address, act)


@pytest.mark.parametrize(
    ("address", "sentence"),
    (
        ("http://127.0.0.1:{port}", "connection refused"),
        ("unix:///nonexistent/socket", "no such socket"),
        ("ftp://127.0.0.1", "must be an http"),
    ),
)
def test_who_cannot_be_reached_is_told_why(address: str, sentence: str) -> None:
    async def act(upstream: Upstream) -> None:
        with pytest.raises(Unreachable, match=sentence):
            await upstream.request("GET", "sys/health", token=Secret("hunter2"))

    using(address.format(port=free_port()), act)


def test_an_answer_may_not_take_for_ever() -> None:
    leases = Leases()
    leases.trouble = "slow"

    async def act(upstream: Upstream) -> None:
        with pytest.raises(Unreachable, match=r"within 0\.05 seconds"):
            await upstream.request("GET", "x/creds/y", timeout=0.05)
        assert not upstream._idle

    with leases.serving() as address:
        using(address, act)


def test_a_header_cannot_break_the_request_apart(server: Server) -> None:
    async def act(upstream: Upstream) -> None:
        with pytest.raises(Unreachable, match="broken the request apart"):
            await upstream.request("GET", "sys/health", token=Secret("x\r\nX-Evil: 1"))

    using(server.address, act)


def test_environment_wins_over_files_and_flags_over_both() -> None:
    config = parsed(
        [
            (
                "a.hcl",
                'vault { address = "http://file/" namespace = "n" }\nlistener "tcp" { tls_disable = true }',
            )
        ]
    )
    assert endpoint_of(config, {}).address == "http://file"
    found = endpoint_of(config, {"VAULT_ADDR": "http://vault", "STRONGROOM_ADDR": "http://ours"})
    assert (found.address, found.namespace) == ("http://ours", "n")
    flags = {"address": "http://flag"}
    assert endpoint_of(config, {"VAULT_ADDR": "http://vault"}, flags).address == "http://flag"


def test_trying_again_ends_where_it_cannot_help() -> None:
    async def play() -> None:
        answers = [Answer(503), Answer(429), Answer(404), Answer(200)]

        async def attempt() -> Answer:
            answer = answers.pop(0)
            if not answer.ok:
                raise Refused("trying", answer)
            return answer

        with pytest.raises(Refused, match="404"):
            await persistently(attempt, attempts=0, least=0.001)
        assert (await persistently(attempt, attempts=1)).ok

    asyncio.run(play())


class Active(Simulator):
    """Tells what it was asked, and with which token."""

    def answer(self, call: Call) -> tuple[int, Any]:
        return 200, {"data": {"id": call.headers.get("x-vault-token", ""), "path": call.raw}}


@pytest.mark.parametrize("status", (301, 302, 307, 308))
def test_a_standby_that_points_elsewhere_is_followed(status: int) -> None:
    with serving(Active()) as active:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            head = f"HTTP/1.1 {status} X\r\nLocation: {active.url}{target}\r\nContent-Length: 0\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()
            writer.close()

        async def play() -> None:
            standby = await asyncio.start_server(serve, "127.0.0.1", 0)
            port = standby.sockets[0].getsockname()[1]
            upstream = Upstream(Endpoint(f"http://127.0.0.1:{port}"))
            async with standby:
                found = await upstream.call("PUT", "auth/x/login", token=Secret("t"), body={"a": 1})
            await upstream.close()
            assert (found.text("id"), found.text("path")) == ("t", "/v1/auth/x/login")

        asyncio.run(play())
        assert [(call.method, call.json) for call in active.calls] == [("PUT", {"a": 1})]


def test_an_address_may_have_a_path() -> None:
    with serving(Active()) as server:

        async def act(upstream: Upstream) -> None:
            assert (await upstream.call("GET", "sys/x", query={"a": "b"})).text(
                "path"
            ) == "/vault/v1/sys/x?a=b"

        using(f"{server.url}/vault/", act)
