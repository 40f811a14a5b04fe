"""The QR code of an address, as a picture that a device's camera reads."""

from __future__ import annotations

import struct
import zlib

MARGIN = 4
"""Modules of white around the code, which the standard asks for."""


class TooLong(ValueError):
    """No code holds so much text."""


def png(text: str, size: int) -> bytes:
    """A picture of ``size`` times ``size`` pixels; larger where the code would not fit in.

    Raises TooLong.
    """
    import segno  # noqa: PLC0415  rarely needed

    try:
        made = segno.make(text, error="m", micro=False)
    except segno.DataOverflowError:
        raise TooLong("the text is too long for a QR code") from None
    modules = [bytes(row) for row in made.matrix]
    cells = len(modules) + 2 * MARGIN
    scale = max(size // cells, 1)
    side = max(size, cells)
    before = (side - len(modules) * scale) // 2
    after = side - before - len(modules) * scale
    blank = b"\xff" * side
    rows = [blank] * before
    for row in modules:
        dark = b"".join((b"\x00" if module else b"\xff") * scale for module in row)
        rows += [b"\xff" * before + dark + b"\xff" * after] * scale
    rows += [blank] * after
    return _encoded(rows, side)


def _encoded(rows: list[bytes], side: int) -> bytes:
    """Rows of grey pixels as a PNG file: 8 bits each, no filter."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
