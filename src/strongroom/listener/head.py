"""The head of an HTTP/1.x request: request line and header fields, read by llhttp.

llhttp is fed one whole head at a time and never a body, so where a message ends is decided in
one place (``body``), and nothing in a body can be taken for a request line. It knows a fixed
list of verbs, which has neither LIST nor SCAN; verbs it need not know are put before it as POST.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

import httptools

from strongroom.listener.refusal import Refusal

_KNOWN = frozenset((b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS"))
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_VERSION = re.compile(rb" HTTP/\d\.\d")
_ABSOLUTE = re.compile(rb"(?i:https?)://[^/?#]+")
_MAX_FIELDS = 256
_COMMON_NAMES = (
    "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection",
    "Content-Length", "Content-Type", "Cookie", "Expect", "Forwarded", "Host", "Origin", "Referer",
    "Transfer-Encoding", "User-Agent", "X-Forwarded-For", "X-Real-Ip", "X-Request-Id",
    "X-Vault-Forward", "X-Vault-Inconsistent", "X-Vault-Index", "X-Vault-MFA", "X-Vault-Namespace",
    "X-Vault-Request", "X-Vault-Token", "X-Vault-Wrap-TTL", "X-Vault-Wrap-Ttl",
)  # fmt: skip
_NAMES = {form.encode(): name.lower() for name in _COMMON_NAMES for form in (name, name.lower())}


@dataclass(slots=True)
class Head:
    """What a head says. ``length`` is the body's length in bytes, -1 when it comes in chunks."""

    method: str
    target: str
    headers: dict[str, str]
    length: int
    keep_alive: bool
    http_1_1: bool


class HeadParser:
    """Turns the bytes of one head into a ``Head``.

    One parser serves all connections of a listener: each call is complete in itself.
    Sources: RFC 9110, RFC 9112; stricter than these where leniency lets two readers of the
    same bytes see different requests (RFC 9112, 11.2).
    """

    __slots__ = ("_complete", "_headers", "_llhttp", "max_line")

    def __init__(self, max_line: int) -> None:
        self.max_line = max_line
        self._headers: dict[str, str] = {}
        self._complete = False
        self._llhttp = self._fresh()

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp found a header field; names are case-insensitive, repeated fields are joined."""
        key = _NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1").rstrip(" \t")
        headers = self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """llhttp has seen the blank line."""
        self._complete = True

    def parse(self, data: bytes) -> Head:
        """Read ``data``, a head from the verb's first letter to the blank line inclusive.

        Raises Refusal: 400 malformed, 414 request line too long, 431 too many fields,
        501 unknown transfer coding, 505 not HTTP/1.0 or 1.1.
        """
        verb_end = data.find(b" ", 0, 65)
        line_end = data.find(b"\r\n")
        if line_end > self.max_line:
            raise Refusal(414, "request line too long")
        verb, target, version = (
            data[:verb_end],
            data[verb_end + 1 : line_end - 9],
            data[line_end - 9 : line_end],
        )
        http_1_1 = version == b" HTTP/1.1"
        if verb not in _KNOWN or not http_1_1 or b" " in target or not target.isascii():
            data, target = _unusual(verb, verb_end, target, version, data)
        headers = self._fields(data)
        return Head(
            verb.decode("latin-1"),
            (target if target[0] == 47 else _origin_form(target)).decode("latin-1"),
            headers,
            _body_length(headers, http_1_1),
            _keep_alive(headers, http_1_1),
            http_1_1,
        )

    def _fields(self, data: bytes) -> dict[str, str]:
        if len(data) > 4 * _MAX_FIELDS and data.count(b"\r\n") > _MAX_FIELDS + 2:
            raise Refusal(431, "too many header fields")
        headers = self._headers = {}
        self._complete = False
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # an upgrade is only an offer (RFC 9110, 7.8), and it is declined by not answering it
        except httptools.HttpParserError as error:
            self._llhttp = self._fresh()
            raise Refusal(400, "malformed request") from error
        if not self._complete:
            self._llhttp = self._fresh()
            raise Refusal(400, "malformed request")
        if "content-length" in headers or "transfer-encoding" in headers:
            self._llhttp = self._fresh()  # this one now waits for a body it shall not see
        return headers

    def _fresh(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # Whether the connection stays is decided here; llhttp would refuse the next connection's head.
        parser.set_dangerous_leniencies(lenient_keep_alive=True)
        return parser


def plausible(data: bytes) -> bool:
    """Whether an unfinished head can still become one: no need to wait for a blank line in noise."""
    verb, space, _ = data[:65].partition(b" ")
    return _TOKEN.fullmatch(verb) is not None and (bool(space) or len(verb) < 65)


def _unusual(verb: bytes, verb_end: int, target: bytes, version: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Put before llhttp as plain POST what it would refuse for reasons we do not share."""
    if verb_end < 1 or not _TOKEN.fullmatch(verb) or not target or b" " in target:
        raise Refusal(400, "malformed request")
    if version not in (b" HTTP/1.1", b" HTTP/1.0"):
        if _VERSION.fullmatch(version):
            raise Refusal(505, "unsupported protocol version")
        raise Refusal(400, "malformed request")
    after = data[verb_end + 1 + len(target) :]
    if not target.isascii():  # clients that do not escape UTF-8; what the application sees is escaped
        target = quote_from_bytes(target, safe=bytes(range(0x80))).encode()
    return b"POST " + target + after, target


def _origin_form(target: bytes) -> bytes:
    absolute = _ABSOLUTE.match(target)
    if absolute:
        rest = target[absolute.end() :]
        return rest if rest.startswith(b"/") else b"/" + rest
    if target == b"*":
        return target
    raise Refusal(400, "malformed request target")


def _body_length(headers: dict[str, str], http_1_1: bool) -> int:
    """How the body is framed; whatever two readers could understand differently is refused."""
    host = headers.get("host")
    if (host is None and http_1_1) or (host and ("," in host or " " in host)):
        raise Refusal(400, "missing or malformed Host header")
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
