"""One listener's application: what is passed on and back, whose token is used, and the agent's own paths."""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from strongroom.agent.cache.cache import Cache
from strongroom.agent.cache.question import Question
from strongroom.agent.config import Retry, parsed
from strongroom.agent.proxy.carrier import Carrier
from strongroom.agent.proxy.door import Door, House
from strongroom.agent.proxy.figures import figures
from strongroom.agent.proxy.passing import streams
from strongroom.agent.proxy.service import keeps_connections
from strongroom.agent.redirect import redirected
from strongroom.agent.state import State
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Answer, Endpoint, Unreachable
from strongroom.secret import Secret
from strongroom.wire import Message, Reply

OWN = "s.own-token-of-the-agent"
JSON = (("content-type", "application/json"),)


@dataclass
class Server:
    """Answers what it is told to, and remembers what it was asked."""

    answer: Answer = field(default_factory=lambda: Answer(200, JSON, b'{"data":{}}'))
    asked: list[Question] = field(default_factory=list)
    away: bool = False

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if self.away:
            raise Unreachable("the server cannot be reached: connection refused")
        return self.answer


class Stand:
    def __init__(self, *, own: str = OWN, cached: bool = True, **house: Any) -> None:
        self.server = Server()
        self.holder = TokenHolder()
        if own:
            self.holder.set(Secret(own), "own-accessor")
        self.cache = Cache(self.server.ask, self.server.ask) if cached else None
        self.quits: list[bool] = []
        self.house = House(
            word="proxy",
            carrier=self.server,
            metrics=figures(State(), self.cache),
            cache=self.cache,
            holder=self.holder,
            quits=lambda: self.quits.append(True),
        )
        for name, value in house.items():
            setattr(self.house, name, value)
        self.door: dict[str, Any] = {}

    def __call__(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"", **door: bool
    ) -> Reply:
        async def ask() -> Reply:
            reply = Door(self.house, **door)(Message(method, target, headers or {}, body))
            if inspect.isawaitable(reply):
                return await reply
            assert isinstance(reply, Reply)
            return reply

        return asyncio.run(ask())

    @property
    def passed(self) -> Question:
        return self.server.asked[-1]


def document(reply: Reply) -> Any:
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def test_a_request_goes_on_as_it_came() -> None:
    stand = Stand(own="")
    sent = {"x-vault-token": "t", "x-vault-namespace": "ns", "x-custom": "1", "user-agent": "curl/8"}
    stand("LIST", "/v1/secret/a%2Fb?list=true", sent, b"body")
    passed = stand.passed
    assert (passed.method, passed.target, passed.body) == ("LIST", "/v1/secret/a%2Fb?list=true", b"body")
    assert passed.token == "t"
    assert passed.headers["x-vault-namespace"] == "ns"
    assert passed.headers["x-custom"] == "1"
    assert passed.headers["user-agent"].startswith("Strongroom-proxy/")
    assert passed.headers["user-agent"].endswith("; curl/8")


def test_what_belongs_to_the_connection_goes_no_further() -> None:
    stand = Stand()
    dropped = {
        "connection": "x-only-here, close", "x-only-here": "1", "keep-alive": "1", "te": "trailers",
        "upgrade": "x",
        "host": "proxy", "content-length": "0", "transfer-encoding": "chunked", "accept-encoding": "gzip",
        "expect": "100-continue", "proxy-authorization": "Basic x",
    }  # fmt: skip
    stand("GET", "/v1/a", {**dropped, "x-vault-token": "t"})
    assert not set(stand.passed.headers) & {*dropped, "x-vault-token"}


@pytest.mark.parametrize(
    ("sent", "forced", "token"),
    (
        ({}, False, OWN),
        ({"x-vault-token": "mine"}, False, "mine"),
        ({"authorization": "Bearer mine"}, False, "mine"),
        ({"authorization": "Basic mine"}, False, OWN),
        ({"x-vault-token": "mine"}, True, OWN),
        ({"authorization": "bearer mine"}, True, OWN),
    ),
)
def test_whose_token_is_used(sent: dict[str, str], forced: bool, token: str) -> None:
    stand = Stand(forced=forced)
    stand("GET", "/v1/a", sent)
    assert stand.passed.token == token
    kept = {"authorization": "Basic mine"} if sent.get("authorization", "").startswith("Basic") else {}
    assert {name: value for name, value in stand.passed.headers.items() if name == "authorization"} == kept


