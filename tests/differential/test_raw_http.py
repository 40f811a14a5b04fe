"""Bytes that no HTTP library would send: both servers accept the same and refuse the same."""

from __future__ import annotations

import re
import socket

import pytest

from tests.server import Server

HEALTH = b"GET /v1/sys/health HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
HASH = b"POST /v1/sys/tools/hash HTTP/1.1\r\nX-Vault-Token: root\r\n" + HOST
BODY = b'{"input": "aGVsbG8="}'

REQUESTS = {
    "plain": HEALTH + HOST + b"\r\n",
    "no host": HEALTH + b"\r\n",
    "two hosts": HEALTH + HOST + HOST + b"\r\n",
    "empty host": HEALTH + b"Host: \r\n\r\n",
    "HTTP 1.0": b"GET /v1/sys/health HTTP/1.0\r\n\r\n",
    "HTTP 1.0 keep-alive": b"GET /v1/sys/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "HTTP 2.0 in words": b"GET /v1/sys/health HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP 1.2": b"GET /v1/sys/health HTTP/1.2\r\n" + HOST + b"\r\n",
    "no version": b"GET /v1/sys/health\r\n\r\n",
    "bad version": b"GET /v1/sys/health HTTP/x\r\n" + HOST + b"\r\n",
    "nonsense": b"nonsense\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
    "lines end in LF": HEALTH.replace(b"\r", b"") + b"Host: x\n\n",
    "blank line first": b"\r\n" + HEALTH + HOST + b"\r\n",
    "space before colon": HEALTH + HOST + b"X-A : b\r\n\r\n",
    "no colon": HEALTH + HOST + b"nonsense\r\n\r\n",
    "empty header name": HEALTH + HOST + b": b\r\n\r\n",
    "folded header": HEALTH + HOST + b"X-A: b\r\n c\r\n\r\n",
    "NUL in header": HEALTH + HOST + b"X-A: b\0c\r\n\r\n",
    "latin-1 in header": HEALTH + HOST + b"X-A: \xe9\r\n\r\n",
    "absolute target": b"GET http://x/v1/sys/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority": b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "relative target": b"GET v1/sys/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in target": b"GET /v1/sys/hea lth HTTP/1.1\r\n" + HOST + b"\r\n",
    "LIST": b"LIST /v1/sys/policies/acl HTTP/1.1\r\nX-Vault-Token: root\r\n" + HOST + b"\r\n",
    "SCAN": b"SCAN /v1/cubbyhole/ HTTP/1.1\r\nX-Vault-Token: root\r\n" + HOST + b"\r\n",
    "pipelined": (HEALTH + HOST + b"\r\n") * 3,
    "pipelined lists": b"LIST /v1/sys/policies/acl HTTP/1.1\r\nX-Vault-Token: root\r\nHost: x\r\n\r\n" * 2,
    "pipelined after close": (HEALTH + HOST + b"Connection: close\r\n\r\n") * 2,
    "content length": HASH + b"Content-Length: 21\r\n\r\n" + BODY,
    "content length and more": HASH + b"Content-Length: 21\r\n\r\n" + BODY + HEALTH + HOST + b"\r\n",
    "content length twice the same": HASH + b"Content-Length: 21\r\nContent-Length: 21\r\n\r\n" + BODY,
    "content length twice": HASH + b"Content-Length: 21\r\nContent-Length: 5\r\n\r\n" + BODY,
    "content length in one line": HASH + b"Content-Length: 21, 21\r\n\r\n" + BODY,
    "content length signed": HASH + b"Content-Length: +21\r\n\r\n" + BODY,
    "content length negative": HASH + b"Content-Length: -1\r\n\r\n" + BODY,
    "content length nonsense": HASH + b"Content-Length: x\r\n\r\n" + BODY,
    "content length huge": HASH + b"Content-Length: 99999999999999999999\r\n\r\n",
    "chunked": HASH + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunked in parts": HASH
    + b"Transfer-Encoding: chunked\r\n\r\n5;ext=1\r\n"
    + BODY[:5]
    + b"\r\n10\r\n"
    + BODY[5:]
    + b"\r\n0\r\nTrailer: x\r\n\r\n",
    "chunked badly": HASH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk too short": HASH + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
    "chunked and length": HASH
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "encoding unknown": HASH + b"Transfer-Encoding: gzip\r\n\r\n",
    "encoding twice": HASH + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "expect": HASH + b"Expect: 100-continue\r\nContent-Length: 21\r\n\r\n" + BODY,
    "expect nonsense": HASH + b"Expect: x\r\nContent-Length: 21\r\n\r\n" + BODY,
    "upgrade to h2c": HEALTH + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "body of a GET": HEALTH + HOST + b"Content-Length: 2\r\n\r\n{}" + HEALTH + HOST + b"\r\n",
    "very long target": b"GET /v1/" + b"a" * 4_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "very long header": HEALTH + HOST + b"X-A: " + b"a" * 2_000_000 + b"\r\n\r\n",
}

# What a server may do otherwise, with the reason; a row that no longer differs fails.
KNOWN = {
    "HTTP 1.2": "only 1.0 and 1.1 are spoken; 505 says so",
    "lines end in LF": "RFC 9112, 2.2 allows it; refused, since what a proxy reads otherwise can be smuggled",
    "SCAN": "a scan of nothing is an empty answer",
    "blank line first": "RFC 9112, 2.2: a server should ignore it",
    "folded header": "RFC 9112, 5.2: folding is refused, since intermediaries read it differently",
    "asterisk": "there is nothing to say of the server as a whole",
    "authority": "no proxy: refused by the parser, not by the router",
    "chunked badly": "the client's mistake, not the server's: 400",
    "chunk too short": "the client's mistake, not the server's: 400",
    "content length twice the same": "RFC 9112, 6.3 allows to refuse; two lengths are a smuggler's tool",
    "chunked and length": "RFC 9112, 6.1: refused, since it may be request smuggling",
    "encoding unknown": "refused by the parser with 400",
    "encoding twice": "refused by the parser with 400",
    "expect": "RFC 9110, 10.1.1: no 100 is needed when the content has already arrived",
    "h2 preface": "only 1.0 and 1.1 are spoken; 505 says so",
    "very long header": "ours closes at once, the peer lingers",
}


def exchange(server: Server, sent: bytes) -> tuple[list[int], bool]:
    """Statuses of all replies, and whether the server closed the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.4) as connection:
        received, closed = b"", False
        try:
            connection.sendall(sent)
            while part := connection.recv(65536):
                received += part
            closed = True
        except TimeoutError:
            pass
        except ConnectionError:
            closed = True
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)], closed


@pytest.mark.parametrize("name", tuple(REQUESTS))
def test_raw(name: str, peer: Server, server: Server) -> None:
    theirs, ours = exchange(peer, REQUESTS[name]), exchange(server, REQUESTS[name])
    if name in KNOWN:
        assert theirs != ours, "no longer different"
    else:
        assert ours == theirs
