"""An answer's body that is passed on as it comes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self

HIGH, LOW = 1_048_576, 262_144
"""Bytes waiting for the reader at which the server is made to wait, and at which it goes on."""


class BrokenOff(Exception):
    """The server ended the connection before the body's end."""


class Stream:
    """An async iterator of chunks. Whoever does not read it to its end closes it (``aclose``)."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._broken = False
        self._paused = False
        self._news = asyncio.Event()

    def feed(self, chunk: bytes) -> None:
        """More has come."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > HIGH and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._news.set()

    def end(self, *, whole: bool = True) -> None:
        """Nothing more comes; ``whole`` tells whether it was all."""
        self._broken = self._broken or not (whole or self._ended)
        self._ended = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._broken:
                raise BrokenOff
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        if self._paused and self._size < LOW:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    async def aclose(self) -> None:
        """Read no more."""
        if not self._ended:
            self._ended = True
            self._transport.abort()
