"""Revocation lists: uploaded, or fetched from where they are published and kept up to date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strongroom.crypto.chain import Chain
from strongroom.crypto.client_certificate import name_id
from strongroom.crypto.revocation import BadList, RevocationList, read_list
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import SECOND, Request
from strongroom.upstream.http import Target, send

if TYPE_CHECKING:
    from strongroom.auth.cert.cert import Cert

LIMIT = 16 * 1024 * 1024
"""Bytes of a list."""
SOONEST, LATEST = 60, 24 * 3600
"""Seconds after which a list is fetched again, at the soonest and at the latest."""
_INLINE = 100_000
_TURN = 2_000


@dataclass(slots=True)
class Fetched:
    """A list: where it comes from, if not from an upload, and when (nanoseconds) it is fetched next."""

    url: str = ""
    next_fetch: int = 0


LISTS = stored(Fetched, under="crl/")


class Crls(Path):
    """The revocation lists there are."""

    pattern = "crls/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, cert: Cert, request: Request) -> list[str]:
        """Names of the lists."""
        return await LISTS(request).list("", self.after, self.limit)


class CrlPath(Path):
    """A revocation list. A certificate that stands on one logs nobody in, nor does one issued by it.

    Give the list itself, or the address where it is published: then it is fetched again when its next update
    is due, at least once a day. The one fetched last holds until then. A delta has a name of its own, beside
    the list that it adds to.
    """

    pattern = "crls/{name}"
    reader_safe = True
    name: str = field("Name of the list; upper and lower case are the same.")
    crl: str = field("The list, PEM.")
    url: str = field("Where the list is published, http or https; PEM or DER.")

    @property
    def key(self) -> str:
        """The name as it is stored."""
        return self.name.lower()

    async def read(self, cert: Cert, request: Request) -> dict[str, Any]:
        """The serial numbers on the list, in decimal, and where it comes from if it is fetched."""
        kept = await _known(request, self.key)
        told: dict[str, Any] = {"cdp": {"url": kept.url}} if kept.url else {}
        serials = [row.rpartition("/")[2] for row in await request.view.scan(_rows(self.key))]
        return told | ({"serials": {str(int(serial, 16)): {} for serial in serials}} if serials else {})

    async def write(self, cert: Cert, request: Request) -> None:
        """Store the list, in place of one of that name; one with an address is fetched now."""
        if not self.crl and not self.url:
            raise BadRequest("one of 'crl' or 'url' must be provided")
        if self.crl and self.url:
            raise BadRequest("only one of 'crl' or 'url' may be provided")
        before = await LISTS(request).get(self.key)
        if before is not None and before.url:
            request.let_sleep(before.next_fetch, self.key)
        if self.url:
            await fetch(request, self.key, self.url)
        else:
            await _store(request, self.key, await _read(request, self.crl.encode()))
            LISTS(request).put(self.key, Fetched())

    async def delete(self, cert: Cert, request: Request) -> None:
        """Forget the list."""
        kept = await _known(request, self.key)
        if kept.url:
            request.let_sleep(kept.next_fetch, self.key)
        LISTS(request).delete(self.key)
        request.view.delete_prefix(_rows(self.key))


async def fetch(request: Request, name: str, url: str) -> None:
    """Fetch a list and keep it. Raises BadRequest, UpstreamFailed."""
    target, path = _target(url)
    if url not in request.once:
        answer = await send(target, "GET", path)
        if not answer.ok:
            raise UpstreamFailed(f"the revocation list could not be fetched: answered {answer.status}")
        request.once[url] = answer.body
    found = await _read(request, request.once[url])
    await _store(request, name, found)
    wait = LATEST * SECOND
    if found.next_update is not None:
        wait = min(wait, int(found.next_update.timestamp() * SECOND) - request.now)
    due = request.now + max(wait, SOONEST * SECOND)
    LISTS(request).put(name, Fetched(url, due))
    request.wake_at(due, name)


async def refresh(request: Request, name: str) -> None:
    """Fetch a list again that is due; one that cannot be had is tried again a little later."""
    kept = await LISTS(request).get(name)
    if kept is None or kept.next_fetch > request.now:
        return
    try:
        await fetch(request, name, kept.url)
    except (BadRequest, UpstreamFailed):
        due = request.now + SOONEST * SECOND
        LISTS(request).put(name, Fetched(kept.url, due))
        request.wake_at(due, name)


async def revoked(request: Request, chain: Chain) -> bool:
    """Whether a certificate of the chain stands on a list; what is trusted itself is not asked about."""
    names = await LISTS(request).list()
    asked = chain[:-1] or chain
    for one in asked:
        row = f"{name_id(one.issuer)}/{one.serial_number:040x}"
        for name in names:
            if await request.view.get(_rows(name) + row) is not None:
                return True
    return False


def _rows(name: str) -> str:
    return f"revoked/{name}/"


async def _store(request: Request, name: str, found: RevocationList) -> None:
    request.view.delete_prefix(_rows(name))
    for issuer, serials in found.revoked.items():
        for number, serial in enumerate(serials, 1):
            request.view.mark(f"{_rows(name)}{issuer}/{serial:040x}")
            if number % _TURN == 0:
                await asyncio.sleep(0)  # others are served meanwhile


async def _read(request: Request, data: bytes) -> RevocationList:
    try:
        if len(data) < _INLINE:
            return read_list(data)
        if data not in request.once:
            request.once[data] = await asyncio.to_thread(read_list, data)
    except BadList as error:
        raise BadRequest(str(error)) from None
    found: RevocationList = request.once[data]
    return found


def _target(url: str) -> tuple[Target, str]:
    parts = urlsplit(url) if url.isascii() and url.isprintable() and " " not in url else urlsplit("")
    target = Target("the revocation list's server", f"{parts.scheme}://{parts.netloc}", limit=LIMIT)
    target.check()
    return target, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def _known(request: Request, name: str) -> Fetched:
    kept = await LISTS(request).get(name)
    if kept is None:
        raise BadRequest("no such CRL " + name)
    return kept
