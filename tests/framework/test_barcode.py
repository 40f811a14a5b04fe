"""Barcodes are read back by another library, whatever their size."""

from __future__ import annotations

import struct
import zlib

import pytest
import zxingcpp

from strongroom.framework import barcode

URL = f"otpauth://totp/Strong%20room:6c0a?algorithm=SHA512&issuer=Strong%20room&secret={'Q' * 40}"


def pixels(png: bytes) -> memoryview:
    """The pixels of a grey picture, by rows; its checksums are checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    side, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (height, form) == (side, [8, 0, 0, 0, 0])
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == side * (side + 1)
    rows = [raw[start + 1 : start + 1 + side] for start in range(0, len(raw), side + 1)]
    return memoryview(b"".join(rows)).cast("B", (side, side))


@pytest.mark.parametrize("size", (1, 57, 199, 200, 201, 640))
def test_another_library_reads_it(size: int) -> None:
    image = pixels(barcode.png(URL, size))
    assert image.shape is not None
    assert image.shape[0] == size or size < 61
    (found,) = zxingcpp.read_barcodes(image)
    assert found.text == URL
