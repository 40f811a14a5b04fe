"""How keys' outputs and inputs stand on the wire: base64, and ``vault:v<version>:<base64>``."""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from typing import Any

from strongroom.errors import BadRequest

PREFIX = "vault:v"
_VERSION = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_WELL = re.compile(r"[A-Za-z0-9+/\r\n]*", re.ASCII)
_ENDS = "\r\n"
_NO_ENDS = {ord(end): None for end in _ENDS}


def decode(text: Any) -> bytes:
    """The bytes of base64, which may have line ends in it. Raises BadRequest, saying where it breaks off."""
    if not isinstance(text, str):
        raise BadRequest("expected a string of base64")
    try:
        return _strict(text)
    except ValueError:
        pass
    bare = text.translate(_NO_ENDS)
    if bare != text:
        try:
            return _strict(bare)
        except ValueError:
            pass
    raise BadRequest(f"illegal base64 data at input byte {_breaks_at(text)}")


def _strict(text: str) -> bytes:
    if len(text) % 4 or text.endswith("==="):  # Python takes padding for what needs none
        raise ValueError("not whole quanta")
    return a2b_base64(text, strict_mode=True)


def _breaks_at(text: str) -> int:
    """Where text stops being base64: a character that has no place, or a quantum that is cut off."""
    found = _WELL.match(text)
    at = found.end() if found else 0
    quantum = (at - text.count("\r", 0, at) - text.count("\n", 0, at)) % 4
    if at == len(text):
        return at - quantum
    if text[at] != "=" or quantum < 2:
        return at
    rest = text[at + 1 : at + 64].lstrip(_ENDS)
    if quantum == 3:
        return at + 1
    return at + 2 if rest.startswith("=") else len(text) if not rest else at


def encode(data: bytes) -> str:
    """Base64 of bytes."""
    return b2a_base64(data, newline=False).decode()


def url_encode(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return encode(data).rstrip("=").translate(_TO_URL)


def url_decode(text: str) -> bytes:
    """The bytes of base64 for URLs without padding. Raises ValueError."""
    if "+" in text or "/" in text or "=" in text:
        raise ValueError("not base64 for URLs")
    return _strict(text.translate(_FROM_URL) + "=" * (-len(text) % 4))


_TO_URL = str.maketrans("+/", "-_")
_FROM_URL = str.maketrans("-_", "+/")


def parse(text: str, what: str) -> tuple[int, str]:
    """Version and base64 of an output. ``what`` it should be stands in the error. Raises BadRequest."""
    if not text.startswith(PREFIX):
        raise BadRequest(f"{what}: no prefix")
    version, colon, body = text[len(PREFIX) :].partition(":")
    if not colon:
        raise BadRequest(f"{what}: wrong number of fields")
    if not _VERSION.fullmatch(version):
        raise BadRequest(f"{what}: version number could not be decoded")
    return int(version), body