def test_a_token_that_is_refused_is_doubted_once_in_a_while() -> None:
    doubts: list[bool] = []
    stand = Stand(doubts=lambda: doubts.append(True), doubted=-100.0)
    stand.server.answer = Answer(403, JSON, b'{"errors":["permission denied"]}')
    stand("GET", "/v1/a", {"x-vault-token": "mine"})
    assert not doubts, "it was another's"
    for _ in range(5):
        stand("GET", "/v1/a")
    assert doubts == [True]


def test_without_auto_auth_a_request_goes_on_without_a_token() -> None:
    stand = Stand(holder=None)
    stand("GET", "/v1/sys/health")
    assert stand.passed.token == ""


def test_a_namespace_can_be_put_before_that_of_each_request() -> None:
    stand = Stand(namespace="team")
    stand("GET", "/v1/a")
    assert stand.passed.headers["x-vault-namespace"] == "team"
    stand("GET", "/v1/a", {"x-vault-namespace": "sub/"})
    assert stand.passed.headers["x-vault-namespace"] == "team/sub"


def test_an_answer_comes_back_as_it_is() -> None:
    stand = Stand()
    stand.server.answer = Answer(
        202,
        (
            *JSON,
            ("x-custom", "1"),
            ("connection", "keep-alive"),
            ("content-length", "2"),
            ("date", "x"),
            ("x-cache", "y"),
        ),
        b"{}",
    )
    reply = stand("PUT", "/v1/a")
    assert (reply.status, reply.body) == (202, b"{}")
    assert reply.headers == [("Content-Type", "application/json"), ("X-Custom", "1"), ("X-Cache", "MISS")]


def test_a_failure_tells_nothing_of_the_cache() -> None:
    stand = Stand()
    stand.server.answer = Answer(403, JSON, b'{"errors":["permission denied"]}')
    reply = stand("GET", "/v1/a")
    assert (reply.status, dict(reply.headers).get("X-Cache")) == (403, None)
    stand.server.away = True
    reply = stand("GET", "/v1/b")
    assert reply.status == 502
    sentence = "failed to get the response: the server cannot be reached: connection refused"
    assert document(reply) == {"errors": [sentence]}


def test_kept_answers_tell_their_age() -> None:
    stand = Stand()
    assert stand.cache is not None
    stand.cache.adopt(OWN)
    lease = {"lease_id": "db/1", "lease_duration": 60, "renewable": True}
    stand.server.answer = Answer(200, (*JSON, ("age", "9")), json.dumps(lease).encode())
    assert dict(stand("GET", "/v1/db").headers)["X-Cache"] == "MISS"
    headers = stand("GET", "/v1/db", {"user-agent": "another"}).headers
    assert headers == [("Content-Type", "application/json"), ("X-Cache", "HIT"), ("Age", "0")]
    assert len(stand.server.asked) == 1


@pytest.mark.parametrize(
    "path",
    ("auth/token/lookup", "auth/token/lookup-self", "ns/auth/token/lookup-self", "sys/wrapping/unwrap"),
)
def test_the_agents_own_token_is_shown_to_nobody(path: str) -> None:
    stand = Stand()
    found = {"data": {"id": OWN, "accessor": "own-accessor", "ttl": 5}, "warnings": None}
    stand.server.answer = Answer(200, JSON, json.dumps(found).encode())
    assert document(stand("GET", f"/v1/{path}")) == {"data": {"ttl": 5}, "warnings": None}
    other = json.dumps({"data": {"id": "s.other", "accessor": "a"}}).encode()
    stand.server.answer = Answer(200, JSON, other)
    assert stand("GET", f"/v1/{path}").body == other


