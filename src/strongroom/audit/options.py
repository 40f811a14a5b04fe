"""The options of an audit device: text on the wire, checked here, none left unread."""

from __future__ import annotations

import re

import orjson

from strongroom.errors import BadRequest
from strongroom.hcl.duration import SECOND, parse_nanoseconds

_BOOLEANS = {"1", "t", "T", "true", "TRUE", "True"}, {"0", "f", "F", "false", "FALSE", "False"}
_READ_WRITE = 0o666
_HEADER = re.compile(r"[!-~][ -~]*")


class Options:
    """Reads options one by one and knows which were never asked for. Raises BadRequest."""

    def __init__(self, given: dict[str, str]) -> None:
        self._rest = dict(given)

    def text(self, name: str, default: str = "") -> str:
        """The option as it is; ``default`` if absent or empty."""
        return self._rest.pop(name, "") or default

    def boolean(self, name: str, default: bool) -> bool:
        """A boolean in any of Go's spellings."""
        text = self.text(name)
        if not text:
            return default
        if text not in _BOOLEANS[0] and text not in _BOOLEANS[1]:
            raise BadRequest(f'strconv.ParseBool: parsing "{text}": invalid syntax')
        return text in _BOOLEANS[0]

    def seconds(self, name: str, default: float) -> float:
        """A duration above zero."""
        text = self.text(name)
        if not text:
            return default
        seconds = parse_nanoseconds(text) / SECOND
        if seconds <= 0:
            raise BadRequest(f"{name} must be above zero")
        return seconds

    def headers(self, name: str) -> dict[str, str]:
        """HTTP headers as a JSON object, each value text or a list of texts."""
        text = self.text(name)
        try:
            given = orjson.loads(text) if text else {}
        except orjson.JSONDecodeError:
            raise BadRequest(f"{name} must be a JSON object") from None
        if not isinstance(given, dict):
            raise BadRequest(f"{name} must be a JSON object")
        headers = {key: ", ".join(value) if _is_texts(value) else value for key, value in given.items()}
        if not all(
            isinstance(value, str) and _HEADER.fullmatch(key + value) for key, value in headers.items()
        ):
            raise BadRequest(f"{name} must hold names and printable texts")
        return headers

    def mode(self, name: str, default: int) -> int | None:
        """File permissions in octal; zero means to leave those of the file, None.

        Only reading and writing can be granted: an audit log that can be executed is a way to
        run what a client has sent (CVE-2025-6000).
        """
        text = self.text(name)
        if not text:
            return default
        if not text.isascii() or not text.isdecimal() or set(text) & {"8", "9"}:
            raise BadRequest(f'strconv.ParseUint: parsing "{text}": invalid syntax')
        mode = int(text, 8)
        if mode & ~_READ_WRITE:
            raise BadRequest(f'mode "{text}" is not allowed: only read and write permissions can be given')
        return mode or None

    def refuse_rest(self) -> None:
        """Refuse what nothing has asked for: most likely a typing error."""
        if self._rest:
            raise BadRequest(f"unknown audit device options: {', '.join(sorted(self._rest))}")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
