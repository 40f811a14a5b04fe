"""A reply as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

import orjson

from strongroom.wire import Reply

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nDate: " for status in HTTPStatus}
_ERROR_HEADERS = [("Cache-Control", "no-store"), ("Content-Type", "application/json")]


def error_reply(status: int, sentence: str) -> Reply:
    """The API's form of an error."""
    return Reply(status, _ERROR_HEADERS, orjson.dumps({"errors": [sentence]}) + b"\n")


def http_date(now: float | None = None) -> str:
    """``now`` (Unix seconds, default: the present) as a Date header wants it (RFC 9110, 5.6.7)."""
    return formatdate(time.time() if now is None else now, usegmt=True)


def bodiless(status: int) -> bool:
    """Whether replies of this status end with their head (RFC 9110, 6.4.1)."""
    return status in (204, 304) or status < 200


def reply_head(reply: Reply, date: str, connection: str = "", *, chunked: bool = False) -> bytes:
    """Status line and headers, up to and with the blank line.

    ``connection`` is the Connection header's value, if one is due. Raises ValueError for a
    header that would break out of its line.
    """
    status, body = reply.status, reply.body
    block = (_STATUS_LINES.get(status) or f"HTTP/1.1 {status} status code {status}\r\nDate: ") + date + "\r\n"
    for name, value in reply.headers:
        block += f"{name}: {value}\r\n"
    if block.count("\n") != len(reply.headers) + 2 or block.count("\r") != len(reply.headers) + 2:
        raise ValueError("line break in a reply header")
    if not isinstance(body, bytes):
        if chunked:
            block += "Transfer-Encoding: chunked\r\n"
    elif not bodiless(status):
        block += f"Content-Length: {len(body)}\r\n"
    if connection:
        block += f"Connection: {connection}\r\n"
    return (block + "\r\n").encode()
