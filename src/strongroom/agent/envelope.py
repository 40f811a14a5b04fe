"""An answer of the API as the agent relies on it: its form is checked here, once.

What stands between agent and server may answer anything. What has not the form of an answer is a failure like
any other: it is tried again, and ends nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from strongroom.errors import UpstreamFailed

LONGEST = 100 * 365 * 86_400.0
"""Seconds: no lease counts as longer."""


class Auth(msgspec.Struct):
    """A login or a renewal."""

    client_token: str = ""
    accessor: str = ""
    lease_duration: float = 0.0
    renewable: bool = False

    def __repr__(self) -> str:
        return f"<auth {self.accessor}>"


class WrapInfo(msgspec.Struct):
    """What an answer was wrapped in."""

    token: str = ""
    accessor: str = ""
    ttl: int = 0
    creation_time: str = ""
    creation_path: str = ""
    wrapped_accessor: str = ""

    def __repr__(self) -> str:
        return f"<wrapping {self.accessor}>"


class Envelope(msgspec.Struct):
    """The whole of it."""

    lease_id: str = ""
    lease_duration: float = 0.0
    renewable: bool = False
    data: dict[str, Any] | None = None
    auth: Auth | None = None
    wrap_info: WrapInfo | None = None

    def __repr__(self) -> str:
        return f"<envelope of {self.lease_id}>"

    def text(self, name: str) -> str:
        """A text in ``data``; nothing where there is none."""
        value = (self.data or {}).get(name)
        return value if isinstance(value, str) else ""

    def part(self, name: str) -> dict[str, Any]:
        """An object in ``data``; empty where there is none."""
        value = (self.data or {}).get(name)
        return value if isinstance(value, dict) else {}


_decode = msgspec.json.Decoder(Envelope).decode


def envelope(body: bytes) -> Envelope:
    """What a body says; an empty one says nothing. Raises UpstreamFailed."""
    if not body.strip():
        return Envelope()
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed("the server answered something that its API does not") from None
    found.lease_duration = seconds(found.lease_duration)
    if found.auth is not None:
        found.auth.lease_duration = seconds(found.auth.lease_duration)
    return found


def seconds(value: Any) -> float:
    """A duration that can be reckoned with; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0.0
    return float(min(value, LONGEST))
