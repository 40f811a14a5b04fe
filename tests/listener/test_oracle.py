"""The same streams through h11: same requests accepted, same ones refused, same bodies.

Where the two differ it is on purpose, and written down in ``STRICTER`` and ``LAXER``.
"""

from __future__ import annotations

import re
from itertools import pairwise

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.listener.conversation import Conversation

Heard = list[tuple[str, str, bytes]]

# What we refuse and h11 does not. Two readers of one stream must never see different requests.
STRICTER = {
    "a line ends with CRLF, never LF alone": rb"(?<!\r)\n",
    "no folded header lines (RFC 9112, 5.2)": rb"\r\n[ \t]",
    "no control characters in values": rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)",
    "only HTTP/1.0 and 1.1": rb" HTTP/(?!1\.[01]\r)",
    "Content-Length once, without Transfer-Encoding":
        rb"(?i)content-length:[^\r]*\r\n([^\r]+\r\n)*(content-length|transfer-encoding):",
    "Transfer-Encoding once, without Content-Length":
        rb"(?i)transfer-encoding:[^\r]*\r\n([^\r]+\r\n)*(content-length|transfer-encoding):",
    "no list in Content-Length": rb"(?i)content-length:[^\r\n]*,",
    "chunks are for HTTP/1.1": rb"(?i)HTTP/1\.0\r\n([^\r]+\r\n)*transfer-encoding",
    "nothing after a chunk's size, and at most 16 digits": rb"\r\n[0-9A-Fa-f]+[ \t]|[0-9A-Fa-f]{17}",
    "a target is a path, or absolute, or *": rb"[!-~]+ (?!/|\* |(?i:https?://[^/ ]))[^ \r\n]+ HTTP/1",
    "no list and no blank in Host": rb"(?i)host:([^\r\n]*,|[ \t]*[^\s]+[ \t]+[^\s])",
    "no expectation but 100-continue": rb"(?i)expect:(?!\s*100-continue\s*\r)",
    "and that once": rb"(?i)expect:[^\r]*\r\n([^\r]+\r\n)*expect:",
}  # fmt: skip
# What h11 refuses and we do not.
LAXER = {
    "UTF-8 in a target, which is escaped": rb"(?m)^[^ \r\n]+ [^ \r\n]*[\x80-\xff]",
    "keep-alive in HTTP/1.0": rb"(?i)keep-alive",
}
# Same requests, told differently: the application gets path and query only.
ABSOLUTE = re.compile(rb"(?i) https?://")


def oracle(stream: bytes) -> tuple[Heard, str]:
    """What h11 makes of ``stream``, answering each request: requests, and how it ended."""
    heard: Heard = []
    while True:
        # A blank line before a request is tolerated (RFC 9112, 2.2); h11 would refuse it.
        while stream.startswith(b"\r\n"):
            stream = stream[2:]
        message, end, stream = oracle_message(stream)
        heard += message
        if end:
            return heard, end


