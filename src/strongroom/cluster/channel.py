"""A stream socket that carries frames both ways: four bytes of length, big endian, then the frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from strongroom.cluster.frame import Frame

_LENGTH = 4
_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Frame] = msgspec.msgpack.Decoder(Frame).decode


class Channel(asyncio.Protocol):
    """One end. ``receive`` gets every frame in order, ``ended`` is called once when the other end is gone.

    One that ``holds`` does not read either while the other end does not: what waits here is then
    bounded by what is being worked on. Only one end may hold, or both could wait for each other.
    """

    def __init__(
        self, receive: Callable[[Frame], None], ended: Callable[[], None], *, holds: bool = False
    ) -> None:
        self._receive = receive
        self._holds = holds
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._room = asyncio.Event()
        self._room.set()

    def send(self, frame: Frame) -> None:
        """Send a frame; one for an end that is gone is dropped."""
        if self._transport is not None:
            content = _encode(frame)
            self._transport.writelines((len(content).to_bytes(_LENGTH, "big"), content))

    async def room(self) -> None:
        """Return when the other end keeps up with what it is sent."""
        await self._room.wait()

    def close(self) -> None:
        """Send what waits, then let go of the socket."""
        if self._transport is not None:
            self._transport.close()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the frames that are complete."""
        buffer = self._buffer
        buffer += data
        at, size = 0, len(buffer)
        while size - at >= _LENGTH:
            end = at + _LENGTH + int.from_bytes(buffer[at : at + _LENGTH], "big")
            if size < end:
                break
            self._receive(_decode(bytes(buffer[at + _LENGTH : end])))
            at = end
        if at:
            del buffer[:at]

    def pause_writing(self) -> None:
        """The other end does not keep up."""
        self._room.clear()
        if self._holds and self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._room.set()
        if self._holds and self._transport is not None:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, once."""
        self._transport = None
        self._room.set()
        self._ended()
