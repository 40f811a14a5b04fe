"""A reply as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

import orjson

from strongroom.wire import Reply

_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\nDate: ".encode() for one in HTTPStatus}
BODILESS = frozenset((204, 304))  # replies that end with their head (RFC 9110, 6.4.1)
_ERROR_HEADERS = [("Cache-Control", "no-store"), ("Content-Type", "application/json")]
_REMEMBERED = 1024


def error_reply(status: int, sentence: str) -> Reply:
    """The API's form of an error."""
    return Reply(status, _ERROR_HEADERS, orjson.dumps({"errors": [sentence]}) + b"\n")


def http_date(now: float) -> bytes:
    """``now`` (Unix seconds) as a Date header wants it (RFC 9110, 5.6.7), with its line's end."""
    return formatdate(now, usegmt=True).encode() + b"\r\n"


class HeaderLines(dict[tuple[str, str], bytes]):
    """Header lines by name and value. Servers repeat themselves: most lines are made once.

    Raises ValueError for a header that would break out of its line.
    """

    def __missing__(self, header: tuple[str, str]) -> bytes:
        text = f"{header[0]}: {header[1]}"
        if "\r" in text or "\n" in text or "\0" in text:
            raise ValueError("line break in a reply header")
        line = text.encode() + b"\r\n"
        if len(self) >= _REMEMBERED:
            self.clear()
        self[header] = line
        return line


class ReplyWriter:
    """Makes the heads of replies.

    ``custom`` are headers by status: ``"default"``, then ``"4xx"``, then ``"404"``, each
    overruling those before it, and the application's own headers overruling all.
    """

    def __init__(self, custom: Mapping[str, Mapping[str, str]]) -> None:
        self._custom = custom
        self._lines = HeaderLines()

    def head(self, reply: Reply, date: bytes, connection: str = "", *, chunked: bool = False) -> bytes:
        """Status line and headers, up to and with the blank line.

        ``date`` is from ``http_date``; ``connection`` the Connection header's value, if one is
        due. Raises ValueError for a header that would break out of its line.
        """
        status, body, lines = reply.status, reply.body, self._lines
        opening = _STATUS_LINES.get(status) or b"HTTP/1.1 %d status code %d\r\nDate: " % (status, status)
        headers = self._customised(reply) if self._custom else reply.headers
        block = b"".join([lines[header] for header in headers])
        if connection:
            block += b"Connection: %b\r\n" % connection.encode()
        if type(body) is not bytes:
            return b"%b%b%b%b\r\n" % (
                opening,
                date,
                block,
                b"Transfer-Encoding: chunked\r\n" if chunked else b"",
            )
        if status in BODILESS:
            return b"%b%b%b\r\n" % (opening, date, block)
        return b"%b%b%bContent-Length: %d\r\n\r\n" % (opening, date, block, len(body))

    def _customised(self, reply: Reply) -> list[tuple[str, str]]:
        status = str(reply.status)
        merged: dict[str, tuple[str, str]] = {}
        for key in ("default", f"{status[0]}xx", status):
            for name, value in self._custom.get(key, {}).items():
                merged[name.lower()] = (name, value)
        for name, _ in reply.headers:
            merged.pop(name.lower(), None)
        return [*merged.values(), *reply.headers]