def oracle_message(stream: bytes) -> tuple[Heard, str, bytes]:
    """What h11 makes of the first message: the request, how it ended unless well, and what follows."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65_536)
    connection.receive_data(stream)
    method, target, body = "", "", b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return [], "refused", b""
        if isinstance(event, h11.Request):
            method, target, body = event.method.decode(), event.target.decode("latin-1"), b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            connection.send(h11.Response(status_code=204, headers=[]))
            connection.send(h11.EndOfMessage())
            end = "" if connection.our_state is h11.DONE else "closed"
            return [(method, target, body)], end, connection.trailing_data[0]
        else:
            return [], "waiting", b""


def ours(stream: bytes, cuts: list[int]) -> tuple[Heard, str]:
    """What the listener makes of ``stream``, arriving in pieces."""
    talk = Conversation()
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    talk.say(*[stream[start:end] for start, end in pairwise(edges)])
    if talk.service.refused:
        return talk.heard, "refused"
    return talk.heard, "closed" if talk.wire.closed else "waiting"


verbs = st.sampled_from(
    (b"GET", b"LIST", b"SCAN", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"FOO", b"X-Y")
)
targets = st.sampled_from(
    (b"/", b"/v1/a", b"/v1/secret/metadata/?list=true", b"/a%2F..//b", b"/LIST", b"http://h/v1/x?y", b"*")
)
versions = st.sampled_from((b"HTTP/1.1",) * 20 + (b"HTTP/1.0", b"HTTP/1", b"http/1.1"))
fields = st.sampled_from(
    (
        b"X-Vault-Token: s.abc", b"Accept: */*", b"accept:text/plain", b"X:", b"X: \t a  b \t", b"X: \xe4",
        b"X: LIST / HTTP/1.1", b"Cookie: a=b; c", b"Connection: upgrade", b"Upgrade: h2c",
        b"Expect: 100-continue", b"!#$%&'*+-.^_`|~: x",
    )
)  # fmt: skip
oddities = st.sampled_from(
    (
        b"Host: b", b"X : a", b"X", b": x", b"X\xe4: a", b"X: a\x01", b"X: a\0", b" X: a",
        b"Content-Length: x", b"Content-Length: 3", b"Transfer-Encoding: gzip", b"(: a", b"Expect: x",
        b"Connection: close",
    )
)  # fmt: skip
bodies = st.one_of(
    st.text("LIST /0aé:", min_size=0, max_size=30).map(str.encode),
    st.sampled_from(
        (b"LIST /x HTTP/1.1\r\nHost: a\r\n\r\n", b"a\r\n\r\n", b"0\r\n\r\n", b"\r\nSCAN ", b"\r\n0\r\n")
    ),
    st.binary(max_size=10),
)
extensions = st.sampled_from((b"",) * 12 + (b";a", b';a="b"', b" ", b" ;a", b"x"))
trailers = st.sampled_from((b"",) * 8 + (b"X: y\r\n", b"bad\r\n"))


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(st.tuples(bodies.filter(bool), extensions), max_size=3))
    framed = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part, extension in parts)
    return b"%b0\r\n%b\r\n" % (framed, draw(trailers))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    lines = [b"Host: a"] if draw(st.integers(0, 19)) else []
    lines += draw(st.lists(fields, max_size=2))
    lines += draw(st.lists(oddities, min_size=1, max_size=2)) if draw(st.integers(0, 9)) == 9 else []
    kind = draw(st.integers(0, 3))
    body = b""
    if kind == 1:
        body = draw(bodies)
        lines.append(b"Content-Length: %d" % len(body))
    elif kind == 2:
        body = draw(chunked())
        lines.append(draw(st.sampled_from((b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED"))))
    head = b" ".join((draw(verbs), draw(targets), draw(versions)))
    return b"\r\n".join((head, *draw(st.permutations(lines)), b"", body))


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    stream = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    if draw(st.integers(0, 3)) == 3:  # damage
        at, size = draw(st.integers(0, len(stream))), draw(st.integers(0, 3))
        noise = draw(
            st.one_of(
                st.binary(max_size=2), st.sampled_from((b"\r\n", b"\n", b" ", b":", b"\0", b"GET ", b";"))
            )
        )
        stream = stream[:at] + noise + stream[at + size :]
    return stream


def differs(table: dict[str, bytes], stream: bytes) -> bool:
    return any(re.search(pattern, stream) for pattern in table.values())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(stream=streams(), cuts=st.lists(st.integers(0, 2000), max_size=6))
@example(
    stream=b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcLIST / HTTP/1.1\r\nHost: a\r\n\r\n",
    cuts=[50, 60],
)
def test_h11_agrees(stream: bytes, cuts: list[int]) -> None:
    heard, end = ours(stream, cuts)
    stricter, laxer = differs(STRICTER, stream), differs(LAXER, stream)
    expected, expected_end = oracle(stream)
    if ABSOLUTE.search(stream):
        expected = [
            (verb, re.sub("(?i)^https?://[^/?]+", "", target), body) for verb, target, body in expected
        ]
    if end == "refused" and expected_end == "waiting":
        # We need not wait for the end of what cannot become a request; h11 finds out at the blank line.
        expected_end = oracle(stream + b"\r\n\r\n")[1]
    if not (stricter or laxer):
        assert (heard, end) == (expected, expected_end)
    elif stricter and not laxer and (heard, end) != (expected, expected_end):
        assert end == "refused"
        assert heard == expected[: len(heard)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=streams(), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_where_a_stream_is_cut_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    assert ours(stream, cuts) == ours(stream, [])
