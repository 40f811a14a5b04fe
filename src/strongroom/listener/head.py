"""The head of an HTTP/1.x request: request line and header fields.

The request line is read here, because llhttp knows a fixed list of verbs that has neither LIST
nor SCAN. The fields are judged by llhttp, behind a request line it knows. It is fed whole
heads and never a body, so where a message ends is decided in one place (``body``), and nothing
in a body can be taken for a request line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

import httptools

from strongroom.listener.refusal import Refusal

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}"
_VERB = re.compile(_TOKEN)
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])\r\n")
_OTHER_VERSION = re.compile(rf"{_TOKEN} [\x21-\x7e\x80-\xff]+ HTTP/\d\.\d\r\n")
_ABSOLUTE = re.compile(r"(?i:https?)://[^/?#]+")
_KNOWN_LINE = b"POST / HTTP/1.1\r\n"
_MAX_FIELDS = 256


@dataclass(slots=True)
class Head:
    """What a head says. ``length`` is the body's length in bytes, -1 when it comes in chunks."""

    method: str
    target: str
    headers: dict[str, str]
    length: int
    keep_alive: bool
    http_1_1: bool
    fields: str  # the header fields as they came


NO_HEAD = Head("", "", {}, 0, keep_alive=False, http_1_1=True, fields="")


class HeadParser:
    """Turns the bytes of one head into a ``Head``.

    One parser serves all connections of a listener: each call is complete in itself.
    Sources: RFC 9110, RFC 9112; stricter than these where leniency lets two readers of the
    same bytes see different requests (RFC 9112, 11.2).
    """

    __slots__ = ("_complete", "_llhttp", "_max_line")

    def __init__(self, max_line: int) -> None:
        self._max_line = max_line
        self._complete = False
        self._llhttp = self._fresh()

    def on_headers_complete(self) -> None:
        """llhttp has seen the blank line."""
        self._complete = True

    def parse(self, data: bytes, previous: Head = NO_HEAD) -> Head:
        """Read ``data``, a head from the verb's first letter to the blank line inclusive.

        ``previous`` is the same connection's last head: clients repeat their fields to the byte,
        and what was judged once need not be judged again; it is then the one returned. Raises
        Refusal: 400 malformed, 414 request line too long, 417 unknown expectation, 431 too
        many fields, 501 unknown transfer coding, 505 not HTTP/1.0 or 1.1.
        """
        text = data.decode("latin-1")
        line = _REQUEST_LINE.match(text)
        if line is None or line.end() > self._max_line + 2:
            raise self._bad_line(text)
        method, target, minor = line.groups()
        http_1_1 = minor == "1"
        fields = text[line.end() :]
        if target[0] != "/" or not target.isascii():
            target = _origin_form(target)
        if fields == previous.fields and http_1_1 == previous.http_1_1:
            previous.method, previous.target = method, target
            return previous
        headers = self._judge(fields)
        length, keep_alive = _body_length(headers, http_1_1), _keep_alive(headers, http_1_1)
        return Head(method, target, headers, length, keep_alive, http_1_1, fields)

    def _bad_line(self, text: str) -> Refusal:
        if text.find("\r\n") > self._max_line:
            return Refusal(414, "request line too long")
        if _OTHER_VERSION.match(text):
            return Refusal(505, "unsupported protocol version")
        return Refusal(400, "malformed request")

    def _judge(self, fields: str) -> dict[str, str]:
        """Names in lower case and values of ``fields``, once llhttp has found no fault in them."""
        lines = fields.split("\r\n")
        if len(lines) > _MAX_FIELDS + 2:
            raise Refusal(431, "too many header fields")
        self._complete = False
        try:
            self._llhttp.feed_data(_KNOWN_LINE + fields.encode("latin-1"))
        except httptools.HttpParserUpgrade:
            pass  # an upgrade is only an offer (RFC 9110, 7.8), and it is declined by not answering it
        except httptools.HttpParserError as error:
            self._llhttp = self._fresh()
            raise Refusal(400, "malformed request") from error
        headers: dict[str, str] = {}
        for line in lines[:-2]:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if not self._complete or "content-length" in headers or "transfer-encoding" in headers:
            self._llhttp = self._fresh()  # this one now waits for a body it shall not see
        if not self._complete:
            raise Refusal(400, "malformed request")
        return headers

    def _fresh(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # Whether the connection stays is decided here; llhttp would refuse the next connection's head.
        parser.set_dangerous_leniencies(lenient_keep_alive=True)
        return parser


def plausible(data: bytes) -> bool:
    """Whether an unfinished head can still become one: no need to wait for a blank line in noise.

    Nor behind a line that ends in LF alone: a proxy that reads it as we do not would see other requests.
    """
    if data.count(b"\n") != data.count(b"\r\n"):
        return False
    verb, space, _ = data[:65].decode("latin-1").partition(" ")
    return _VERB.fullmatch(verb) is not None and (bool(space) or len(verb) < 65)


def _origin_form(target: str) -> str:
    """Path and query of an absolute target; UTF-8 that a client did not escape, escaped."""
    absolute = _ABSOLUTE.match(target)
    if absolute:
        rest = target[absolute.end() :]
        target = rest if rest.startswith("/") else "/" + rest
    if target[0] != "/" and target != "*":
        raise Refusal(400, "malformed request target")
    return quote_from_bytes(target.encode("latin-1"), safe=bytes(range(0x80)))


def _body_length(headers: dict[str, str], http_1_1: bool) -> int:
    """How the body is framed; whatever two readers could understand differently is refused."""
    host = headers.get("host")
    if (host is None and http_1_1) or (host and ("," in host or " " in host)):
        raise Refusal(400, "missing or malformed Host header")
    if headers.get("expect", "100-continue").lower() != "100-continue":
        raise Refusal(417, "unknown expectation")
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None or not http_1_1:
            raise Refusal(400, "ambiguous body length")
        if coding.lower() != "chunked":
            raise Refusal(501, "unsupported transfer encoding")
        return -1
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise Refusal(400, "malformed Content-Length")
    return int(length)


def _keep_alive(headers: dict[str, str], http_1_1: bool) -> bool:
    options = headers.get("connection")
    if options is None:
        return http_1_1
    tokens = [token.strip() for token in options.lower().split(",")]
    return "close" not in tokens and (http_1_1 or "keep-alive" in tokens)
