"""OCSP responders: asked at each login of a role that wants it, unless an answer still holds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from strongroom.crypto import client_certificate
from strongroom.crypto.chain import Chain
from strongroom.crypto.client_certificate import fingerprint
from strongroom.crypto.revocation import BadAnswer, Standing, judge, question, responders
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import Request
from strongroom.upstream.http import Target, send

if TYPE_CHECKING:
    from strongroom.auth.cert.role import Role

TIMEOUT = 10.0
"""Seconds that a responder has for an answer."""
LIMIT = 64 * 1024
_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
_MOST = 10
"""Responders that are asked about one certificate."""


class Revoked(Exception):
    """A responder says that the certificate was revoked."""


class Unclear(Exception):
    """No responder said anything that counts; the words say why."""


class Answers:
    """Answers that still hold. A cache only: what is not here is asked again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], tuple[Standing, datetime]] = OrderedDict()

    def get(self, key: tuple[str, ...], now: datetime) -> Standing | None:
        """What was said under that key, while it holds."""
        kept = self._kept.get(key)
        if kept is None or kept[1] < now:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def keep(self, key: tuple[str, ...], standing: Standing, until: datetime, size: int) -> None:
        """Keep what was said, and of all that are kept those that were used last."""
        self._kept[key] = standing, until
        self._kept.move_to_end(key)
        while len(self._kept) > size:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One login's questions. ``size`` is how many answers are kept for others."""

    request: Request
    role: Role
    answers: Answers
    now: datetime
    size: int

    async def check(self, chain: Chain) -> None:
        """Raise Revoked, or Unclear, unless responders say what the role wants to hear of a chain's leaf.

        One that issued itself has nobody who could revoke it.
        """
        leaf, role = chain[0], self.role
        if leaf.subject == leaf.issuer:
            return
        if len(chain) < 2:
            raise Unclear("the issuer of the certificate is not known")
        addresses = (role.ocsp_servers_override or responders(leaf))[:_MOST]
        if not addresses:
            raise Unclear("no OCSP responder is known for the certificate")
        reasons = []
        for address in addresses:
            try:
                standing = await self._ask(chain, address)
            except Unclear as error:
                reasons.append(str(error))
                continue
            if standing == "revoked":
                raise Revoked
            if standing == "unknown":
                reasons.append("an OCSP responder does not know the certificate")
            elif not role.ocsp_query_all_servers:
                return
        if reasons:
            raise Unclear("; ".join(dict.fromkeys(reasons)))

    async def _ask(self, chain: Chain, address: str) -> Standing:
        leaf, issuer = chain[:2]
        role, max_age = self.role, self.role.ocsp_this_update_max_age
        key = (address, fingerprint(leaf), fingerprint(issuer), role.ocsp_ca_certificates)
        kept = None if max_age else self.answers.get(key, self.now)
        if kept is not None:
            return kept
        body = await self._send(address, question(leaf, issuer))
        trusted = client_certificate.bundle(role.ocsp_ca_certificates)
        try:
            verdict = judge(body, leaf, issuer, trusted=trusted, now=self.now, max_age=max_age)
        except BadAnswer as error:
            raise Unclear(f"an OCSP responder proves nothing: {error}") from None
        if verdict.until is not None and not max_age:
            self.answers.keep(key, verdict.standing, verdict.until, self.size)
        return verdict.standing

    async def _send(self, address: str, asked: bytes) -> bytes:
        """The answer of a responder, asked again where it gives none; once however often the request runs."""
        once = self.request.once
        if (address, asked) not in once:
            once[address, asked] = await _post(address, asked, self.role.ocsp_max_retries)
        body: bytes = once[address, asked]
        return body


async def _post(address: str, asked: bytes, retries: int) -> bytes:
    try:
        target, path = _target(address)
    except BadRequest:
        raise Unclear("the address of an OCSP responder is none") from None
    for _ in range(retries + 1):
        try:
            answer = await send(target, "POST", path, headers=_HEADERS, content=asked)
        except UpstreamFailed:
            continue
        if answer.ok:
            return answer.body
    raise Unclear("an OCSP responder gives no answer")


def _target(address: str) -> tuple[Target, str]:
    parts = urlsplit(address) if address.isascii() and address.isprintable() else urlsplit("")
    target = Target("an OCSP responder", f"{parts.scheme}://{parts.netloc}", timeout=TIMEOUT, limit=LIMIT)
    target.check()
    return target, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
