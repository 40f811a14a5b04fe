"""What passes between the listener and the handler: one HTTP message in, one reply out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class Message:
    """A complete HTTP request, as read from the socket.

    ``target`` is the raw request target (path and query, still percent-encoded). ``headers``
    has lower-case names; when a header is repeated the values are joined with ``", "``.
    ``certificate`` is the client's leaf certificate (DER) and ``certificate_chain`` what it
    sent after it. ``remote_address`` is the client as established by PROXY protocol or
    X-Forwarded-For, ``peer_address`` the socket's other end.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    remote_address: str = ""
    remote_port: int = 0
    peer_address: str = ""
    tls: bool = False
    certificate: bytes | None = None
    certificate_chain: tuple[bytes, ...] = ()
    listener: ListenerTraits = None  # type: ignore[assignment]  # set by every listener


@dataclass(slots=True)
class ListenerTraits:
    """The parts of a listener's configuration that the handler needs to know."""

    disable_unauthed_rekey_endpoints: bool = True
    disable_unauthed_generate_root_endpoints: bool = True
    unauthenticated_metrics_access: bool = False
    unauthenticated_in_flight_requests_access: bool = False
    disallow_metrics: bool = False
    metrics_only: bool = False
    max_request_duration: float = 90.0
    max_json_memory: int = 34_078_720
    max_json_strings: int = 100_000
    custom_response_headers: dict[str, dict[str, str]] = field(default_factory=dict)
    chroot_namespace: str = ""
    """The namespace that is the topmost one here, as its path without slashes around it."""


@dataclass(slots=True)
class Reply:
    """An HTTP reply. ``body`` is bytes, or an async iterator of chunks for a stream.

    The listener adds Date, Content-Length (or chunking) and Connection.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes] = b""


class Application(Protocol):
    """What a listener serves. It may answer at once, or hand back something to await."""

    def __call__(self, message: Message) -> Reply | Awaitable[Reply]:
        """Answer ``message``; never raises."""
