"""HTTP to systems outside: one call for engines, connections kept per target, closed when the server seals.

::

    target = Target("RabbitMQ", "https://rabbit.internal:15671", ca=pem)
    answer = await send(target, "PUT", "/api/users/alice", headers=basic(name, password), json={...})
    if not answer.ok: ...

Every answer comes back as it is, redirects and errors too: what a status means the engine knows. What
comes in no HTTP answer at all raises UpstreamFailed, whose public sentence says what went wrong and
nothing of what was sent. Proxies, cookies and credentials of the environment are never used.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit
from weakref import WeakKeyDictionary

import msgspec

from strongroom import __version__, eager
from strongroom.errors import BadRequest, StrongroomError, UpstreamFailed
from strongroom.upstream.tls import context

if TYPE_CHECKING:
    import aiohttp

TIMEOUT = 20.0
"""Seconds an answer may take, from the first byte of the connection to the last of the body."""
CONNECT = 10.0
"""Seconds of these until there is a connection."""
LIMIT = 4 * 1024 * 1024
"""Bytes an answer's body may have."""
AT_ONCE = 32
"""Connections to one target."""
IDLE = 15.0
"""Seconds a connection is kept open that nobody uses."""
_FORGET = 600.0
"""Seconds after which what is known of a target that nobody asks any more is dropped."""

_SHUT = frozenset({401, 403, 407, 408, 421, 429})
"""Statuses that tell of the server's standing with a system, not of the one request."""

_encode = msgspec.json.Encoder().encode


class ExtraMissing(StrongroomError):
    """The optional library is not installed."""

    status = 501