def test_nor_by_renewing_it() -> None:
    stand = Stand()
    found = {"auth": {"client_token": OWN, "accessor": "own-accessor", "lease_duration": 5}}
    stand.server.answer = Answer(200, JSON, json.dumps(found).encode())
    expected = {"auth": {"client_token": "", "accessor": "", "lease_duration": 5}}
    assert document(stand("POST", "/v1/auth/token/renew-self")) == expected
    assert document(stand("POST", "/v1/auth/token/renew-self")) == expected
    assert len(stand.server.asked) == 2, "and each renewal is made"


def test_its_own_paths() -> None:
    stand = Stand()
    body = b'{"type":"all"}'
    assert stand("POST", "/proxy/v1/cache-clear", body=body).status == 200
    assert document(stand("POST", "/proxy/v1/cache-clear"))["errors"] == [
        "failed to parse JSON input: empty JSON provided"
    ]
    assert stand("POST", "/proxy/v1/cache-clear", body=b'{"type":"lease"}').status == 400
    assert document(stand("GET", "/proxy/v1/metrics"))["Gauges"]
    assert stand("POST", "/proxy/v1/metrics").status == 405
    assert stand("GET", "/proxy/v1/metrics?format=prometheus").status == 400
    assert stand("GET", "/proxy/v1/nothing").status == 404
    assert stand("POST", "/proxy/v1/quit").status == 404
    assert stand("GET", "/proxy/v1/quit", quits=True).status == 405
    assert stand.quits == []
    assert stand("POST", "/proxy/v1/quit", quits=True).status == 200
    assert stand.quits == [True]
    assert stand.server.asked == []
    assert stand("GET", "/agent/v1/metrics").status == 200, "the agent's paths are the server's here"
    assert stand.passed.target == "/agent/v1/metrics"


def test_prometheus_where_it_is_wanted() -> None:
    stand = Stand(retention=10.0)
    reply = stand("GET", "/proxy/v1/metrics?format=prometheus")
    assert isinstance(reply.body, bytes)
    assert b"vault_agent_cache_entries 0" in reply.body


def test_a_listener_for_metrics_only() -> None:
    stand = Stand()
    for method, target in (("GET", "/v1/a"), ("POST", "/proxy/v1/cache-clear"), ("POST", "/proxy/v1/quit")):
        assert stand(method, target, body=b'{"type":"all"}', metrics_only=True, quits=True).status == 404
    assert stand("GET", "/proxy/v1/metrics", metrics_only=True).status == 200
    assert stand.server.asked == []
    assert stand.quits == []


def test_without_a_cache_everything_is_passed_on() -> None:
    stand = Stand(cached=False)
    assert dict(stand("GET", "/v1/a").headers)["X-Cache"] == "MISS"
    assert stand("POST", "/proxy/v1/cache-clear", body=b'{"type":"all"}').status == 200


@pytest.mark.parametrize(
    ("text", "env", "kept"),
    (
        ("", {}, True),
        ('disable_keep_alives = ["templating"]', {}, True),
        ('disable_keep_alives = ["proxying"]', {}, False),
        ('disable_idle_connections = ["auto-auth", "caching"]', {}, False),
        ("", {"BAO_PROXY_DISABLE_KEEP_ALIVES": "auto-auth, proxying"}, False),
        ("", {"BAO_AGENT_DISABLE_KEEP_ALIVES": "proxying"}, True),
    ),
)
def test_connections_are_kept_unless_that_is_not_wanted(text: str, env: dict[str, str], kept: bool) -> None:
    config = parsed([("x", f'{text}\nlistener "tcp" {{ tls_disable = true }}')])
    assert keeps_connections(config, env, "proxy") is kept


@pytest.mark.parametrize(
    ("location", "expected"),
    (
        ("/v1/b?x=1", ("https://a:1", "/v1/b?x=1")),
        ("https://b:2/v1/b", ("https://b:2", "/v1/b")),
        ("http://a:1/v1/b", None),
        ("https://user@b/v1/b", None),
        ("file:///etc/passwd", None),
        ("b", None),
        ("", None),
    ),
)
def test_where_a_redirect_may_lead(location: str, expected: tuple[str, str] | None) -> None:
    assert redirected("https://a:1", "/v1/a", location) == expected


