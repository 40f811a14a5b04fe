"""The body of a request: where it ends, and its bytes. No socket, no clock."""

from __future__ import annotations

import re
from typing import Protocol

from strongroom.listener.refusal import Refusal

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t \x21-\x7e\x80-\xff]*)?")
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
_MAX_LINE = 4096
_MAX_TRAILERS = 16384


class Body(Protocol):
    """A body being received."""

    def feed(self, data: bytes) -> bytes | None:
        """Take ``data``; None while the body is unfinished, else what came after its end."""

    def value(self) -> bytes:
        """The whole body, once ``feed`` has found its end."""


class FixedBody:
    """A body of announced length."""

    __slots__ = ("_missing", "_parts")

    def __init__(self, length: int) -> None:
        self._missing = length
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> bytes | None:
        """Take ``data``; None while the body is unfinished, else what came after its end."""
        missing = self._missing
        if len(data) < missing:
            self._missing = missing - len(data)
            self._parts.append(data)
            return None
        self._parts.append(data[:missing])
        return data[missing:]

    def value(self) -> bytes:
        """The whole body."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


class ChunkedBody:
    """A body in chunks (RFC 9112, 7.1). Extensions and trailers are checked and dropped.

    ``feed`` raises Refusal: 400 malformed, 413 more than ``limit`` bytes, as soon as a chunk's
    size line says so. Many tiny chunks are refused too: they cost us far more than the sender.
    """

    __slots__ = ("_chunks", "_limit", "_missing", "_parts", "_rest", "_size", "_trailers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._parts: list[bytes] = []
        self._size = 0
        self._chunks = 0
        self._missing = 0  # of the current chunk, its closing CRLF included
        self._trailers = -1  # bytes of trailer section seen, -1 before the last chunk

    def feed(self, data: bytes) -> bytes | None:
        """Take ``data``; None while the body is unfinished, else what came after its end."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        while True:
            if self._missing:
                at = self._chunk_data(data, at)
                if self._missing:
                    return None
            end = data.find(b"\r\n", at, at + _MAX_LINE)
            if end < 0:
                if len(data) - at >= _MAX_LINE:
                    raise Refusal(400, "malformed chunked encoding")
                self._rest = data[at:]
                return None
            if self._trailers < 0:
                self._size_line(data[at:end])
            elif end == at:
                return data[end + 2 :]
            else:
                self._trailer(data[at:end])
            at = end + 2

    def value(self) -> bytes:
        """The whole body."""
        return b"".join(self._parts)

    def _size_line(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise Refusal(400, "malformed chunked encoding")
        size = int(match[1], 16)
        if size == 0:
            self._trailers = 0
            return
        self._size += size
        self._chunks += 1
        if self._size > self._limit:
            raise Refusal(413, "request body too large")
        if self._chunks > 1024 + self._size // 64:
            raise Refusal(400, "chunks too small")
        self._missing = size + 2

    def _chunk_data(self, data: bytes, at: int) -> int:
        """Take of ``data`` what belongs to the current chunk; return where it ends."""
        size = self._missing - 2
        if size > 0:
            part = data[at : at + size]
            self._parts.append(part)
            self._missing -= len(part)
            at += len(part)
        while self._missing in (1, 2) and at < len(data):
            if data[at] != (13, 10)[2 - self._missing]:
                raise Refusal(400, "malformed chunked encoding")
            self._missing -= 1
            at += 1
        return at

    def _trailer(self, line: bytes) -> None:
        self._trailers += len(line) + 2
        if self._trailers > _MAX_TRAILERS or not _FIELD.fullmatch(line):
            raise Refusal(400, "malformed trailers")