@dataclass(frozen=True, slots=True)
class Target:
    """A system outside. ``name`` is what sentences call it; ``url`` is what every path is appended to.

    ``ca`` (PEM) replaces the authorities of the machine; ``certificate`` and ``key`` (PEM) are shown to
    the system. Targets that are equal share their connections.
    """

    name: str
    url: str
    ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    verify: bool = True
    server_name: str = ""
    timeout: float = TIMEOUT
    limit: int = LIMIT

    def check(self) -> None:
        """Raise BadRequest when this can be no target: neither its address nor its PEM is repeated."""
        try:
            parts = urlsplit(self.url)
            fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        else:
            if parts.username is not None or parts.query or parts.fragment:
                raise BadRequest(f"the address of {self.name} may hold no user, query or fragment")
        if not fine:
            raise BadRequest(f"the address of {self.name} must be an http or https URL")
        if self.certificate or self.key or self.ca:
            context_of(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    target: Target
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of the 200s."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Raises UpstreamFailed when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpstreamFailed(f"{self.target.name} answered something that is not JSON") from None

    def failed(self, doing: str) -> StrongroomError:
        """The error for a status that nobody expected; ``doing`` as in "creating the user".

        What was refused for its own sake is a BadRequest. A system that fails, or that does not let the
        server in, is an UpstreamFailed: another request would fare no better, and waiting may help.
        """
        kind = BadRequest if 400 <= self.status < 500 and self.status not in _SHUT else UpstreamFailed
        cause = self.body[:500].decode(errors="replace")
        return kind(f"{doing} failed: {self.target.name} answered {self.status}", cause=cause)


def basic(username: str, password: str) -> dict[str, str]:
    """The header of HTTP's basic authentication."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def segment(text: str) -> str:
    """A text as one segment of a path: slashes, dots and all the rest escaped."""
    return quote(text, safe="").replace(".", "%2E") if set(text) == {"."} else quote(text, safe="")


async def send(
    target: Target,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    json: Any = None,
    content: bytes | None = None,
) -> Answer:
    """One request and its answer; ``path`` is appended to the target's URL, its segments escaped already.

    Raises UpstreamFailed when there is no answer, or a larger one than the target's limit.
    """
    await eager.settle()
    session = await _session(target)
    sent = {**(headers or {})}
    if json is not None:
        content = _encode(json)
        sent.setdefault("Content-Type", "application/json")
    url = target.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
    try:
        async with _sending(session, target, method, url, headers=sent, data=content) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(target, response.status, names, await _bounded(response, target))
    except UpstreamFailed:
        raise
    except Exception as error:  # noqa: BLE001  whatever the library raises: it may quote what was sent
        raise UpstreamFailed(
            f"{target.name} cannot be reached: {_reason(error, target)}", cause=type(error).__name__
        ) from None


def _sending(
    session: aiohttp.ClientSession, target: Target, method: str, url: str, **what: Any
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    from yarl import URL  # noqa: PLC0415  comes with the extra

    if target.server_name:
        what["server_hostname"] = target.server_name
    return session.request(method, URL(url, encoded=True), allow_redirects=False, **what)


async def _bounded(response: aiohttp.ClientResponse, target: Target) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > target.limit:
            response.close()
            raise UpstreamFailed(f"{target.name} answered more than {target.limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _reason(error: BaseException, target: Target) -> str:
    """What went wrong, in words that quote nothing."""
    import aiohttp  # noqa: PLC0415  it is there: it raised

    reasons: tuple[tuple[type[BaseException], str], ...] = (
        (TimeoutError, f"no answer within {target.timeout:g} seconds"),
        (aiohttp.ClientConnectorCertificateError, "its TLS certificate is not trusted"),
        (aiohttp.ClientSSLError, "TLS failed"),
        (aiohttp.ClientConnectorDNSError, "its name is not known"),
        (aiohttp.ClientConnectorError, "no connection"),
        (ConnectionError, "the connection was lost"),
        (aiohttp.ClientConnectionError, "the connection was lost"),
        (aiohttp.ClientPayloadError, "its answer is incomplete"),
        (aiohttp.ClientResponseError, "its answer is not HTTP"),
    )
    return next(
        (words for kind, words in reasons if isinstance(error, kind)), "the request could not be sent"
    )


# -- connections -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kept:
    session: aiohttp.ClientSession
    used: float
    """When it was last asked for, by the monotonic clock."""


_kept: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Target, _Kept]] = WeakKeyDictionary()


async def close() -> None:
    """Close every connection of the running event loop and forget the keys that went with them."""
    for kept in _kept.pop(asyncio.get_running_loop(), {}).values():
        await kept.session.close()


async def _session(target: Target) -> aiohttp.ClientSession:
    sessions = _kept.setdefault(asyncio.get_running_loop(), {})
    kept = sessions.get(target)
    if kept is None:
        await _drop_old(sessions)
        # Reading the authorities of a machine takes a hundred times as long as a request.
        context = await asyncio.to_thread(context_of, target)
        sessions = _kept.setdefault(asyncio.get_running_loop(), {})
        if (kept := sessions.get(target)) is None:
            kept = sessions[target] = _Kept(_open(target, context), 0)
    kept.used = monotonic()
    return kept.session


async def _drop_old(sessions: dict[Target, _Kept]) -> None:
    horizon = monotonic() - _FORGET
    for target in [target for target, kept in sessions.items() if kept.used < horizon]:
        await sessions.pop(target).session.close()


def _open(target: Target, context: ssl.SSLContext) -> aiohttp.ClientSession:
    try:
        import aiohttp  # noqa: PLC0415  an extra, and slow to import: only who uses it pays
    except ImportError:
        raise ExtraMissing("this needs the extra 'http': pip install strongroom[http]") from None
    connector = aiohttp.TCPConnector(ssl=context, limit=AT_ONCE, keepalive_timeout=IDLE)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"Strongroom/{__version__}", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=target.timeout, connect=min(CONNECT, target.timeout)),
        auto_decompress=False,  # a small body must not grow beyond the limit behind our back
        trust_env=False,
    )


def context_of(target: Target) -> ssl.SSLContext:
    """How TLS to the target is verified. Raises BadRequest for PEM that is none."""
    return context(
        target.name, ca=target.ca, certificate=target.certificate, key=target.key, verify=target.verify
    )
