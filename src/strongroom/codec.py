"""JSON as it passes through the server: fast, and faithful to the numbers a client wrote.

Integers of any size stay integers. A number with a fraction or an exponent stays the text it
was (:data:`Number`), so ``1.10`` comes back as ``1.10``. Depth and the number of strings are
bounded before anything is built, since a small body can otherwise grow a thousandfold.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import msgspec

from strongroom.errors import BadRequest

Number = msgspec.Raw
"""A JSON number with a fraction or exponent, kept as the bytes the client wrote."""

MAX_DEPTH = 300
MAX_MEMORY = 34_078_720
"""Bytes a decoded body may take where the listener says nothing else."""

_OBJECT, _REFERENCE = 56, 24  # bytes of an empty list or short string; of an element and a number
_GROWTH = 32  # no JSON takes more bytes, decoded, for each of its own
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NO_STEPS = bytes(set(range(256)) - set(b"{[}]"))


def _number(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


_decoder = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder()

encode = _encoder.encode
"""JSON bytes of a value made of dicts, lists, str, int, bool, None and :data:`Number`."""


class NotJSON(BadRequest):
    """The bytes are not JSON, or nested deeper or richer in strings than allowed."""


def decode(body: bytes) -> Any:
    """The value of a JSON document. Raises :class:`NotJSON`; the words never quote the body."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJSON(f"failed to decode JSON input: {_plain(error)}") from None
    except RecursionError:
        raise NotJSON("failed to decode JSON input: nested too deeply") from None


def _plain(error: Exception) -> str:
    """The decoder's sentence, which names a position and never the content."""
    return "invalid UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def decode_object(
    body: bytes, *, max_strings: int, max_depth: int = MAX_DEPTH, max_memory: int = MAX_MEMORY
) -> dict[str, Any]:
    """A request body: a JSON object within bounds. Raises :class:`NotJSON`.

    null is an empty object: it is what clients send for a write without fields (``write -f``).
    """
    if body.count(b'"') > 2 * max_strings and _strings(body) > max_strings:
        raise NotJSON("refused JSON input due to high complexity: exceeded maximum number of strings")
    if body.count(b"{") + body.count(b"[") > max_depth and _depth(body) > max_depth:
        raise NotJSON("refused JSON input due to high complexity: nested too deeply")
    if len(body) * _GROWTH > max_memory and _memory(body) > max_memory:
        raise NotJSON("refused JSON input due to high complexity: exceeded maximum memory")
    value = decode(body)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NotJSON("failed to decode JSON input: expected an object")
    return value


def _without_escapes(body: bytes) -> bytes:
    """``body`` with no quote that neither opens nor closes a string."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _outside_strings(body: bytes) -> bytes:
    """What of ``body`` is not in its string literals."""
    return b"".join(_without_escapes(body).split(b'"')[::2])


def _depth(body: bytes) -> int:
    steps = _outside_strings(body).translate(_STEPS, _NO_STEPS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def _strings(body: bytes) -> int:
    return (_without_escapes(body).count(b'"') + 1) // 2


def _memory(body: bytes) -> int:
    """Bytes that the decoded body takes, at least about."""
    outside = _outside_strings(body)
    containers = outside.count(b"{") + outside.count(b"[")
    return len(body) + _OBJECT * (containers + _strings(body)) + _REFERENCE * outside.count(b",")
