"""HTTP-01 (RFC 8555, section 8.3): a file under a known address of the host has the key authorization."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import httptools

from strongroom.secrets.pki.acme import identifier as identifiers
from strongroom.secrets.pki.acme.identifier import DNS, IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation import reach
from strongroom.secrets.pki.acme.validation.resolver import Resolver

PORTS = {"http": 80, "https": 443}
"""The ports that are asked, and that redirections may lead to."""
REDIRECTIONS = 10
PATIENCE = 5.0
"""Seconds that one address may take."""
_READ_AT_ONCE = 4_096
_READ_IN_ALL = 32_768
_LONGEST = 1_024
_REDIRECTING = frozenset({301, 302, 303, 307, 308})


async def check(identifier: Identifier, token: str, authorization: str, resolver: Resolver) -> None:
    """Raises Problem unless the file is there. What stands there instead is told to nobody."""
    host = f"[{identifier.value}]" if ":" in identifier.value else identifier.value
    url = f"http://{host}/.well-known/acme-challenge/{token}"
    for _ in range(REDIRECTIONS + 1):
        answer = await _get(url, resolver)
        if answer.status in _REDIRECTING and answer.location:
            url = _joined(url, answer.location)
            continue
        if answer.status != 200:
            raise Problem("unauthorized", f"the host answered with the status {answer.status}", status=403)
        if bytes(answer.body).rstrip(b" \t\r\n") != authorization.encode():
            raise Problem("incorrectResponse", "the file does not have the key authorization")
        return
    raise Problem("connection", "the host redirects without end")


class _Enough(Exception):
    """More of the answer is of no interest."""


@dataclass(slots=True)
class _Answer:
    """An answer as it comes in, by the callbacks of the parser."""

    status: int = 0
    location: str = ""
    body: bytearray = None  # type: ignore[assignment]  # made when the answer is begun
    complete: bool = False
    parser: httptools.HttpResponseParser = None  # type: ignore[assignment]  # likewise

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"location":
            self.location = value.decode("ascii", "replace")

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.body += body
        if len(self.body) > _LONGEST:
            raise _Enough

    def on_message_complete(self) -> None:
        self.complete = True


async def _get(url: str, resolver: Resolver) -> _Answer:
    """The answer of the first address of a URL's host that gives one."""
    parts, identifier = _target(url)
    for address in await reach.addresses(identifier, resolver):
        try:
            async with asyncio.timeout(PATIENCE):
                return await _ask(address, parts)
        except (OSError, TimeoutError, httptools.HttpParserError):
            continue
    raise Problem("connection", f"no address of {identifier.value} gave an answer to {parts.scheme}")


def _joined(url: str, location: str) -> str:
    """Where a redirection leads. Raises Problem where that is no address."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise Problem("connection", "the host redirects to what is no address") from None


def _target(url: str) -> tuple[SplitResult, Identifier]:
    """A URL in parts and whom it asks. Raises Problem for one that is not asked."""
    refused = Problem("connection", "the host redirects to an address that is not asked")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused from None
    if parts.scheme not in PORTS or port not in (None, PORTS[parts.scheme]) or "@" in parts.netloc:
        raise refused
    if any(not " " < char <= "~" for char in url):
        raise refused
    try:
        return parts, Identifier(IP, identifiers.address(host))
    except Problem:
        pass
    try:
        return parts, Identifier(DNS, identifiers.name(host))
    except Problem:
        raise refused from None


def _context() -> ssl.SSLContext:
    """For a redirection to HTTPS: the certificate is what the host is about to get, so it is not judged."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _ask(address: str, parts: SplitResult) -> _Answer:
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        address,
        PORTS[parts.scheme],
        ssl=_context() if secure else None,
        server_hostname=parts.hostname if secure else None,
    )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: strongroom-acme\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        await writer.drain()
        return await _read(reader)
    finally:
        writer.transport.abort()  # all that counts was read; a farewell of TLS would be waited for


async def _read(reader: asyncio.StreamReader) -> _Answer:
    answer = _Answer(body=bytearray())
    answer.parser = httptools.HttpResponseParser(answer)
    for _ in range(_READ_IN_ALL // _READ_AT_ONCE * 8):
        data = await reader.read(_READ_AT_ONCE)
        if not data:
            break
        try:
            answer.parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            break  # enough was read
        if answer.complete:
            break
    if not answer.status:
        raise ConnectionError("no answer")
    return answer
