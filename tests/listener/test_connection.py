"""HTTP as the connection understands it, without sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable

import pytest

from strongroom.listener.config import ListenerConfig
from strongroom.wire import Message, Reply
from tests.listener.conversation import Conversation

HOST = b"Host: a\r\n"


def request(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    return line + b"\r\n" + HOST + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


LISTING = request(b"LIST /v1/secret/metadata/?x=1 HTTP/1.1", b"X-Vault-Token: t")
SCANNING = request(b"SCAN /v1/a HTTP/1.1", b"Content-Length: 12", body=b"LIST / HTTP/")


@pytest.mark.parametrize("at", range(1, len(LISTING + SCANNING + LISTING)))
def test_list_and_scan_arrive_whole_however_they_are_cut(at: int) -> None:
    stream = LISTING + SCANNING + LISTING
    talk = Conversation().say(stream[:at], stream[at:])
    assert talk.heard == [
        ("LIST", "/v1/secret/metadata/?x=1", b""),
        ("SCAN", "/v1/a", b"LIST / HTTP/"),
        ("LIST", "/v1/secret/metadata/?x=1", b""),
    ]
    assert talk.statuses == [200, 200, 200]


def test_byte_by_byte() -> None:
    stream = LISTING + SCANNING
    talk = Conversation().say(*[stream[n : n + 1] for n in range(len(stream))])
    assert [heard[0] for heard in talk.heard] == ["LIST", "SCAN"]


@pytest.mark.parametrize(
    "body", (b"LIST /x HTTP/1.1\r\nHost: b\r\n\r\n", b"\r\n\r\nLIST / HTTP/1.1\r\n", b"0\r\n\r\nSCAN ")
)
@pytest.mark.parametrize("chunked", (True, False))
def test_a_body_is_never_taken_for_a_request(body: bytes, *, chunked: bool) -> None:
    if chunked:
        stream = request(b"POST /a HTTP/1.1", b"Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
    else:
        stream = request(b"POST /a HTTP/1.1", b"Content-Length: %d" % len(body), body=body)
    for at in range(1, len(stream)):
        talk = Conversation().say(stream[:at], stream[at:] + LISTING)
        assert talk.heard == [("POST", "/a", body), ("LIST", "/v1/secret/metadata/?x=1", b"")]


@pytest.mark.parametrize("verb", ("FOO", "TRACE", "PROPFIND", "M-SEARCH", "SOURCE", "list", "A" * 64))
def test_any_verb_reaches_the_application(verb: str) -> None:
    talk = Conversation().say(request(f"{verb} /x HTTP/1.1".encode()))
    assert talk.heard == [(verb, "/x", b"")]


def test_what_a_message_holds() -> None:
    talk = Conversation().say(
        request(b"GET /v1/a%2Fb?list=true HTTP/1.1", b"X-Vault-TOKEN:  s.1 \t", b"Accept: a", b"accept: b")
    )
    message = talk.messages[0]
    assert message.headers == {"host": "a", "x-vault-token": "s.1", "accept": "a, b"}
    assert message.target == "/v1/a%2Fb?list=true"
    assert (message.remote_address, message.remote_port, message.peer_address) == (
        "192.0.2.1",
        4321,
        "192.0.2.1",
    )
    assert (message.tls, message.certificate, message.certificate_chain) == (False, None, ())
    assert message.listener is talk.service.config.traits


def test_an_application_may_change_its_headers_without_harm_to_the_next_request() -> None:
    def greedy(message: Message) -> Reply:
        assert message.headers.pop("x-vault-token") == "t"
        return Reply(204, [])

    talk = Conversation(app=greedy).say(LISTING, LISTING, LISTING)
    assert talk.statuses == [204, 204, 204]


@pytest.mark.parametrize(
    ("target", "seen"),
    (
        (b"http://a/v1/x?y", "/v1/x?y"),
        (b"HTTPS://a:1", "/"),
        (b"http://a?b", "/?b"),
        (b"*", "*"),
        (b"/\xc3\xa4%20", "/%C3%A4%20"),
        (b"//double", "//double"),
    ),
)
def test_targets(target: bytes, seen: str) -> None:
    assert Conversation().say(request(b"GET " + target + b" HTTP/1.1")).heard == [("GET", seen, b"")]


REFUSED = (
    (400, b"GET / HTTP/1.1\r\n\r\n"),  # no Host
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET /\r\n\r\n"),
    (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    (400, b"GET / a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n"),
    (400, b"GET / HTTP/1.1\nHost: a\n\n"),  # at once: there is no blank line to wait for
    (400, b"GET / HTTP/1.1\r\nHost: a\n\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n"),
    (400, request(b"GET / RTSP/1.0")),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),  # TLS on a plain port
    (400, b"A" * 66),
    (505, request(b"GET / HTTP/1.2")),
    (505, request(b"PRI * HTTP/2.0")),
    (400, request(b"GET / HTTP/1.1", b"A: b", b" folded")),
    (400, request(b"GET / HTTP/1.1", b" A: b")),
    (400, request(b"GET / HTTP/1.1", b"A : b")),
    (400, request(b"GET / HTTP/1.1", b": b")),
    (400, request(b"GET / HTTP/1.1", b"A")),
    (400, request(b"GET / HTTP/1.1", b"A: b\0")),
    (400, request(b"GET / HTTP/1.1", b"A: b\x01")),
    (400, request(b"GET / HTTP/1.1", b"A: b\x7f")),
    (400, request(b"GET / HTTP/1.1", b"A: b\rc")),
    (400, request(b"GET / HTTP/1.1", b"A\0: b")),
    (400, request(b"GET / HTTP/1.1", b"\xff: b")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 6")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 5, 5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: +5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: -5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 5 5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 0x5")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length:")),
    (400, request(b"POST / HTTP/1.1", b"Content-Length: 99999999999999999999999")),
    (413, request(b"POST / HTTP/1.1", b"Content-Length: 33554433")),
    (413, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"2000001\r\n")),
    (400, request(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked")),
    (501, request(b"POST / HTTP/1.1", b"Transfer-Encoding: gzip, chunked")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked, identity")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: xchunked")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding : chunked")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: \x0bchunked")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"x\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"3\r\nabcX")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"3\r\nabc\rX")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"3 \r\nabc\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"0x3\r\nabc\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"-3\r\nabc\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"3\nabc\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"3;a\x00\r\nabc\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"3;" + b"a" * 5000)),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"11111111111111111\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"0\r\nbad trailer\r\n\r\n")),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"0\r\n" + b"A: b\r\n" * 3000)),
    (400, request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"1\r\nx\r\n" * 2000)),
    (417, request(b"POST / HTTP/1.1", b"Content-Length: 5", b"Expect: tea")),
    (414, b"GET /" + b"a" * 17_000),
    (414, b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\nA: " + b"a" * 66_000),
    (431, request(b"GET / HTTP/1.1", b"A: " + b"a" * 66_000)),
    (431, request(b"GET / HTTP/1.1", *[b"a:"] * 300)),
)


@pytest.mark.parametrize("cut", (False, True))
@pytest.mark.parametrize(("status", "stream"), REFUSED)
def test_refused(status: int, stream: bytes, caplog: pytest.LogCaptureFixture, *, cut: bool) -> None:
    """Each is answered in the API's form, ends the connection, and is no news for the log."""
    talk = Conversation()
    step = max(1, len(stream) // 40) if cut else len(stream)
    with caplog.at_level(logging.DEBUG):
        talk.say(*[stream[n : n + step] for n in range(0, len(stream), step)])
    talk.say(LISTING)  # whatever follows a refused message is not a message
    assert (talk.statuses, talk.heard) == ([status], [])
    head, _, body = talk.wire.output.partition(b"\r\n\r\n")
    assert body.startswith(b'{"errors":["')
    assert b"\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nConnection: close\r\n" in head
    assert b"Content-Length: %d" % len(body) in head
    assert talk.service.refused == 1
    assert not caplog.records
    talk.pass_time(2)
    assert talk.wire.aborted


def test_refusals_repeat_nothing_of_the_request() -> None:
    talk = Conversation().say(request(b"GET / HTTP/1.1", b"X-Vault-Token : canary"))
    assert b"canary" not in talk.wire.output


def test_header_of_ten_thousand_bytes() -> None:
    talk = Conversation().say(request(b"GET / HTTP/1.1", b"A: " + b"x" * 10_000))
    assert talk.messages[0].headers["a"] == "x" * 10_000


def test_blank_line_before_a_request_is_forgiven() -> None:
    talk = Conversation().say(b"\r", b"\n", LISTING, b"\r\n\r\n\r", b"\n" + LISTING, b"\r\n", LISTING)
    assert [heard[0] for heard in talk.heard] == ["LIST", "LIST", "LIST"]


def test_an_upgrade_is_declined_by_not_answering_it() -> None:
    upgrade = request(b"GET /a HTTP/1.1", b"Connection: Upgrade", b"Upgrade: h2c")
    body = request(
        b"POST /b HTTP/1.1", b"Connection: Upgrade", b"Upgrade: x", b"Content-Length: 2", body=b"hi"
    )
    talk = Conversation().say(upgrade + body + upgrade)
    assert talk.heard == [("GET", "/a", b""), ("POST", "/b", b"hi"), ("GET", "/a", b"")]


def test_chunked_body_with_extensions_and_trailers() -> None:
    stream = request(b"POST /a HTTP/1.1", b"Transfer-Encoding: Chunked") + (
        b'3;a=b;c="d"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\n'
    )
    for at in range(1, len(stream)):
        talk = Conversation().say(stream[:at], stream[at:])
        assert talk.heard == [("POST", "/a", b"abc0123456789")]
        assert "x-trailer" not in talk.messages[0].headers


@pytest.mark.parametrize(
    ("line", "fields", "connection", "closed"),
    (
        (b"GET / HTTP/1.1", (), None, False),
        (b"GET / HTTP/1.1", (b"Connection: close",), b"close", True),
        (b"GET / HTTP/1.1", (b"Connection: TE, Close",), b"close", True),
        (b"GET / HTTP/1.1", (b"Connection: keep-alive",), None, False),
        (b"GET / HTTP/1.0", (), b"close", True),
        (b"GET / HTTP/1.0", (b"Connection: Keep-Alive",), b"keep-alive", False),
    ),
)
def test_whether_the_connection_stays(
    line: bytes, fields: tuple[bytes, ...], connection: bytes | None, *, closed: bool
) -> None:
    talk = Conversation().say(request(line, *fields))
    assert talk.wire.closed is closed
    assert (b"Connection:" in talk.wire.output) is (connection is not None)
    if connection is not None:
        assert b"\r\nConnection: " + connection + b"\r\n" in talk.wire.output


def test_http_1_0_needs_no_host() -> None:
    assert Conversation().say(b"GET /x HTTP/1.0\r\n\r\n").heard == [("GET", "/x", b"")]


def test_nothing_is_read_after_the_last_reply() -> None:
    talk = Conversation().say(request(b"GET / HTTP/1.1", b"Connection: close") + LISTING)
    assert len(talk.messages) == 1


def test_expect_100_continue() -> None:
    head = request(b"POST /a HTTP/1.1", b"Expect: 100-Continue", b"Content-Length: 2")
    talk = Conversation().say(head)
    assert talk.wire.output == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert talk.say(b"hi").heard == [("POST", "/a", b"hi")]
    assert Conversation().say(head + b"hi").statuses == [200]  # the body is here: no need to ask for it
    assert Conversation().say(head + b"h").statuses == []


def test_expect_100_continue_of_too_large_a_body_is_refused_before_it_is_sent() -> None:
    talk = Conversation(ListenerConfig(max_request_size=10))
    assert talk.say(
        request(b"POST /a HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 11")
    ).statuses == [413]


@pytest.mark.parametrize(
    "stream",
    (
        request(b"POST / HTTP/1.1", b"Content-Length: 10", body=b"0123456789"),
        request(
            b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"
        ),
    ),
)
def test_body_at_the_limit(stream: bytes) -> None:
    assert Conversation(ListenerConfig(max_request_size=10)).say(stream).statuses == [200]
    assert Conversation(ListenerConfig(max_request_size=9)).say(stream).statuses == [413]


def test_head_tells_the_length_and_sends_nothing() -> None:
    talk = Conversation(app=lambda _: Reply(200, [], b"12345")).say(request(b"HEAD /a HTTP/1.1"))
    assert b"\r\nContent-Length: 5\r\n" in talk.wire.output
    assert talk.wire.output.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", (204, 304))
def test_replies_without_body(status: int) -> None:
    talk = Conversation(app=lambda _: Reply(status, [("A", "b")])).say(LISTING)
    assert b"Content-Length" not in talk.wire.output
    assert talk.wire.output.endswith(b"A: b\r\n\r\n")


def test_status_without_a_name() -> None:
    assert (
        Conversation(app=lambda _: Reply(473, []))
        .say(LISTING)
        .wire.output.startswith(b"HTTP/1.1 473 status code 473\r\nDate: ")
    )


@pytest.mark.parametrize("header", (("A", "b\r\nC: d"), ("A\n", "b"), ("A", "b\r"), ("A", "\0")))
def test_a_reply_header_cannot_break_out_of_its_line(
    header: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    talk = Conversation(app=lambda _: Reply(200, [header], b"x")).say(LISTING)
    assert talk.statuses == [500]
    assert b"C: d" not in talk.wire.output
    assert "line break" in caplog.text


def test_custom_response_headers() -> None:
    custom = {
        "default": {"X-A": "1", "X-B": "1", "Content-Type": "no"},
        "2xx": {"x-b": "2"},
        "200": {"X-C": "3"},
        "404": {"X-D": "4"},
    }
    output = Conversation(ListenerConfig(custom_response_headers=custom)).say(LISTING).wire.output
    assert b"\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3\r\nContent-Type: text/plain\r\n" in output
    refused = Conversation(ListenerConfig(custom_response_headers=custom)).say(b"\0").wire.output
    assert b"\r\nX-A: 1\r\n" in refused


def test_require_request_header() -> None:
    config = ListenerConfig(require_request_header=True)
    talk = Conversation(config).say(LISTING, request(b"GET / HTTP/1.1", b"X-Vault-Request: true"))
    assert talk.statuses == [412, 200]
    assert len(talk.messages) == 1


def test_too_many_connections() -> None:
    talk = Conversation(ListenerConfig(max_connections=1))
    assert talk.wire.output == b""
    other = type(talk.connection)(talk.service, ("192.0.2.2", 1), "192.0.2.2")
    other.connection_made(wire := type(talk.wire)())
    assert wire.output.startswith(b"HTTP/1.1 503 ")


class Held:
    """An application that answers when told to."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Reply]] = []

    def __call__(self, message: Message) -> Awaitable[Reply]:
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_pipelined_requests_wait_their_turn() -> None:
    async def scenario() -> None:
        app = Held()
        talk = Conversation(app=app).say(LISTING + SCANNING + request(b"GET /c HTTP/1.1"))
        assert len(talk.messages) == 1
        for number in range(3):
            await settle()
            assert len(talk.messages) == number + 1
            assert len(talk.statuses) == number
            app.waiting[number].set_result(Reply(200, [], b"x"))
        await settle()
        assert talk.statuses == [200, 200, 200]
        assert not talk.service.tasks

    asyncio.run(scenario())


def test_read_ahead_is_bounded() -> None:
    async def scenario() -> None:
        app = Held()
        talk = Conversation(app=app).say(LISTING, LISTING * 2000)
        assert talk.wire.paused == 1
        await settle()
        for number in range(2001):
            app.waiting[number].set_result(Reply(204, []))
            await settle()
        assert talk.wire.paused == 0
        assert len(talk.messages) == 2001

    asyncio.run(scenario())


def test_a_client_that_has_left_gets_nothing_and_its_operation_ends() -> None:
    async def scenario() -> None:
        app = Held()
        talk = Conversation(app=app).say(LISTING)
        await settle()
        talk.connection.connection_lost(None)
        assert not talk.service.connections
        app.waiting[0].set_result(Reply(200, [], b"x"))
        await settle()
        assert talk.wire.output == b""
        assert not talk.service.tasks

    asyncio.run(scenario())


def test_half_close_still_gets_its_reply() -> None:
    async def scenario() -> None:
        app = Held()
        talk = Conversation(app=app).say(LISTING + LISTING)
        await settle()
        assert talk.connection.eof_received()
        for number in range(2):
            app.waiting[number].set_result(Reply(204, []))
            await settle()
        assert talk.statuses == [204, 204]
        assert talk.wire.closed

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", (RuntimeError("canary"), OSError("canary")))
def test_an_application_that_raises(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async def app() -> Reply:
            raise failure

        talk = Conversation(app=lambda _: app()).say(LISTING)
        await settle()
        assert talk.statuses == [500]
        assert b"canary" not in talk.wire.output
        assert "the application raised" in caplog.text

    asyncio.run(scenario())


def chunks_of(*parts: bytes, closed: list[bool] | None = None) -> AsyncIterator[bytes]:
    async def generate() -> AsyncIterator[bytes]:
        try:
            for part in parts:
                yield part
                await asyncio.sleep(0)
        finally:
            if closed is not None:
                closed.append(True)

    return generate()


def stream_of(*lines: bytes, parts: tuple[bytes, ...] = (b"abc", b"", b"defgh")) -> Conversation:
    async def scenario() -> Conversation:
        talk = Conversation(app=lambda _: Reply(200, [], chunks_of(*parts))).say(*lines)
        for _ in range(50):
            await asyncio.sleep(0)
        return talk

    return asyncio.run(scenario())


def test_streamed_reply() -> None:
    talk = stream_of(LISTING + LISTING)
    assert (
        talk.wire.output.count(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n") == 2
    )
    assert not talk.wire.closed


def test_streamed_reply_in_http_1_0_ends_with_the_connection() -> None:
    talk = stream_of(request(b"GET / HTTP/1.0", b"Connection: keep-alive"))
    assert talk.wire.output.endswith(b"Connection: close\r\n\r\nabcdefgh")
    assert talk.wire.closed


def test_a_stream_ends_when_the_client_leaves() -> None:
    async def scenario() -> None:
        closed: list[bool] = []
        talk = Conversation(app=lambda _: Reply(200, [], chunks_of(*[b"x"] * 1000, closed=closed))).say(
            LISTING
        )
        await settle()
        talk.connection.connection_lost(None)
        await settle()
        assert closed == [True]
        assert not talk.service.tasks

    asyncio.run(scenario())


def test_a_stream_waits_for_its_reader() -> None:
    async def scenario() -> None:
        talk = Conversation(app=lambda _: Reply(200, [], chunks_of(*[b"x"] * 100))).say(LISTING)
        await settle()
        talk.connection.pause_writing()
        await settle()
        size = len(talk.wire.output)
        for _ in range(20):
            await settle()
        assert len(talk.wire.output) == size
        talk.connection.resume_writing()
        for _ in range(100):
            await settle()
        assert talk.wire.output.endswith(b"0\r\n\r\n")

    asyncio.run(scenario())


def test_a_stream_may_take_its_time() -> None:
    async def scenario() -> None:
        talk = Conversation(app=lambda _: Reply(200, [], chunks_of(*[b"x"] * 20))).say(LISTING)
        await settle()
        talk.pass_time(100_000)
        for _ in range(20):
            await settle()
        assert talk.wire.output.endswith(b"0\r\n\r\n")
        assert not talk.wire.closed

    asyncio.run(scenario())


def test_a_stream_that_breaks_off_is_not_ended_properly(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise RuntimeError

    async def scenario() -> None:
        talk = Conversation(app=lambda _: Reply(200, [], broken())).say(LISTING)
        await settle()
        assert talk.wire.aborted
        assert b"0\r\n\r\n" not in talk.wire.output
        assert "a reply broke off" in caplog.text

    asyncio.run(scenario())


def test_nothing_is_done_for_a_client_that_does_not_read() -> None:
    talk = Conversation()
    talk.connection.pause_writing()
    talk.say(LISTING)
    assert not talk.messages
    talk.connection.resume_writing()
    assert len(talk.messages) == 1


def test_a_client_that_does_not_read_is_dropped() -> None:
    talk = Conversation(ListenerConfig(write_timeout=5))
    talk.wire.unsent = 1_000_000
    talk.connection.pause_writing()
    talk.pass_time(4)
    assert not talk.wire.aborted
    talk.wire.unsent = 800_000  # slow, but reading
    talk.pass_time(6)
    assert not talk.wire.aborted
    talk.wire.unsent = 799_999
    talk.pass_time(6)
    assert talk.wire.aborted


def test_deadlines() -> None:
    config = ListenerConfig(read_header_timeout=10, read_timeout=30, idle_timeout=300)
    new = Conversation(config)
    new.pass_time(9)
    assert not new.wire.closed
    new.pass_time(11)
    assert (new.wire.closed, new.statuses) == (True, [])
    started = Conversation(config).say(b"GET / HT")
    started.pass_time(11)
    assert started.statuses == [408]
    body = Conversation(config).say(request(b"POST / HTTP/1.1", b"Content-Length: 9"))
    body.pass_time(29)
    assert body.statuses == []
    body.pass_time(31)
    assert body.statuses == [408]
    idle = Conversation(config).say(LISTING)
    idle.pass_time(299)
    assert not idle.wire.closed
    idle.pass_time(301)
    assert (idle.wire.closed, idle.statuses) == (True, [200])


def test_header_deadline_is_not_moved_by_more_bytes() -> None:
    talk = Conversation().say(LISTING, b"GET")
    deadline = talk.connection.deadline
    talk.service.now += 5
    talk.say(b" / HTTP/1.1\r\n")
    assert talk.connection.deadline == deadline


def test_busy_requests_have_no_deadline_here() -> None:
    async def scenario() -> None:
        app = Held()
        talk = Conversation(app=app).say(LISTING)
        await settle()
        talk.pass_time(100_000)
        assert not talk.wire.closed
        app.waiting[0].set_result(Reply(204, []))
        await settle()
        talk.pass_time(301)
        assert talk.wire.closed

    asyncio.run(scenario())