def test_what_is_passed_on_as_it_comes() -> None:
    assert streams(Answer(200, (("content-type", "text/plain"),)))
    assert streams(Answer(200, (*JSON, ("content-length", "100000000"))))
    assert not streams(Answer(200, JSON))
    assert not streams(Answer(204))
    assert not streams(Answer(200, (("content-length", "0"),)))


class Wire:
    """A server of one connection a request, which answers from a list and counts."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if length := [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]:
            await reader.readexactly(int(length[0].partition(b":")[2]))
        self.heads.append(head)
        answer = self.answers.pop(0)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        writer.close()

    def ask(self, question: Question, retries: int = 3) -> tuple[Answer, bytes]:
        async def scenario() -> tuple[Answer, bytes]:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]

            async def no_time(_: float) -> None:
                return

            carrier = Carrier(Endpoint(f"http://127.0.0.1:{port}"), Retry(num_retries=retries), sleep=no_time)
            try:
                async with server:
                    answer = await carrier.ask(question)
                    body = answer.body
                    if answer.stream is not None:
                        body = b"".join([chunk async for chunk in answer.stream])
                    return answer, body
            finally:
                await carrier.close()

        return asyncio.run(scenario())


def http(
    status: int, body: bytes = b"{}", *, headers: bytes = b"Content-Type: application/json\r\n"
) -> bytes:
    return b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (
        status, headers, len(body), body,
    )  # fmt: skip


READ, WRITE = Question("GET", "/v1/a", {}, b"", "t"), Question("POST", "/v1/a", {}, b"{}", "t")


@pytest.mark.parametrize("status", (500, 502, 503, 412, 429, 473))
def test_what_will_pass_is_tried_again(status: int) -> None:
    wire = Wire(http(status), http(status), http(200, b'{"a":1}'))
    for question in (READ, WRITE):
        wire.answers = [http(status), http(status), http(200, b'{"a":1}')]
        assert wire.ask(question)[1] == b'{"a":1}'
    assert len(wire.heads) == 6


@pytest.mark.parametrize("status", (400, 403, 404, 405, 501))
def test_what_will_not_pass_is_answered_at_once(status: int) -> None:
    wire = Wire(http(status))
    assert wire.ask(READ)[0].status == status


def test_the_last_answer_stands() -> None:
    wire = Wire(*[http(503)] * 4)
    assert wire.ask(READ)[0].status == 503
    assert Wire(http(503)).ask(READ, retries=-1)[0].status == 503


def test_reports_of_the_server_are_answered_as_they_are() -> None:
    wire = Wire(http(503))
    assert wire.ask(Question("GET", "/v1/sys/health", {}))[0].status == 503


def test_a_write_whose_answer_was_lost_is_not_made_again() -> None:
    assert Wire(None, http(200)).ask(READ)[0].status == 200
    wire = Wire(None, http(200))
    with pytest.raises(Unreachable):
        wire.ask(WRITE)
    assert len(wire.heads) == 1


def test_a_redirect_is_followed_once() -> None:
    wire = Wire(http(307, headers=b"Location: /v1/b\r\n"), http(200, b'{"b":1}'))
    assert wire.ask(WRITE)[1] == b'{"b":1}'
    assert wire.heads[1].startswith(b"POST /v1/b HTTP/1.1\r\n")


def test_a_stream_arrives_while_it_is_sent() -> None:
    async def scenario() -> None:
        arrived = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
                b"\r\n3\r\none\r\n"
            )
            await arrived.wait()
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        carrier = Carrier(Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), Retry())
        async with server, asyncio.timeout(10):
            answer = await carrier.ask(READ)
            assert answer.stream is not None
            assert await anext(answer.stream) == b"one"
            arrived.set()
            assert [chunk async for chunk in answer.stream] == [b"two"]
        await carrier.close()

    asyncio.run(scenario())


def test_streams_come_whole_or_break_off() -> None:
    body = b"line\n" * 100_000
    assert Wire(http(200, body, headers=b"Content-Type: text/plain\r\n")).ask(READ)[1] == body
    broken = http(200, body, headers=b"Content-Type: text/plain\r\n")[:-10]
    with pytest.raises(Exception, match=r"^$"):
        Wire(broken).ask(READ)
